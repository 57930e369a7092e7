import type { Io } from './io.ts';
import type { Root } from './root.ts';

/** What every command gets: where it runs, and how it was asked to speak. */
export type Context = {
  io: Io;
  root: Root;
  json: boolean;
  dryRun: boolean;
  /** False with -I or without a terminal: then nothing is asked. */
  interactive: boolean;
};

/** Work of one verb: gets the context and what commander parsed; may return an exit code other than 0. */
export type Act = <A extends unknown[]>(
  work: (context: Context, ...parsed: A) => Promise<number | undefined> | number | undefined,
) => (...parsed: A) => Promise<void>;

/** Data for a program as JSON, or lines for a person. */
export function print(context: Context, data: unknown, lines: readonly string[]): undefined {
  if (context.json) context.io.out(JSON.stringify(data, null, 2));
  else for (const line of lines) context.io.out(line);
}

/** Prints prose. It goes beside standard output where that is data for a program. */
export const proseOf = ({ json, io }: Context): ((line: string) => void) => (json ? io.err : io.out);

/** Shows a command before it runs. It goes to standard error, so that it never mixes with data. */
export function printCommand(context: Context, command: readonly string[]): void {
  context.io.err(`$ ${command.map(quote).join(' ')}`);
}

const quote = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

/** Columns as wide as what is in them. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  return rows.map((row) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
