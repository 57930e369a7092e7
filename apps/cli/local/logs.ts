import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { nearest } from '@waybill/kernel/config';
import type { Context } from '../context.ts';
import { CommandError } from '../failure.ts';
import { type LogName, logFile, logNames } from './log-files.ts';

/** How much of a file's end is searched for the last lines. */
const tailBytes = 1_048_576;

export async function showLogs(
  context: Context,
  service: string | undefined,
  options: { follow?: boolean; lines: string },
): Promise<undefined> {
  const names = service === undefined ? logNames : [parseName(service)];
  const count = Number(options.lines);
  if (!Number.isInteger(count) || count < 0) {
    throw new CommandError('invalid', `-n ${options.lines}: the number of lines must be 0 or more`, { fix: 'write it as in -n 200' });
  }
  const files = names.map((name) => ({ name, path: logFile(context.root, name), read: 0, rest: '' }));
  if (!options.follow && files.every(({ path }) => !existsSync(path))) {
    throw new CommandError('not_found', `there are no logs in ${context.root.logs} yet`, {
      fix: 'start something: "waybill local start -d"',
    });
  }
  const show = (name: LogName, line: string) => context.io.out(names.length > 1 ? `${name.padEnd(10)} ${line}` : line);
  for (const file of files) {
    const size = sizeOf(file.path);
    const lines = readText(file.path, Math.max(0, size - tailBytes), size)
      .split('\n')
      .slice(0, -1);
    file.read = size;
    for (const line of count === 0 ? [] : lines.slice(-count)) show(file.name, line);
  }
  if (!options.follow) return;
  const stopped = new AbortController();
  const forget = context.io.onStop(() => stopped.abort());
  while (!stopped.signal.aborted) {
    for (const file of files) {
      const size = sizeOf(file.path);
      if (size < file.read) file.read = 0; // moved aside, a new one has begun
      if (size === file.read) continue;
      const lines = `${file.rest}${readText(file.path, file.read, size)}`.split('\n');
      file.rest = lines.pop() ?? '';
      file.read = size;
      for (const line of lines) show(file.name, line);
    }
    await delay(200, undefined, { signal: stopped.signal }).catch(() => {});
  }
  forget();
}

function parseName(text: string): LogName {
  for (const name of logNames) if (name === text) return name;
  const near = nearest(text, logNames);
  throw new CommandError('invalid', `there is no log "${text}"${near ? `; did you mean ${near}?` : ''}`, {
    fix: `choose one of ${logNames.join(', ')}`,
  });
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

function readText(path: string, from: number, to: number): string {
  if (to <= from) return '';
  const fd = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(to - from);
    return buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, from)).toString('utf8');
  } finally {
    closeSync(fd);
  }
}
