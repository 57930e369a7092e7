import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { WaybillError } from '@waybill/kernel/errors';
import pg from 'pg';
import { becomesFree } from './ports.ts';
import { type Account, canReach, reachableBinaries, serverAccount } from './postgres-files.ts';
import { childExit, childrenOf, describeProcess, howItEnded, isAlive, sendSignal, waitForExit } from './processes.ts';

export type PostgresOptions = {
  /** Made on the first start. Belongs to PostgreSQL alone. */
  dataDir: string;
  port: number;
  /** What the server says is appended here. */
  logFile: string;
  /** Of the login `postgres`; fixed when the data directory is made. */
  password: string;
  /** False turns off everything that makes a commit survive a crash of the machine: for tests. */
  durable?: boolean;
  /** Told each external command before it runs. */
  onCommand?: (command: readonly string[]) => void;
};

export type Postgres = {
  url: string;
  pid: number;
  /** Resolves when the server has ended, with how. */
  exited: Promise<string>;
  /** Fast shutdown: open transactions are rolled back, what was committed is written out. */
  stop(): Promise<void>;
  /** SIGKILL to the server and all its processes, as a crash would. */
  kill(): void;
};

type Place = Required<Omit<PostgresOptions, 'onCommand'>> & Pick<PostgresOptions, 'onCommand'> & { account: Account; binaries: string };

// A server under /root, say, can neither be told its path nor walk there; its working directory it can always reach, and
// Linux has a name for that.
const linuxWorkingFolder = '/proc/self/cwd';
const maxLogBytes = 10 * 1024 * 1024;
const neededBytes = 200 * 1024 * 1024;
const startTimeoutMs = 300_000; // recovery after a crash can be long; the process ending is noticed at once

const settings = (durable: boolean) => ({
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '120',
  shared_buffers: '128MB',
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  autovacuum_naptime: '15s',
  log_checkpoints: 'off',
  log_timezone: 'UTC',
  timezone: 'UTC',
  ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
});

