import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { sendSignal } from '@waybill/embedded/processes';
import { loadConfiguration } from '../configuration.ts';
import { type Context, print } from '../context.ts';
import { CommandError } from '../failure.ts';
import { isStill } from './identity.ts';
import { stopOrphans } from './orphans.ts';
import { liveRunState, readRunState } from './run-file.ts';

/** Asks the supervisor to stop, and waits until it has. Without one, stops what a killed one left behind. */
export async function stop(context: Context, options: { mayBeStopped?: boolean } = {}): Promise<undefined> {
  const { root, io } = context;
  const timeoutMs = loadConfiguration(root, io.env).cli.LOCAL_STOP_TIMEOUT;
  const state = liveRunState(root);
  if (!state) return stopLeft(context, timeoutMs, options.mayBeStopped ?? false);
  const { pid } = state.supervisor;
  if (context.dryRun) return print(context, { pid, stopped: false }, [`would stop pid ${pid}`]);
  sendSignal(pid, 'SIGTERM');
  const deadline = Date.now() + 4 * timeoutMs; // three processes one after the other, and a margin
  while (isStill(state.supervisor)) {
    if (Date.now() > deadline) {
      throw new CommandError('unavailable', `pid ${pid} has not stopped after ${(4 * timeoutMs) / 1_000} s`, {
        fix: `look into ${root.logs}, then end it with "kill -9 ${pid}"; nothing is lost, the next start cleans up`,
      });
    }
    await delay(50);
  }
  // Killed while it stopped (by someone else): what it left is ours to end.
  await stopOrphans(readRunState(root), timeoutMs, io.out);
  if (!options.mayBeStopped) print(context, { pid, stopped: true }, ['stopped; the data stays, and "start" goes on where this was']);
}

async function stopLeft(context: Context, timeoutMs: number, mayBeStopped: boolean): Promise<undefined> {
  const { root, io } = context;
  const left = readRunState(root);
  if (left && Object.values(left.children).some(isStill)) {
    await stopOrphans(left, timeoutMs, context.json ? io.err : io.out);
    rmSync(root.run, { force: true });
    if (!mayBeStopped) print(context, { pid: null, stopped: true }, ['stopped what an earlier run had left behind']);
  } else if (!mayBeStopped) {
    print(context, { pid: null, stopped: false }, [`nothing runs in ${root.path}`]);
  }
}
