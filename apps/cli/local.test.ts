import { once } from 'node:events';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '@waybill/embedded/ports';
import { startPostgres } from '@waybill/embedded/postgres';
import { isAlive } from '@waybill/embedded/processes';
import { describe, expect, test } from 'vitest';
import { createTestRoot, type Ran } from './testing.ts';

const portKeys = ['PORT', 'CODEC_PORT', 'LOCAL_POSTGRES_PORT', 'LOCAL_TEMPORAL_PORT', 'LOCAL_TEMPORAL_UI_PORT'];

/** A root folder on free ports, with what this machine's environment says of the temporal binary. */
async function createInstallation() {
  const ports: Record<string, string> = {};
  for (const key of portKeys) ports[key] = String(await freePort());
  const { PATH = '', TEMPORAL_CLI } = process.env;
  const test = createTestRoot({ PATH, ...(TEMPORAL_CLI && { TEMPORAL_CLI }), ...ports });
  return {
    ...test,
    ports,
    async [Symbol.asyncDispose]() {
      await test.run(['local', 'stop']);
      test[Symbol.dispose]();
    },
  };
}

type Status = { running: boolean; ready?: boolean; processes: Record<'supervisor' | 'server' | 'temporal' | 'postgres', number> };
type Root = { run(argv: readonly string[]): Promise<Ran> };

async function statusOf(root: Root): Promise<Status> {
  return JSON.parse((await root.run(['local', 'status', '--json'])).out);
}

async function until<T>(what: string, look: () => Promise<T>, good: (value: T) => boolean, timeoutMs = 120_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await look();
    if (good(value)) return value;
    if (Date.now() > deadline) throw new Error(`${what} did not come about: ${JSON.stringify(value)}`);
    await delay(100);
  }
}

