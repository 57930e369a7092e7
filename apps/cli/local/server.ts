import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { howItEnded, sendSignal } from '@waybill/embedded/processes';
import { CommandError, Interrupted } from '../failure.ts';
import type { Root } from '../root.ts';
import { lastWords, openLog } from './log-files.ts';
import type { RunningComponent } from './supervisor.ts';

const serverMain = fileURLToPath(import.meta.resolve('@waybill/server/main'));

export type ServerOptions = {
  root: Root;
  environment: Record<string, string>;
  /** Where /readyz is. */
  url: string;
  startTimeoutMs: number;
  stopTimeoutMs: number;
  signal: AbortSignal;
  onCommand(command: readonly string[]): void;
};

/** Starts every role in one process. The first time it waits until that is ready; one that is started again finds its own way. */
export async function startServer(options: ServerOptions, again: boolean): Promise<RunningComponent> {
  const log = openLog(options.root, 'server');
  const command = [process.execPath, serverMain, 'run', 'all'] as const;
  options.onCommand(command);
  const child = spawn(command[0], command.slice(1), {
    cwd: options.root.path,
    env: options.environment,
    // The channel closes when this process dies, and the server takes that for a request to end.
    stdio: ['ignore', log.fd, log.fd, 'ipc'],
    detached: true, // Ctrl-C must reach us alone: we stop things in order
  });
  closeSync(log.fd);
  const exited = howItEnded(child);
  await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  const { pid } = child;
  if (pid === undefined) throw new Error('a spawned server has no process id');
  const kill = () => sendSignal(pid, 'SIGKILL');
  if (!again) {
    try {
      await untilReady(options, exited, () => lastWords(log.path, log.size));
    } catch (error) {
      kill();
      await exited;
      throw error;
    }
  }
  return {
    pid,
    exited,
    async stop() {
      sendSignal(pid, 'SIGTERM');
      const outcome = await Promise.race([exited, delay(options.stopTimeoutMs, 'late', { ref: false })]);
      if (outcome !== 'late') return;
      kill();
      await exited;
    },
    kill,
  };
}

async function untilReady(options: ServerOptions, exited: Promise<string>, said: () => string): Promise<void> {
  const { url, signal, startTimeoutMs } = options;
  const deadline = Date.now() + startTimeoutMs;
  let ended: string | undefined;
  void exited.then((how) => {
    ended = how;
  });
  for (;;) {
    if (signal.aborted) throw new Interrupted();
    if (ended) throw new CommandError('unavailable', `the server ${ended} while it started: ${said()}`, { fix: logHint(options.root) });
    const state = await readiness(url);
    if (state.ready) return;
    if (Date.now() > deadline) {
      throw new CommandError('unavailable', `the server was not ready after ${startTimeoutMs / 1_000} s: ${state.reason}`, {
        fix: logHint(options.root),
      });
    }
    await delay(100, undefined, { signal }).catch(() => {});
  }
}

const logHint = (root: Root): string => `look into ${root.logs}/server.log ("waybill ${root.flag}local logs server"), then start again`;

export type ReadinessCheck = { name: string; ok: boolean; needed?: boolean; error?: string };
export type ReadinessState = { ready: boolean; reason: string; checks: ReadinessCheck[] };

/** What /readyz says, in one line if it is not ready. Never throws. */
export async function readiness(url: string): Promise<ReadinessState> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) });
    const body = (await response.json().catch(() => ({}))) as { checks?: ReadinessCheck[] }; // the kernel's own shape; anything else has no checks
    const checks = body.checks ?? [];
    const failing = checks.filter(({ ok }) => !ok).map(({ name, error }) => `${name}: ${error ?? 'out'}`);
    return { ready: response.ok, reason: failing.join('; ') || `${url}/readyz answers ${response.status}`, checks };
  } catch {
    return { ready: false, reason: `nothing answers at ${url}`, checks: [] };
  }
}
