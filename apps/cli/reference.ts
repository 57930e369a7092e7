import type { Command } from 'commander';
import { createProgram } from './program.ts';

/** The reference page of the command, docs/cli.md: every verb's help, as the command prints it. */
export function cliReference(): string {
  const silent = () => {};
  const io = { out: silent, err: silent, env: {}, cwd: '/', tty: false, readInput: async () => '', onStop: () => silent };
  const program = createProgram(io, silent);
  return [
    '# The `waybill` command',
    '',
    'Generated from the command itself by `npm run gen`; every part is what `-h` prints.',
    '',
    ...section(program, 'waybill'),
    '## Exit codes',
    '',
    '| code | meaning |',
    '| --- | --- |',
    '| 0 | done |',
    '| 1 | a bug in waybill |',
    '| 2 | the arguments, the configuration or the request are not valid |',
    '| 3 | the key is missing or not allowed to do this |',
    '| 4 | there is no such thing |',
    '| 5 | the current state does not allow it; for a start: it runs already, or a port is taken |',
    '| 6 | not possible right now: not running, not ready, too many requests |',
    '| 130 | stopped with Ctrl-C before it was done |',
    '',
  ].join('\n');
}

function section(command: Command, path: string): string[] {
  let help = '';
  command.configureOutput({ writeOut: (text) => (help += text), getOutHelpWidth: () => 120 });
  command.outputHelp();
  const verbs = command.commands.filter((child) => child.name() !== 'help');
  return [`## ${path}`, '', '```text', help.trimEnd(), '```', '', ...verbs.flatMap((child) => section(child, `${path} ${child.name()}`))];
}