describe('before a start', () => {
  test('a taken port is named with its setting, and nothing is started', async () => {
    await using root = await createInstallation();
    const squatter = createServer().listen(Number(root.ports['LOCAL_TEMPORAL_PORT']), '127.0.0.1');
    await once(squatter, 'listening');
    const { code, err } = await root.run(['local', 'start', '-d']);
    squatter.close();
    expect(code).toBe(5);
    expect(err.replaceAll(root.ports['LOCAL_TEMPORAL_PORT'] ?? '', 'PORT')).toContain(
      'waybill: port PORT (LOCAL_TEMPORAL_PORT) is taken by another program\n' +
        '  how to fix: stop what uses it, or choose another: waybill config save -s LOCAL_TEMPORAL_PORT=NUMBER',
    );
    expect(await statusOf(root)).toMatchObject({ running: false });
    expect(statSync(join(root.root, 'data', 'postgres'), { throwIfNoEntry: false })).toBeUndefined();
  });

  test('the same port twice is refused', async () => {
    await using root = await createInstallation();
    const { code, err } = await root.run(['local', 'start'], { env: { CODEC_PORT: root.ports['PORT'] ?? '' } });
    expect(code).toBe(5);
    expect(err).toContain('PORT and CODEC_PORT are both');
  });

  test('a full disk is said with how much is needed', async () => {
    await using root = await createInstallation();
    const { code, err } = await root.run(['local', 'start'], { env: { LOCAL_MIN_DISK_MB: '1000000' } });
    expect(code).toBe(6);
    expect(err.replaceAll(/\d+ MB are free/g, 'N MB are free')).toMatchInlineSnapshot(`
      "waybill: the disk that holds $ROOT is full: N MB are free and 1000000 MB are needed
        how to fix: free some space, or choose a root folder on another disk with -r FOLDER"
    `);
  });

  test('a root folder that cannot be made is said with its reason', async () => {
    await using root = await createInstallation();
    writeFileSync(join(root.folder, 'file'), '');
    const { code, err } = await root.run(['-r', 'file/root', 'local', 'start', '-d']);
    expect(code).toBe(3);
    expect(err).toMatchInlineSnapshot(`
      "waybill: the root folder $FOLDER/file/root cannot be used: ENOTDIR: not a directory, mkdir '$FOLDER/file/root'
        how to fix: make it writable for you, or choose another with -r FOLDER or WAYBILL_ROOT"
    `);
  });

  test('a temporal binary that does not work is said, and nothing is started', async () => {
    await using root = await createInstallation();
    const { code, err } = await root.run(['local', 'start'], { env: { TEMPORAL_CLI: '/nowhere/temporal' } });
    expect(code).toBe(6);
    expect(err).toMatchInlineSnapshot(`"waybill: TEMPORAL_CLI is /nowhere/temporal, but it is not there"`);
    expect(statSync(join(root.root, 'data', 'postgres'), { throwIfNoEntry: false })).toBeUndefined();
  });

  test('a wrong configuration is said before anything is made', async () => {
    await using root = await createInstallation();
    const { code, err } = await root.run(['local', 'start', '-d'], { env: { LOG_LEVEL: 'loud' } });
    expect(code).toBe(2);
    expect(err).toContain('LOG_LEVEL must be one of');
    expect(statSync(join(root.root, 'secrets.yml'), { throwIfNoEntry: false })).toBeUndefined();
  });

  test('status, stop and logs of nothing say so', async () => {
    await using root = await createInstallation();
    expect(await root.run(['local', 'status'])).toMatchObject({ code: 6, out: expect.stringContaining('nothing runs in $ROOT') });
    expect(await root.run(['local', 'stop'])).toMatchObject({ code: 0, out: 'nothing runs in $ROOT' });
    expect((await root.run(['local', 'logs'])).code).toBe(4);
    expect((await root.run(['local', 'logs', 'postgers'])).err).toContain('did you mean postgres?');
  });

  test('a PostgreSQL that a killed start left without a record is stopped, and --json stays JSON', { timeout: 60_000 }, async () => {
    await using root = await createInstallation();
    const dataDir = join(root.root, 'data', 'postgres');
    const port = Number(root.ports['LOCAL_POSTGRES_PORT']);
    const left = await startPostgres({ dataDir, port, logFile: join(root.root, 'postgres.log'), password: 'test', durable: false });
    const { code, out, err } = await root.run(['local', 'stop', '--json']);
    expect({ code, out: JSON.parse(out) }).toEqual({ code: 0, out: { pid: null, stopped: true } });
    expect(err).toBe('stopped the PostgreSQL that an earlier run was starting when it was killed');
    expect(isAlive(left.pid)).toBe(false);
    expect(statSync(join(root.root, 'run.json'), { throwIfNoEntry: false })).toBeUndefined();
  });

  test('lost secrets beside kept data are refused, and never made anew', async () => {
    await using root = await createInstallation();
    expect((await root.run(['local', 'do', 'seed', '--dry-run'])).code).toBe(0);
    await root.run(['local', 'start'], { env: { TEMPORAL_CLI: '/nowhere/temporal' } }); // makes the folders and the secrets
    rmSync(join(root.root, 'secrets.yml'));
    writeFileSync(join(root.root, 'data', 'temporal', 'temporal.db'), '');
    const { code, err } = await root.run(['local', 'start', '-d']);
    expect(code).toBe(5);
    expect(err).toContain('secrets.yml is gone, but $ROOT holds data that needs it');
  });

  test('a migration asks, and without a terminal wants -y', async () => {
    await using root = await createInstallation();
    const { code, err } = await root.run(['do', 'migrate']);
    expect(code).toBe(2);
    expect(err).toContain('say yes with -y');
  });

  test('doctor finds what a start would find', async () => {
    await using root = await createInstallation();
    const { out } = await root.run(['doctor', '--json'], { env: { LOCAL_MIN_DISK_MB: '1000000', TEMPORAL_CLI: '/nowhere/temporal' } });
    const { ok, findings } = JSON.parse(out);
    expect(ok).toBe(false);
    const missing = findings.filter(({ state }: { state: string }) => state === 'missing').map(({ name }: { name: string }) => name);
    expect(missing).toEqual(['Temporal', 'disk']);
  });
});

