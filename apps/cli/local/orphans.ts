import { sendSignal, waitForExit } from '@waybill/embedded/processes';
import { isStill } from './identity.ts';
import { type ComponentName, type RunState, stopOrder } from './run-file.ts';

// PostgreSQL takes SIGINT for "disconnect everyone and shut down".
const how: Record<ComponentName, { title: string; signal: NodeJS.Signals }> = {
  server: { title: 'server', signal: 'SIGTERM' },
  temporal: { title: 'Temporal', signal: 'SIGTERM' },
  postgres: { title: 'PostgreSQL', signal: 'SIGINT' },
};

/** Stops what a killed supervisor left running. A process is touched only if number, start time and command line all match. */
export async function stopOrphans(left: RunState | undefined, timeoutMs: number, say: (line: string) => void): Promise<void> {
  for (const name of stopOrder) {
    const known = left?.children[name];
    if (!known || !isStill(known)) continue;
    const { title, signal } = how[name];
    say(`stopping the ${title} that an earlier run left behind (pid ${known.pid})`);
    sendSignal(known.pid, signal);
    if (await waitForExit(known.pid, timeoutMs)) continue;
    sendSignal(known.pid, 'SIGKILL');
    await waitForExit(known.pid, timeoutMs);
  }
}
