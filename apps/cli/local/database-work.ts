import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CommandError } from '../failure.ts';
import type { Root } from '../root.ts';
import { lastWords, openLog } from './log-files.ts';

const main = fileURLToPath(new URL('./database-main.ts', import.meta.url));

export type DatabaseJob = 'migrate' | 'seed';

/**
 * Brings every service's database to the schema of this version, or adds the demo catalogue. In a process of its own: the
 * services' code would otherwise stay in the memory of a supervisor that runs for months.
 */
export async function workOnDatabases(
  jobs: readonly DatabaseJob[],
  options: { root: Root; environment: Record<string, string>; onCommand(command: readonly string[]): void; signal?: AbortSignal },
): Promise<void> {
  const log = openLog(options.root, 'databases');
  const command = [process.execPath, main, ...jobs] as const;
  options.onCommand(command);
  const child = spawn(command[0], command.slice(1), {
    env: options.environment,
    stdio: ['ignore', log.fd, log.fd],
    detached: true,
    signal: options.signal,
  });
  closeSync(log.fd);
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('exit', resolve));
  if (code === 0) return;
  throw new CommandError('unavailable', `"do ${jobs.join('" and "do ')}" failed: ${lastWords(log.path, log.size)}`, {
    fix: `it can simply be repeated, since each step is done whole or not at all; ${log.path} has the details`,
  });
}
