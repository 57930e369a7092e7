import { sendSignal, waitForExit } from '@waybill/embedded/processes';
import { isStill } from './identity.ts';
import type { ComponentName, RunState } from './run-file.ts';

// The order of a clean stop. PostgreSQL takes SIGINT for "disconnect everyone and shut down".
const order: readonly [ComponentName, string, NodeJS.Signals][] = [
  ['server', 'server', 'SIGTERM'],
  ['temporal', 'Temporal', 'SIGTERM'],
  ['postgres', 'PostgreSQL', 'SIGINT'],
];

/** Stops what a killed supervisor left running. A process is touched only if number, start time and command line all match. */
export async function stopOrphans(left: RunState | undefined, timeoutMs: number, say: (line: string) => void): Promise<void> {
  for (const [name, title, signal] of order) {
    const known = left?.children[name];
    if (!known || !isStill(known)) continue;
    say(`stopping the ${title} that an earlier run left behind (pid ${known.pid})`);
    sendSignal(known.pid, signal);
    if (await waitForExit(known.pid, timeoutMs)) continue;
    sendSignal(known.pid, 'SIGKILL');
    await waitForExit(known.pid, timeoutMs);
  }
}
