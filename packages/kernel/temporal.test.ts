import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { freePort } from '@waybill/embedded/ports';
import { type EmbeddedTemporal, findTemporal, startTemporal } from '@waybill/embedded/temporal';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Calls } from './calls.ts';
import { loadSettings } from './config.ts';
import { generateKey, type KeyRing, openKeyRing } from './encryption.ts';
import { WaybillError } from './errors.ts';
import { silentLogger } from './log.ts';
import { createTemporal, type Temporal } from './temporal-client.ts';
import { fromTemporalError } from './temporal-failure.ts';
import { createWorkerConnection, installRuntime, type RunningWorker, startWorker } from './temporal-worker.ts';
import { greeting, refusal, release, rename as renameUpdate, steps, stumble } from './testing/example-workflows.ts';
import { type WorkerSettings, workerSettings } from './worker-settings.ts';
import { workflowBundle } from './workflow-bundle.ts';

let folder: string;
let binary: string;
let bundle: { codePath: string };
let port: number;
let server: EmbeddedTemporal | undefined;
let settings: WorkerSettings;
const dbFile = () => join(folder, 'temporal.db');

const start = () => startTemporal({ binary, port, dbFile: dbFile(), logFile: join(folder, 'temporal.log'), durable: false });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-temporal-'));
  binary = await findTemporal({ cacheDir: join(folder, 'bin') });
  installRuntime({ log: silentLogger });
  bundle = await workflowBundle({
    entry: fileURLToPath(new URL('./testing/example-workflows.ts', import.meta.url)),
    cacheDir: join(folder, 'bundles'),
  });
  port = await freePort();
  settings = loadSettings(workerSettings, { environment: { TEMPORAL_ADDRESS: `127.0.0.1:${port}`, TEMPORAL_COMMAND_TIMEOUT: '20s' } });
  server = await start();
});

afterAll(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const greet: Calls = {
  greet: async ({ name }: { name: string }) => `hello ${name}`,
  refuse: async ({ reason }: { reason: string }) => {
    throw new WaybillError('conflict', reason);
  },
};

function client(ring: KeyRing): Temporal {
  const temporal = createTemporal({ settings, ring });
  closing.push(() => temporal.close());
  return temporal;
}

function work(ring: KeyRing, taskQueue: string, activities: Calls = greet): RunningWorker {
  const connection = createWorkerConnection({ settings });
  const worker = startWorker({ connection, settings, ring, taskQueue, activities, workflowBundle: bundle, log: silentLogger });
  closing.push(async () => {
    await worker.stop();
    await connection.close();
  });
  return worker;
}

async function until<T>(what: () => Promise<T | undefined | false> | T | undefined | false, timeoutMs = 30_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await what();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`not so within ${timeoutMs} ms: ${what}`);
    await delay(25);
  }
}