/**
 * Starts a PostgreSQL server of our own on 127.0.0.1 and waits until it answers. A server that an earlier run left behind in
 * the same data directory is stopped first, so the caller must know that no other run is using it.
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const dataDir = resolve(options.dataDir);
  const account = serverAccount(dataDir);
  const place: Place = { durable: true, ...options, dataDir, account, binaries: reachableBinaries(account) };
  try {
    await stopLeftover(dataDir);
    if (!(await becomesFree(place.port)))
      throw new WaybillError(
        'conflict',
        `port ${place.port} on 127.0.0.1 is taken, so PostgreSQL cannot start: stop what listens there, or choose another port`,
      );
    if (!existsSync(join(dataDir, 'PG_VERSION'))) createData(place);
    return await startServer(place);
  } catch (error) {
    throw fullDisk(error, place) ?? error;
  }
}

function fullDisk(error: unknown, place: Place): WaybillError | undefined {
  const text = error instanceof Error ? `${error.message} ${'code' in error ? error.code : ''}` : '';
  if (!/ENOSPC|No space left on device/.test(text)) return undefined;
  return new WaybillError('unavailable', `the disk that holds ${place.dataDir} is full: free some space and start again`, { cause: error });
}

function workingFolder(place: Place, folder: string): string {
  if (canReach(folder, place.account)) return folder;
  if (process.platform === 'linux') return linuxWorkingFolder;
  throw new WaybillError(
    'unavailable',
    `PostgreSQL does not run as root, and its user cannot enter ${folder}: choose a root folder that others may enter, or run this as an ordinary user`,
  );
}

// Nothing of our environment reaches the server: no locale, no PG* variables.
const environment = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

function createData(place: Place): void {
  // Made aside and renamed, so that a half-made data directory never looks like a whole one.
  const draft = `${place.dataDir}.new`;
  mkdirSync(dirname(draft), { recursive: true });
  const { bavail, bsize } = statfsSync(dirname(draft));
  if (bavail * bsize < neededBytes) throw new Error(`No space left on device: ${Math.round((bavail * bsize) / 1e6)} MB`);
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { mode: 0o700 });
  const secrets = mkdtempSync(join(tmpdir(), 'waybill-init-')); // closed to others: it holds the password for a moment
  try {
    const passwordFile = join(secrets, 'password');
    writeFileSync(passwordFile, `${place.password}\n`, { mode: 0o600 });
    if (place.account) for (const path of [draft, secrets, passwordFile]) chownSync(path, place.account.uid, place.account.gid);
    const command = join(place.binaries, 'bin', 'initdb');
    const flags = [
      `--pgdata=${workingFolder(place, draft)}`,
      '--username=postgres',
      '--auth=scram-sha-256',
      `--pwfile=${passwordFile}`,
      '--encoding=UTF8',
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8', // the same order and case rules on every machine
      ...(place.durable ? [] : ['--no-sync']),
    ];
    place.onCommand?.([command, ...flags]);
    const { status, stdout, stderr, error } = spawnSync(command, flags, {
      ...place.account,
      cwd: draft,
      env: environment,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`initdb failed in ${draft}: ${(stderr || stdout || error?.message) ?? ''}`.trim(), { cause: error });
    renameSync(draft, place.dataDir);
  } finally {
    rmSync(secrets, { recursive: true, force: true });
  }
}

async function startServer(place: Place): Promise<Postgres> {
  mkdirSync(dirname(place.logFile), { recursive: true });
  if (existsSync(place.logFile) && statSync(place.logFile).size > maxLogBytes) renameSync(place.logFile, `${place.logFile}.1`);
  const deadline = Date.now() + startTimeoutMs;
  for (;;) {
    const logStart = existsSync(place.logFile) ? statSync(place.logFile).size : 0;
    const child = launch(place);
    try {
      await waitUntilReady(place, child, deadline);
      return handle(place, child);
    } catch (error) {
      const said = existsSync(place.logFile) ? readFileSync(place.logFile).subarray(logStart).toString('utf8').trim() : '';
      await end(child);
      // The processes of a server that was killed let go of its memory, and it of its own number, a moment after it.
      if (/pre-existing shared memory block|lock file "postmaster.pid" already exists/.test(said) && Date.now() < deadline) {
        await delay(200);
        continue;
      }
      if (error instanceof WaybillError) throw error;
      throw new Error(`PostgreSQL did not start: ${said.split('\n').slice(-5).join('\n') || 'it said nothing'} (see ${place.logFile})`, {
        cause: error,
      });
    }
  }
}

function launch(place: Place): ChildProcess {
  const flags = Object.entries(settings(place.durable)).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
  const command = join(place.binaries, 'bin', 'postgres');
  const args = ['-D', workingFolder(place, place.dataDir), '-p', String(place.port), ...flags];
  place.onCommand?.([command, ...args]);
  const log = openSync(place.logFile, 'a', 0o600);
  try {
    return spawn(
      command,
      args,
      // Detached: Ctrl-C in a terminal goes to the whole process group, and the server must outlive what uses it.
      { ...place.account, cwd: place.dataDir, env: environment, detached: true, stdio: ['ignore', log, log] },
    );
  } finally {
    closeSync(log);
  }
}

const urlOf = (place: Place): string => `postgres://postgres:${encodeURIComponent(place.password)}@127.0.0.1:${place.port}/postgres`;

async function waitUntilReady(place: Place, child: ChildProcess, deadline: number): Promise<void> {
  const ended = childExit(child).then(() => 'ended');
  const failed = new Promise<never>((_, reject) => child.once('error', reject)); // the binary could not be run at all
  for (;;) {
    const outcome = await Promise.race([ended, failed, tryToConnect(place)]);
    if (outcome === 'ready') return;
    if (outcome === 'ended') throw new Error('the server ended');
    if (outcome === 'refused')
      throw new WaybillError(
        'conflict',
        `the PostgreSQL data in ${place.dataDir} was made with another password: restore the password it was made with, or remove that folder to begin afresh`,
      );
    if (Date.now() > deadline) throw new Error(`the server was not ready after ${startTimeoutMs / 1_000} s`);
    await Promise.race([ended, delay(25)]);
  }
}

async function tryToConnect(place: Place): Promise<'ready' | 'refused' | 'not yet'> {
  const client = new pg.Client({ connectionString: urlOf(place), connectionTimeoutMillis: 2_000 });
  client.on('error', () => {}); // told by connect() already
  try {
    await client.connect();
    return 'ready';
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || error.code === '57P03') return 'not yet'; // does not listen yet, or recovers
    if (error.code === '28P01') return 'refused';
    throw error; // it is up, and no waiting will help
  } finally {
    await client.end().catch(() => {});
  }
}

function handle(place: Place, child: ChildProcess): Postgres {
  const { pid } = child;
  if (pid === undefined) throw new Error('the server has no process id');
  child.unref();
  return {
    url: urlOf(place),
    pid,
    exited: howItEnded(child),
    stop: () => end(child),
    kill() {
      killWhole(pid);
    },
  };
}

function killWhole(pid: number): void {
  if (!isAlive(pid)) return;
  sendSignal(pid, 'SIGSTOP'); // it must not start further processes while they are being counted
  const children = childrenOf(pid);
  for (const target of [...children, pid]) sendSignal(target, 'SIGKILL');
}

async function end(child: ChildProcess): Promise<void> {
  const exit = childExit(child);
  if (child.pid === undefined) return;
  child.ref(); // otherwise a process with nothing else to do would end before the server has
  for (const [signal, timeoutMs] of [
    ['SIGINT', 30_000],
    ['SIGQUIT', 5_000],
  ] as const) {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    if ((await Promise.race([exit, delay(timeoutMs, 'late', { ref: false })])) !== 'late') return;
  }
  killWhole(child.pid);
  await exit;
}

/**
 * A server whose starter was killed lives on. Its lock file names it; that a process is that server is checked before it is
 * touched. True when there was one. The caller must know that no other run is using it.
 */
export async function stopLeftover(dataDir: string): Promise<boolean> {
  const lockFile = join(dataDir, 'postmaster.pid');
  if (!existsSync(lockFile)) return false;
  const [first = '', ...rest] = readFileSync(lockFile, 'utf8').split('\n');
  const pid = Number(first);
  if (!Number.isInteger(pid) || pid <= 0 || !isAlive(pid)) return false; // PostgreSQL itself knows what to do with a stale one
  const { command, folder } = describeProcess(pid);
  const isServer = /(^|\/)postgres /.test(command) && (folder === undefined || folder === realpathSync(dataDir));
  if (!isServer) {
    // Another process has the number now, and PostgreSQL would take it for a server. Its parent's number it takes for stale,
    // and still checks by the rest of the file that no old process holds the shared memory.
    writeFileSync(lockFile, [String(process.pid), ...rest].join('\n'));
    return false;
  }
  sendSignal(pid, 'SIGINT');
  if (await waitForExit(pid, 30_000)) return true;
  killWhole(pid);
  if (!(await waitForExit(pid, 5_000)))
    throw new WaybillError(
      'conflict',
      `a PostgreSQL server (process ${pid}) still uses ${dataDir} and does not stop: end it, then start again`,
    );
  return true;
}
