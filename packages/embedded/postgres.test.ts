import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, expect, test } from 'vitest';
import { freePort } from './ports.ts';
import { type Postgres, startPostgres } from './postgres.ts';
import { canReach } from './postgres-files.ts';
import { isAlive } from './processes.ts';

const folder = mkdtempSync(join(tmpdir(), 'waybill-postgres-'));
chmodSync(folder, 0o755);
const started: Postgres[] = [];

afterAll(() => {
  for (const server of started) server.kill();
  rmSync(folder, { recursive: true, force: true });
});

const options = async (name: string, rest: { durable?: boolean } = {}) => ({
  dataDir: join(folder, name, 'data'),
  port: await freePort(),
  logFile: join(folder, name, 'postgres.log'),
  password: 'a password with / and @',
  durable: false,
  ...rest,
});

async function start(given: Parameters<typeof startPostgres>[0]): Promise<Postgres> {
  const server = await startPostgres(given);
  started.push(server);
  return server;
}

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

test('data outlives a stop and a start, and the server listens with a password on the loopback interface only', async () => {
  const given = await options('restart', { durable: true });
  const first = await start(given);
  await query(first.url, 'create table kept (id integer)');
  expect(
    await query(
      first.url,
      "select current_setting('listen_addresses') as l, current_setting('unix_socket_directories') as u, current_setting('fsync') as f",
    ),
  ).toEqual([{ l: '127.0.0.1', u: '', f: 'on' }]);
  await expect(query(first.url.replace(/:[^:@]*@/, ':wrong@'), 'select 1')).rejects.toThrow(/password/);
  await first.stop();
  expect(isAlive(first.pid)).toBe(false);
  const second = await start(given);
  expect(await query(second.url, 'select * from kept')).toEqual([]);
  await second.stop();
  await second.stop();
});

test('a server that an earlier run left behind is stopped, and the next one takes over its data', async () => {
  const given = await options('orphan');
  const orphan = await start(given);
  await query(orphan.url, 'create table kept (id integer)');
  const next = await start(given);
  expect(isAlive(orphan.pid)).toBe(false);
  expect(await query(next.url, 'select * from kept')).toEqual([]);
  await next.stop();
});

test('killed outright, the server starts again with what was committed', async () => {
  const given = await options('killed', { durable: true });
  const first = await start(given);
  await query(first.url, 'create table kept as select 1 as id');
  const busy = query(first.url, 'select pg_sleep(60)').catch((error: Error) => error.message);
  first.kill();
  expect(await busy).toMatch(/terminated|ECONNRESET|ECONNREFUSED/); // killed before or after it connected;
  const second = await start(given);
  expect(await query(second.url, 'select id from kept')).toEqual([{ id: 1 }]);
  // The lock file of a crash can name a process id that another program has by now.
  second.kill();
  await expect.poll(() => isAlive(second.pid)).toBe(false);
  const lockFile = join(given.dataDir, 'postmaster.pid');
  writeFileSync(lockFile, readFileSync(lockFile, 'utf8').replace(/^\d+/, '1'));
  await (await start(given)).stop();
});

test('a taken port is said in a sentence', async () => {
  const given = await options('taken');
  const other = createServer().listen(given.port, '127.0.0.1');
  await expect(startPostgres(given)).rejects.toThrow(`port ${given.port} on 127.0.0.1 is taken, so PostgreSQL cannot start`);
  other.close();
});

test('another password than the data was made with is said in a sentence, and the server does not stay', async () => {
  const given = await options('password');
  await (await start(given)).stop();
  await expect(startPostgres({ ...given, password: 'other' })).rejects.toThrow('was made with another password');
  expect(existsSync(join(given.dataDir, 'postmaster.pid'))).toBe(false);
});

test('a broken configuration ends the start with what the server said', async () => {
  const given = await options('broken');
  await (await start(given)).stop();
  appendFileSync(join(given.dataDir, 'postgresql.conf'), "\nno_such_thing = 'x'\n");
  await expect(startPostgres(given)).rejects.toThrow(/PostgreSQL did not start: .*no_such_thing/s);
});

test.skipIf(process.getuid?.() !== 0 || process.platform !== 'linux')(
  'run by root under a folder that is closed to others, the server still starts, stops and starts',
  async () => {
    const closed = join(folder, 'closed');
    mkdirSync(closed, { mode: 0o700 });
    const given = { ...(await options('closed/inner')), durable: true };
    const first = await start(given);
    expect(canReach(given.dataDir, { uid: 65_534, gid: 65_534 })).toBe(false);
    await query(first.url, 'create table kept as select generate_series(1, 100000) as id; checkpoint');
    first.kill();
    const second = await start(given);
    expect(await query(second.url, 'select count(*)::int as n from kept')).toEqual([{ n: 100_000 }]);
    await second.stop();
    expect(execFileSync('stat', ['-c', '%a', closed], { encoding: 'utf8' }).trim()).toBe('700');
  },
);
