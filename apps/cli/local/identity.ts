import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describeProcess, isAlive } from '@waybill/embedded/processes';

/** A process that cannot be mistaken for another that got its number later. */
export type ProcessIdentity = { pid: number; startedAt: string; command: string };

/** Undefined when there is no such process (any more). */
export function identify(pid: number): ProcessIdentity | undefined {
  if (!isAlive(pid)) return undefined;
  const startedAt = startOf(pid);
  return startedAt === undefined ? undefined : { pid, startedAt, command: describeProcess(pid).command };
}

/** True when the process of then is the process of now: same number, start time and command line. */
export function isStill(known: ProcessIdentity): boolean {
  const now = identify(known.pid);
  if (now?.startedAt !== known.startedAt) return false;
  return now.command === known.command || now.command === ''; // a process on its way out has no command line any more
}

function startOf(pid: number): string | undefined {
  if (process.platform !== 'linux') {
    const text = spawnSync('ps', ['-p', String(pid), '-o', 'lstart='], { encoding: 'utf8' }).stdout?.trim();
    return text || undefined;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    // Field 22, in ticks since the boot; fields are counted behind the name, which may hold spaces.
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return ticks === undefined ? undefined : `${boot} ${ticks}`;
  } catch {
    return undefined;
  }
}
