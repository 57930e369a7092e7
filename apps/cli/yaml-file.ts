import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type Document, isMap, parseDocument } from 'yaml';
import { CommandError } from './failure.ts';

/** A file of `KEY: value` lines; what the user wrote around them (comments, order) stays when it is changed. */
export type YamlFile = { path: string; document: Document; values: Record<string, unknown> };

/** A missing file is an empty one. Throws what is wrong with it and where. */
export function readYamlFile(path: string): YamlFile {
  const document = parseDocument(readText(path));
  const [problem] = document.errors;
  if (problem) throw broken(path, problem.message.split('\n')[0] ?? 'it cannot be parsed');
  if (document.contents !== null && !isMap(document.contents)) throw broken(path, 'it must hold lines of the form KEY: value');
  const values: Record<string, unknown> = document.toJS() ?? {};
  for (const [key, value] of Object.entries(values)) {
    if (value !== null && typeof value === 'object') throw broken(path, `${key} must be a single value (lists are written a,b,c)`);
  }
  return { path, document, values };
}

const broken = (path: string, reason: string): CommandError =>
  new CommandError('invalid', `${path} cannot be read: ${reason}`, { fix: 'correct the file; every line is KEY: value' });

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    // A root folder that cannot be there has no file either; whoever makes it says what is wrong with it.
    if (isNodeError(cause) && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR')) return '';
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError('forbidden', `${path} cannot be read: ${reason}`, { fix: 'make it readable for you', cause });
  }
}

export const writeYamlFile = (file: YamlFile, mode: number): void => writeWhole(file.path, file.document.toString(), mode);

/** Replaces a file in one step, so that a reader (or a power cut) sees the old text or the new one. */
export function writeWhole(path: string, text: string, mode: number): void {
  const temporary = `${path}.${randomBytes(4).toString('hex')}`;
  try {
    writeFileSync(temporary, text, { mode, flush: true });
    renameSync(temporary, path);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw writeFailure(path, cause);
  }
}

export function writeFailure(path: string, cause: unknown): CommandError {
  if (isNodeError(cause) && (cause.code === 'ENOSPC' || cause.code === 'EDQUOT')) {
    return new CommandError('unavailable', `${path} cannot be written: the disk is full`, {
      fix: 'free some space, or choose a root folder on another disk with -r FOLDER',
      cause,
    });
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new CommandError('forbidden', `${path} cannot be written: ${reason}`, {
    fix: 'make its folder writable for you, or choose another root folder with -r FOLDER',
    cause,
  });
}

export const isNodeError = (error: unknown): error is NodeJS.ErrnoException => error instanceof Error && 'code' in error;
