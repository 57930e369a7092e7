import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from './ports.ts';
import { isAlive, waitForExit } from './processes.ts';
import { findTemporal, startTemporal } from './temporal.ts';

let folder: string;
let binary: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-embedded-temporal-'));
  binary = await findTemporal({ cacheDir: join(folder, 'bin') });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const program = async (name: string, output: string): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\necho '${output}'\n`);
  await chmod(path, 0o755);
  return path;
};

test('the binary that TEMPORAL_CLI names is used, and one that cannot be is an error that says why', async () => {
  const cacheDir = join(folder, 'none');
  expect(await findTemporal({ cacheDir, environment: { TEMPORAL_CLI: binary } })).toBe(binary);
  await expect(findTemporal({ cacheDir, environment: { TEMPORAL_CLI: '/no/such/file' } })).rejects.toMatchObject({
    code: 'unavailable',
    message: 'TEMPORAL_CLI is /no/such/file, but it is not there',
  });
  const old = await program('old', 'temporal version 0.10.0 (Server 1.20.1, UI 2.10.1)');
  await expect(findTemporal({ cacheDir, environment: { TEMPORAL_CLI: old } })).rejects.toThrow('its server 1.20 is older than 1.28');
});

test('PATH comes before the cache, and what is too old is passed over with a word', async () => {
  const bin = join(folder, 'path');
  const { mkdir } = await import('node:fs/promises');
  await mkdir(bin);
  const cacheDir = join(folder, 'cache');
  await mkdir(cacheDir);
  const old = await program('path/temporal', 'temporal version 0.10.0 (Server 1.20.1, UI 2.10.1)');
  const cached = await program('cache/temporal', 'temporal version 1.9.0 (Server 1.31.0, UI 2.50.0)');
  const said: string[] = [];
  const environment = { PATH: bin };
  expect(await findTemporal({ cacheDir, environment, onProgress: (message) => said.push(message) })).toBe(cached);
  expect(said).toEqual([`${old} is not used: its server 1.20 is older than 1.28`]);
  await program('path/temporal', 'temporal version 1.9.0 (Server 1.30.0, UI 2.50.0)');
  expect(await findTemporal({ cacheDir, environment })).toBe(old);
});

test('a taken port is a sentence that says what to do', async () => {
  const port = await freePort();
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));
  const starting = startTemporal({ binary, port, logFile: join(folder, 'taken.log') });
  await expect(starting).rejects.toMatchObject({
    code: 'conflict',
    message: `port ${port} for Temporal is taken: stop what listens there, or choose another port`,
  });
  other.close();
});

test('a server left over by a crash is stopped before the next one opens its file, and the UI knows the codec server', async () => {
  const dbFile = join(folder, 'left', 'temporal.db');
  const logFile = join(folder, 'left', 'temporal.log');
  const left = await startTemporal({ binary, port: await freePort(), dbFile, logFile, durable: false });
  const uiPort = await freePort();
  const next = await startTemporal({
    binary,
    port: await freePort(),
    uiPort,
    dbFile,
    logFile,
    codecEndpoint: 'http://localhost:8089',
    namespace: 'shop',
    durable: false,
  });
  expect(isAlive(left.pid)).toBe(false);
  expect(next.uiUrl).toBe(`http://localhost:${uiPort}`);
  const settings = (await (await fetch(`http://127.0.0.1:${uiPort}/api/v1/settings`)).json()) as { Codec: { Endpoint: string } };
  expect(settings.Codec.Endpoint).toBe('http://localhost:8089');
  await next.stop();
  expect(isAlive(next.pid)).toBe(false);
  const again = await startTemporal({ binary, port: await freePort(), dbFile, logFile, namespace: 'shop', durable: false });
  again.kill();
  expect(await waitForExit(again.pid, 5_000)).toBe(true);
});

test('a server that cannot use its database file says so', async () => {
  const dbFile = join(folder, 'broken.db');
  await writeFile(dbFile, 'this is no database'.repeat(1_000));
  const starting = startTemporal({ binary, port: await freePort(), dbFile, logFile: join(folder, 'broken.log') });
  await expect(starting).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('not a database') });
  expect(await readFile(join(folder, 'broken.log'), 'utf8')).not.toBe('');
});
