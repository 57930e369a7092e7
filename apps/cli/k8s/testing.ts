import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a stand-in for helm or kubectl does: the first rule whose words are all in the call answers. */
export type Rule = { when: readonly string[]; out?: string; err?: string; code?: number };

/** A program that answers by rules and writes down how it was called, with what came on standard input. */
export function createFakeTool(folder: string, name: string, rules: readonly Rule[]) {
  const path = join(folder, name);
  const calls = join(folder, `${name}.calls`);
  const script = `#!${process.execPath}
const { appendFileSync, readFileSync } = require('node:fs');
const args = process.argv.slice(2);
const input = readFileSync(0, 'utf8');
appendFileSync(${JSON.stringify(calls)}, JSON.stringify({ args, input }) + '\\n');
const rule = ${JSON.stringify(rules)}.find(({ when }) => when.every((word) => args.includes(word)));
if (!rule) { process.stderr.write('unexpected call: ' + args.join(' ')); process.exit(9); }
process.stdout.write(rule.out ?? '');
process.stderr.write(rule.err ?? '');
process.exitCode = rule.code ?? 0;
`;
  writeFileSync(path, script);
  chmodSync(path, 0o755);
  return {
    path,
    calls(): { args: string[]; input: string }[] {
      if (!existsSync(calls)) return [];
      return readFileSync(calls, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { args: string[]; input: string }); // as written above
    },
  };
}
