import { existsSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Root } from '../root.ts';

export const logNames = ['server', 'temporal', 'postgres', 'supervisor'] as const;
export type LogName = (typeof logNames)[number];

const maxBytes = 20 * 1_048_576;

export const logFile = (root: Root, name: LogName | 'databases'): string => join(root.logs, `${name}.log`);

/** Opens a log for appending; one that has grown large becomes `<name>.log.1` first. */
export function openLog(root: Root, name: LogName | 'databases'): { path: string; fd: number; size: number } {
  const path = logFile(root, name);
  if (existsSync(path) && statSync(path).size > maxBytes) renameSync(path, `${path}.1`);
  return { path, fd: openSync(path, 'a', 0o600), size: existsSync(path) ? statSync(path).size : 0 };
}

/** What a process that failed said last, in a line or two: its error if it logged one, else its last words. */
export function lastWords(path: string, from: number): string {
  const lines = readFileSync(path)
    .subarray(from)
    .toString('utf8')
    .trim()
    .split('\n')
    .filter((line) => line.trim() !== '');
  for (const line of lines.toReversed()) {
    const entry = parse(line);
    if (entry?.level === 'error' || entry?.level === 'fatal') return [entry.msg, entry.err?.message].filter(Boolean).join(': ');
  }
  // Not JSON: written by something that failed before it had a logger, such as Node itself.
  const plain = lines.filter((line) => parse(line) === undefined && !/^\s+at |^Node\.js v/.test(line));
  return plain.slice(-8).join('\n') || 'it said nothing';
}

type Line = { level?: string; msg?: string; err?: { message?: string } };

function parse(line: string): Line | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
