import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { sendSignal } from '@waybill/embedded/processes';
import { type Configuration, loadConfiguration } from '../configuration.ts';
import { type Context, print, proseOf } from '../context.ts';
import { CommandError } from '../failure.ts';
import { isStill } from './identity.ts';
import { stopOrphans } from './orphans.ts';
import { liveRunState, takeRunLock } from './run-file.ts';

/** Asks the supervisor to stop, and waits until it has. Without one, stops what a killed one left behind. */
export async function stop(context: Context, options: { mayBeStopped?: boolean } = {}): Promise<undefined> {
  const { root, io } = context;
  const configuration = loadConfiguration(root, io.env);
  const timeoutMs = configuration.cli.LOCAL_STOP_TIMEOUT;
  const state = liveRunState(root);
  if (!state) {
    const found = !context.dryRun && (await stopLeft(context, configuration));
    if (options.mayBeStopped) return;
    const told = found ? 'stopped what an earlier run had left behind' : `nothing runs in ${root.path}`;
    return print(context, { pid: null, stopped: found }, [told]);
  }
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
  if (existsSync(root.run)) await stopLeft(context, configuration);
  if (!options.mayBeStopped) print(context, { pid, stopped: true }, ['stopped; the data stays, and "start" goes on where this was']);
}

/** Nothing is touched while another start has the run lock: what runs is that one's. */
async function stopLeft(context: Context, configuration: Configuration): Promise<boolean> {
  const { root } = context;
  if (!existsSync(root.path)) return false;
  const taken = takeRunLock(root, configuration.apiUrl);
  if (!('lock' in taken)) return false;
  try {
    taken.lock.update({ state: 'stopping' }); // a start meanwhile waits for us
    return await stopOrphans(root, taken.lock, configuration.cli.LOCAL_STOP_TIMEOUT, proseOf(context));
  } finally {
    taken.lock.release();
  }
}
