import { CommanderError } from 'commander';
import { printFailure } from './failure.ts';
import { type Io, processIo } from './io.ts';
import { createProgram, exitCodeOfUsage } from './program.ts';

/** Runs the command with its arguments (without node and the script). Resolves with the exit code; never rejects. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  let code = 0;
  const program = createProgram(io, (result) => {
    code = result;
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return exitCodeOfUsage(error);
    return printFailure(error, io, argv.includes('--json'));
  }
}

/** As a process: the launcher in bin/ calls this, or Node runs this file. */
export async function run(): Promise<void> {
  // At once: nothing that is still being waited for (a build that was given up, say) may hold a command that is done.
  process.exit(await main(process.argv.slice(2), processIo()));
}

if (import.meta.main) await run();
