import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { WaybillError } from '@waybill/kernel/errors';
import { checkTemporal } from '@waybill/kernel/temporal-client';
import { isPortFree } from './ports.ts';
import { childExit, describeProcess, howItEnded, isAlive, sendSignal, waitForExit } from './processes.ts';

export { findTemporal } from './temporal-binary.ts';

export type TemporalOptions = {
  binary: string;
  port: number;
  /** Without one there is no Temporal UI. */
  uiPort?: number;
  /** Where workflows live on after a stop. Without one they live in memory. */
  dbFile?: string;
  /** Base URL of the codec server, as the browser reaches it. */
  codecEndpoint?: string;
  logFile: string;
  namespace?: string;
  /** Where the server shows its metrics; any free port without it. */
  metricsPort?: number;
  /** False trades the safety of the file against a power cut for speed: for tests. */
  durable?: boolean;
  /** Told each external command before it runs. */
  onCommand?: (command: readonly string[]) => void;
};

export type EmbeddedTemporal = {
  address: string;
  uiUrl?: string;
  pid: number;
  /** Resolves when it has ended, with how. */
  exited: Promise<string>;
  /** Asks it to end, and insists after ten seconds. */
  stop(): Promise<void>;
  /** Ends it as a crash would. */
  kill(): void;
};

/**
 * On a busy machine Temporal's processor time goes after that of the processes people wait for: placing an order does not need it.
 * Only threads started from now on take it on, which are nearly all.
 */
function giveWay(pid: number): void {
  try {
    setPriority(pid, 10);
  } catch {
    // Not every system lets a process do this, and all works without it.
  }
}

/** Starts Temporal's dev server on loopback and resolves when its namespace answers. One left over by a crash of ours is stopped first. */
export async function startTemporal(options: TemporalOptions): Promise<EmbeddedTemporal> {
  const { binary, port, uiPort, dbFile, logFile, namespace = 'default' } = options;
  await mkdir(dirname(logFile), { recursive: true });
  if (dbFile) {
    await mkdir(dirname(dbFile), { recursive: true });
    await stopOrphan(dbFile);
  }
  for (const [what, wanted] of [
    ['Temporal', port],
    ['the Temporal UI', uiPort],
  ] as const) {
    if (wanted === undefined || (await isPortFree(wanted))) continue;
    throw new WaybillError('conflict', `port ${wanted} for ${what} is taken: stop what listens there, or choose another port`);
  }
  const logSize = await stat(logFile).then(
    ({ size }) => size,
    () => 0,
  );
  const log = await open(logFile, 'a');
  options.onCommand?.([binary, ...argumentsOf(options)]);
  const child = spawn(binary, argumentsOf(options), { stdio: ['ignore', log.fd, log.fd], detached: true }); // Ctrl-C must reach us alone
  try {
    const pid = await spawned(child, binary);
    giveWay(pid);
    if (dbFile) await writeFile(pidFile(dbFile), `${pid}\n`);
    await untilReady(child, `127.0.0.1:${port}`, namespace, () => tailOf(logFile, logSize));
    return {
      address: `127.0.0.1:${port}`,
      ...(uiPort === undefined ? {} : { uiUrl: `http://localhost:${uiPort}` }),
      pid,
      exited: howItEnded(child),
      async stop() {
        await endProcess(pid);
        await childExit(child);
        if (dbFile) await rm(pidFile(dbFile), { force: true });
      },
      kill: () => sendSignal(pid, 'SIGKILL'),
    };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  } finally {
    await log.close();
  }
}

const pidFile = (dbFile: string): string => `${dbFile}.pid`;

function argumentsOf({ port, metricsPort, uiPort, dbFile, codecEndpoint, namespace, durable }: TemporalOptions): string[] {
  return [
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--log-format', 'json', '--log-level', 'warn'],
    ...(uiPort === undefined ? ['--headless'] : ['--ui-ip', '127.0.0.1', '--ui-port', String(uiPort)]),
    ...(codecEndpoint ? ['--ui-codec-endpoint', codecEndpoint] : []),
    ...(metricsPort === undefined ? [] : ['--metrics-port', String(metricsPort)]),
    // With a write-ahead log a commit waits for the disk once, not four times, and is no less safe: SQLite's default is full sync.
    ...(dbFile ? ['--db-filename', dbFile, '--sqlite-pragma', 'journal_mode=wal'] : []),
    ...(dbFile && durable === false ? ['--sqlite-pragma', 'synchronous=0'] : []),
    ...(namespace && namespace !== 'default' ? ['--namespace', namespace] : []),
    '--disable-config-file', // a developer's own profile must not move it elsewhere
    '--disable-config-env',
  ];
}

async function spawned(child: ChildProcess, binary: string): Promise<number> {
  await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject)).catch((cause: unknown) => {
    throw new WaybillError('unavailable', `${binary} cannot be run: set TEMPORAL_CLI to a working temporal binary`, { cause });
  });
  if (child.pid === undefined) throw new Error('a spawned process has no id');
  return child.pid;
}

async function untilReady(child: ChildProcess, address: string, namespace: string, log: () => Promise<string>): Promise<void> {
  const deadline = Date.now() + 60_000; // a large database on a slow disk takes its time
  let last: unknown;
  while (Date.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new WaybillError('unavailable', `Temporal ended while it started: ${await log()}`);
    try {
      await checkTemporal({ address, namespace, timeoutMs: 1_000 });
      return;
    } catch (error) {
      last = error;
      await delay(50);
    }
  }
  throw new WaybillError('unavailable', `Temporal did not answer on ${address} within a minute: ${await log()}`, { cause: last });
}

async function tailOf(logFile: string, from: number): Promise<string> {
  const text = (await readFile(logFile)).subarray(from).toString().trim();
  return text === '' ? `its log ${logFile} says nothing` : `${text.slice(-1_000)} (more in ${logFile})`;
}

/**
 * After a crash of ours the server runs on with the file open; two on one file would be an outage. True when there was one.
 * The caller must know that no other run is using it.
 */
export async function stopOrphan(dbFile: string): Promise<boolean> {
  const pid = Number(await readFile(pidFile(dbFile), 'utf8').catch(() => ''));
  if (!(pid > 0) || !isAlive(pid)) return false;
  const { command } = describeProcess(pid);
  if (!command.includes('start-dev') || !command.includes(dbFile)) return false;
  await endProcess(pid);
  return true;
}

async function endProcess(pid: number): Promise<void> {
  sendSignal(pid, 'SIGTERM');
  if (await waitForExit(pid, 10_000)) return;
  sendSignal(pid, 'SIGKILL');
  await waitForExit(pid, 5_000);
}
