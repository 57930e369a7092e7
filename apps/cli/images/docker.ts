import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { type Context, printCommand } from '../context.ts';
import { CommandError, Interrupted } from '../failure.ts';

/**
 * Shows a docker command and runs it; with --dry-run only shows it. Its lines go to standard error, so that standard output holds
 * what was asked for. DOCKER names another program that takes the same arguments.
 */
export async function docker(context: Context, args: readonly string[]): Promise<void> {
  const { io } = context;
  const program = io.env['DOCKER'] || 'docker';
  printCommand(context, [program, ...args]);
  if (context.dryRun) return;
  // In a session of its own: Ctrl-C reaches us, and we end it.
  const child = spawn(program, args, { cwd: io.cwd, env: io.env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', io.err);
  let stopped = false;
  const forget = io.onStop(() => {
    stopped = true;
    child.kill('SIGTERM');
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', (cause) => reject(missing(program, cause)));
    child.once('close', resolve);
  }).finally(forget);
  if (stopped) throw new Interrupted();
  if (code === 0) return;
  throw new CommandError('unavailable', `"${program} ${args.slice(0, 2).join(' ')}" ended with ${code}`, {
    fix: 'its last lines above say why; the command can be run by hand',
  });
}

const missing = (program: string, cause: unknown): CommandError =>
  new CommandError('not_found', `${program} cannot be run on this machine`, {
    fix: 'install Docker with buildx (https://docs.docker.com/engine/install), or set DOCKER to a program that takes the same arguments',
    cause,
  });