describe('an installation on this machine', () => {
  test('starts in the background, takes orders, survives every kill, and stops clean', { timeout: 600_000 }, async () => {
    await using root = await createInstallation();
    const started = await root.run(['local', 'start', '-d']);
    expect(started, started.err).toMatchObject({ code: 0 });
    expect(started.out).toContain(`http://127.0.0.1:${root.ports['PORT']}`);
    expect(statSync(join(root.root, 'secrets.yml')).mode & 0o777).toBe(0o600);
    expect((await root.run(['config', 'printvalue', 'ADMIN_API_KEY'])).out).toMatch(/^wbk_[0-9a-f]{48}$/);

    const second = await root.run(['local', 'start']);
    expect(second.code).toBe(5);
    const { supervisor } = (await statusOf(root)).processes;
    expect(second.err).toContain(`waybill already runs in $ROOT (pid ${supervisor}) at http://127.0.0.1:${root.ports['PORT']}`);

    expect((await root.run(['local', 'do', 'seed'])).code).toBe(0);
    const placed = await root.run(['orders', 'place', '--sku', 'MUG-BLUE:2', '--key', 'e2e', '--json']);
    expect(placed, placed.err).toMatchObject({ code: 0 });
    const { id } = JSON.parse(placed.out);
    expect(JSON.parse((await root.run(['orders', 'place', '--sku', 'MUG-BLUE:2', '--key', 'e2e', '--json'])).out).id).toBe(id);
    expect((await root.run(['orders', 'place', '--sku', 'MUG-BLEU'])).err).toContain('lines[0].sku');
    expect((await root.run(['orders', 'show', 'ord_00000000000000000000000000'])).code).toBe(4);

    for (const name of ['server', 'temporal', 'postgres'] as const) {
      const before = (await statusOf(root)).processes[name];
      process.kill(before, 'SIGKILL');
      const restarted = ({ processes, ready }: Status) => ready === true && processes[name] !== undefined && processes[name] !== before;
      await until(`a new ${name}`, () => statusOf(root), restarted);
    }
    expect((await root.run(['local', 'logs', 'supervisor'])).out).toContain('was ended by SIGKILL; it is started again');

    // Its supervisor gone, the server ends by itself; the others are found by the next start.
    const orphans = (await statusOf(root)).processes;
    process.kill(orphans.supervisor, 'SIGKILL');
    await until(
      'the end of the server',
      async () => isAlive(orphans.server),
      (alive) => !alive,
    );
    expect(isAlive(orphans.postgres)).toBe(true);
    const again = await root.run(['local', 'start', '-d']);
    expect(again, again.err).toMatchObject({ code: 0 });
    expect(again.out).toContain(`stopping the PostgreSQL that an earlier run left behind (pid ${orphans.postgres})`);
    expect(isAlive(orphans.temporal)).toBe(false);
    expect(JSON.parse((await root.run(['orders', 'show', id, '--json'])).out)).toMatchObject({ id });
    await root.run(['orders', 'cancel', id]);
    const watched = await root.run(['orders', 'watch', id]);
    expect(watched.out).toContain(`${id} is cancelled`);

    const { processes } = await statusOf(root);
    const stopped = await root.run(['local', 'stop']);
    expect(stopped).toMatchObject({ code: 0, out: expect.stringMatching(/^stopped/) });
    for (const [name, pid] of Object.entries(processes)) expect(isAlive(pid), name).toBe(false);
    expect(statSync(join(root.root, 'run.json'), { throwIfNoEntry: false })).toBeUndefined();
    const said = readFileSync(join(root.root, 'logs', 'supervisor.log'), 'utf8')
      .trim()
      .split('\n')
      .slice(-3);
    expect(said.map((line) => / (the server|Temporal|PostgreSQL) /.exec(line)?.[1])).toEqual(['the server', 'Temporal', 'PostgreSQL']);
    expect(await root.run(['do', 'migrate', '-y'])).toMatchObject({ code: 0, out: 'the databases are up to date' });
  });

  test('quickstart brings order #1 to its end, and goes on from there the next time', { timeout: 300_000 }, async () => {
    await using root = await createInstallation();
    const untilUp = (line: string, stop: () => void) => {
      if (line.startsWith('Everything runs until Ctrl-C')) stop();
    };
    const first = await root.run(['local', 'quickstart'], { onLine: untilUp });
    expect(first, first.err).toMatchObject({ code: 0 });
    const told = first.out.split('\n');
    expect(told.filter((line) => line.includes('the carrier reports')).length).toBe(4); // two parcels leave and arrive
    const key = (await root.run(['config', 'printvalue', 'ADMIN_API_KEY'])).out;
    expect(first.out).not.toContain(key);
    for (const line of ['order #1 is completed', 'the server (pid']) expect(first.out).toContain(line);
    const again = await root.run(['local', 'quickstart'], { onLine: untilUp });
    expect(again).toMatchObject({ code: 0 });
    expect(again.out).toMatch(/order #1 \(ord_\w+\) was placed earlier and is completed/);
  });

  test('stopped in the middle of a start, it leaves nothing running', { timeout: 120_000 }, async () => {
    await using root = await createInstallation();
    const stopEarly = (line: string, stop: () => void) => {
      if (line.includes('PostgreSQL: port')) stop();
    };
    const { code, out, err } = await root.run(['local', 'start'], { onLine: stopEarly });
    expect({ code, err }).toEqual({ code: 130, err: 'stopped before it was done' });
    expect(out).toMatch(/PostgreSQL \(pid \d+\) stopped/);
    expect((await root.run(['local', 'status'])).out).toContain('nothing runs');
  });
});
