import { spawnSync } from 'node:child_process';

/** Runs commands one after the other, shows each, and exits with 1 after the last if any failed: one run tells everything. */
export function runAll(commands: readonly (readonly string[])[]): void {
  const failed: string[] = [];
  for (const [program = '', ...args] of commands) {
    const shown = [program, ...args].join(' ');
    console.log(`\n$ ${shown}`);
    // npm puts node_modules/.bin first on the path, with the pinned Node in it.
    const { status } = spawnSync(program, args, { stdio: 'inherit' });
    if (status !== 0) failed.push(shown);
  }
  if (failed.length === 0) return;
  console.error(`\nfailed:\n${failed.map((command) => `  ${command}`).join('\n')}`);
  process.exit(1);
}