/** Every text in a message of Temporal's, bytes as text: JSON would turn them into base64, where nothing can be found. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return `${value}\n`;
  if (ArrayBuffer.isView(value)) return `${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1')}\n`;
  if (typeof value !== 'object' || value === null) return '';
  return Object.entries(value)
    .map(([key, inner]) => `${key}: ${textOf(inner)}`)
    .join('');
}

const databaseText = async () => {
  const names = (await readdir(folder)).filter((name) => name.startsWith('temporal.db') && !name.endsWith('.pid'));
  const files = await Promise.all(names.map((name) => readFile(join(folder, name))));
  return Buffer.concat(files).toString('latin1');
};

test('no payload, memo, update, signal or failure is readable in the database or without the key, yet all is with it', async () => {
  const ring = openKeyRing({ keys: generateKey('k1') });
  const { client: temporal } = client(ring);
  const taskQueue = 'secrecy';
  let attempts = 0;
  work(ring, taskQueue, {
    ...greet,
    greet: async ({ name }: { name: string }) => {
      if (name === 'Zebulon' && ++attempts < 3) throw new Error('Xylophone is out of tune');
      return `hello ${name}`;
    },
  });

  const handle = await temporal.workflow.start(greeting, {
    taskQueue,
    workflowId: 'secrecy/1',
    args: [{ name: 'Zebulon' }],
    memo: { note: 'Quagmire' },
    staticSummary: 'Wisteria',
  });
  const rejected = await handle.executeUpdate(renameUpdate, { args: [{ name: '' }] }).catch((error: unknown) => error);
  expect(fromTemporalError(rejected)).toMatchObject({ code: 'invalid', message: 'a name must not be empty' });
  await until(async () => (await handle.describe()).memo?.['note'] === 'memo of Zebulon');
  expect(await handle.executeUpdate(renameUpdate, { args: [{ name: 'Umbriel' }] })).toBe('now Umbriel');
  await handle.signal(release, { word: 'Kumquat' });
  expect(await handle.result()).toBe('hello Zebulon, Umbriel, Kumquat');

  const refused = await temporal.workflow
    .execute(refusal, { taskQueue, workflowId: 'secrecy/2', args: [{ reason: 'Obsidian is short' }] })
    .catch((error: unknown) => error);
  expect(fromTemporalError(refused)).toMatchObject({ code: 'conflict', message: 'Obsidian is short' });

  const stumbling = await temporal.workflow.start(stumble, { taskQueue, workflowId: 'secrecy/3', args: [{ over: 'Nebuchadnezzar' }] });
  await until(async () => (await stumbling.fetchHistory()).events?.some((event) => event.workflowTaskFailedEventAttributes));

  const connection = await Connection.connect({ address: settings.TEMPORAL_ADDRESS });
  closing.push(() => connection.close());
  const keyless = new Client({ connection });
  const seen = [];
  for (const id of ['secrecy/1', 'secrecy/2', 'secrecy/3']) {
    const { history } = await connection.workflowService.getWorkflowExecutionHistory({
      namespace: 'default',
      execution: { workflowId: id },
    });
    const described = await connection.workflowService.describeWorkflowExecution({ namespace: 'default', execution: { workflowId: id } });
    seen.push(textOf([history, described]));
  }
  await expect(keyless.workflow.getHandle('secrecy/1').result()).rejects.toThrow();
  await stumbling.terminate();
  await server?.stop(); // flushes what is still in memory
  const stored = await databaseText();
  server = await start();

  expect(stored).toContain('secrecy/1');
  expect(stored).toContain('binary/encrypted');
  expect(seen.join()).toContain('Encoded failure');
  expect(seen.join()).toContain('binary/encrypted');
  for (const secret of [
    ...[
      'Zebulon',
      'Quagmire',
      'Wisteria',
      'Umbriel',
      'Kumquat',
      'hello',
      'memo of',
      'Xylophone',
      'Obsidian',
      'Nebuchadnezzar',
      'cannot read',
    ],
    ...['example-workflows.ts', 'temporal.test.ts', 'WaybillError'],
  ]) {
    expect(stored.includes(secret), `${secret} in the database`).toBe(false);
    expect(seen.join().includes(secret), `${secret} in what a client without the key gets`).toBe(false);
  }
});

test('a key is rotated while workflows run: old histories stay readable, new payloads use the new key', async () => {
  const file = join(folder, 'ring');
  const [k1, k2] = [generateKey('k1').reveal(), generateKey('k2').reveal()];
  const replaceRing = async (text: string) => {
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
  };
  await replaceRing(k1);
  const taskQueue = 'rotation';
  const ring = openKeyRing({ file });
  const { client: temporal, connection } = client(ring);
  work(openKeyRing({ file }), taskQueue); // a ring of its own, as in another process
  const handles = await Promise.all(
    Array.from({ length: 5 }, (_, i) =>
      temporal.workflow.start(greeting, { taskQueue, workflowId: `rotation/${i}`, args: [{ name: `n${i}` }] }),
    ),
  );
  // The workflow writes its memo itself: all of them must have done so with the old key.
  for (const handle of handles) await until(async () => (await handle.describe()).memo?.['note'] !== undefined);
  await replaceRing(`${k1},${k2}`); // known everywhere before anyone uses it
  await until(() => ring.ids().includes('k2'));
  await replaceRing(`${k2},${k1}`);
  await until(() => ring.ids()[0] === 'k2');
  for (const [i, handle] of handles.entries()) {
    await handle.signal(release, { word: 'go' });
    expect(await handle.result()).toBe(`hello n${i}, n${i}, go`);
  }
  const keysIn = async (id: string) => {
    const history = await connection.workflowService.getWorkflowExecutionHistory({ namespace: 'default', execution: { workflowId: id } });
    const text = textOf(history);
    return new Set([...text.matchAll(/encryption-key-id: (k\d)/g)].map(([, key]) => key));
  };
  expect(await keysIn('rotation/0')).toEqual(new Set(['k1', 'k2']));
  await replaceRing(k2);
  await until(() => ring.ids().length === 1);
  expect(await temporal.workflow.execute(steps, { taskQueue, workflowId: 'rotation/new', args: [{ name: 'x', count: 3 }] })).toBe(3);
  await expect(handles[0]!.describe().then(({ memo }) => memo)).rejects.toThrow('not in the key ring');
});

test('a worker without the right key fails no workflow, and goes on once it has the key', async () => {
  const file = join(folder, 'late-ring');
  const [k1, k2] = [generateKey('k1').reveal(), generateKey('k2').reveal()];
  await writeFile(file, k2);
  const taskQueue = 'late-key';
  const { client: temporal } = client(openKeyRing({ keys: await secretOf(k1) }));
  const worker = work(openKeyRing({ file }), taskQueue);
  const handle = await temporal.workflow.start(steps, { taskQueue, workflowId: 'late-key/1', args: [{ name: 'x', count: 2 }] });
  await until(async () => (await handle.fetchHistory()).events?.some((event) => event.workflowTaskFailedEventAttributes));
  expect((await handle.describe()).status.name).toBe('RUNNING');
  expect(worker.state()).toBe('running');
  await writeFile(file, `${k1},${k2}`);
  expect(await handle.result()).toBe(2);
});

const secretOf = async (text: string) => new (await import('./secret.ts')).Secret(text);

test('a worker and a client that start before Temporal, or see it crash, go on by themselves', async () => {
  await server?.stop();
  server = undefined;
  const ring = openKeyRing({ keys: generateKey() });
  const temporal = client(ring);
  const taskQueue = 'restarts';
  const worker = work(ring, taskQueue);
  const startedAt = performance.now();
  await expect(temporal.ping()).rejects.toMatchObject({ code: 'unavailable' });
  const failure = await temporal.client.workflow
    .start(steps, { taskQueue, workflowId: 'restarts/0', args: [{ name: 'x', count: 1 }] })
    .catch((error: unknown) => error);
  expect(fromTemporalError(failure)).toMatchObject({ code: 'unavailable' });
  expect(performance.now() - startedAt).toBeLessThan(6_000);
  expect(worker.state()).toBe('connecting');

  server = await start();
  await until(() => worker.state() === 'running');
  await until(() =>
    temporal.ping().then(
      () => true,
      () => false,
    ),
  );
  const handle = await temporal.client.workflow.start(greeting, { taskQueue, workflowId: 'restarts/1', args: [{ name: 'Ann' }] });
  await until(async () => (await handle.describe()).historyLength > 8);

  server.kill();
  await until(() =>
    temporal.ping().then(
      () => false,
      () => true,
    ),
  );
  server = await start();
  await until(
    () =>
      temporal.ping().then(
        () => true,
        () => false,
      ),
    5_000,
  );
  await handle.signal(release, { word: 'back' });
  expect(await handle.result()).toBe('hello Ann, Ann, back');
  expect(worker.state()).toBe('running');
});

test('a call that Temporal does not answer in time is unavailable', async () => {
  const ring = openKeyRing({ keys: generateKey() });
  const impatient = createTemporal({ settings: { ...settings, TEMPORAL_COMMAND_TIMEOUT: 300 }, ring });
  closing.push(() => impatient.close());
  const handle = await impatient.client.workflow.start(greeting, { taskQueue: 'nobody', workflowId: 'nobody/1', args: [{ name: 'x' }] });
  const startedAt = performance.now();
  const error = await handle.executeUpdate(renameUpdate, { args: [{ name: 'y' }] }).catch((thrown: unknown) => thrown);
  expect(fromTemporalError(error)).toMatchObject({ code: 'unavailable' });
  expect(performance.now() - startedAt).toBeLessThan(3_000);
  await handle.terminate();
});

test('workflow threads spare themselves the stack traces that the SDK takes of every promise', async () => {
  const ring = openKeyRing({ keys: generateKey() });
  const { client: temporal } = client(ring);
  work(ring, 'light');
  const handle = await temporal.workflow.start(greeting, { taskQueue: 'light', workflowId: 'light/1', args: [{ name: 'x' }] });
  expect(await handle.executeUpdate(renameUpdate, { args: [{ name: 'y' }] })).toBe('now y');
  expect(await handle.query('__stack_trace')).toBe('');
  await handle.terminate();
});

test('a worker that is stopped with nothing to do stops at once', async () => {
  const worker = work(openKeyRing({ keys: generateKey() }), 'idle');
  await until(() => worker.state() === 'running');
  const startedAt = performance.now();
  await worker.stop();
  expect(worker.state()).toBe('stopped');
  expect(performance.now() - startedAt).toBeLessThan(3_000);
});
