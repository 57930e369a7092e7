import { stopLeftover } from '@waybill/embedded/postgres';
import { sendSignal, waitForExit } from '@waybill/embedded/processes';
import { stopOrphan } from '@waybill/embedded/temporal';
import type { Root } from '../root.ts';
import { isStill } from './identity.ts';
import { type ComponentName, type RunLock, stopOrder } from './run-file.ts';

// PostgreSQL takes SIGINT for "disconnect everyone and shut down".
const how: Record<ComponentName, { title: string; signal: NodeJS.Signals }> = {
  server: { title: 'server', signal: 'SIGTERM' },
  temporal: { title: 'Temporal', signal: 'SIGTERM' },
  postgres: { title: 'PostgreSQL', signal: 'SIGINT' },
};

/**
 * Stops what a killed supervisor left running, and says whether there was anything. A process that it recorded is touched only
 * if number, start time and command line all match. One that was not ready yet when its supervisor was killed is not recorded:
 * that is found by its own files, which tell something only to the holder of the run lock.
 */
export async function stopOrphans(root: Root, { left }: RunLock, timeoutMs: number, say: (line: string) => void): Promise<boolean> {
  let found = false;
  for (const name of stopOrder) {
    const known = left?.children[name];
    if (!known || !isStill(known)) continue;
    found = true;
    const { title, signal } = how[name];
    say(`stopping the ${title} that an earlier run left behind (pid ${known.pid})`);
    sendSignal(known.pid, signal);
    if (await waitForExit(known.pid, timeoutMs)) continue;
    sendSignal(known.pid, 'SIGKILL');
    await waitForExit(known.pid, timeoutMs);
  }
  for (const [title, stopped] of [
    [how.temporal.title, await stopOrphan(root.temporalDb)],
    [how.postgres.title, await stopLeftover(root.postgresData)],
  ] as const) {
    if (!stopped) continue;
    found = true;
    say(`stopped the ${title} that an earlier run was starting when it was killed`);
  }
  return found;
}
