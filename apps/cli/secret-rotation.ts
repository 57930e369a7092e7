import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { generateKey } from '@waybill/kernel/encryption';
import { CommandError } from './failure.ts';
import type { Root } from './root.ts';
import { readYamlFile, writeYamlFile } from './yaml-file.ts';

/**
 * Every secret that rotates can hold several values at once: the first is used, all are accepted. So a rotation is three steps,
 * each everywhere before the next: introduce the new one behind the others, put it first, take the old ones out.
 */
export type Rotating = {
  separator: ',' | '\n';
  make(): string;
  /** `later`: somebody outside, or stored data, still needs the old one; taken out by a command of its own. */
  retire: 'now' | 'afterTokens' | 'later';
  /** The database must be told the new password when it is put first. */
  migrates?: boolean;
};

const password = (): string => randomBytes(24).toString('base64url');

export function rotatingSecret(key: string): Rotating {
  if (key === 'ENCRYPTION_KEYS') return { separator: ',', make: () => generateKey().reveal(), retire: 'later' };
  if (key === 'SERVICE_TOKEN_KEYS') return { separator: ',', make: () => generateKey().reveal(), retire: 'afterTokens' };
  if (key === 'ADMIN_API_KEY') return { separator: '\n', make: () => `wbk_${randomBytes(24).toString('hex')}`, retire: 'later' };
  if (/^[A-Z]+_DATABASE_PASSWORD$/.test(key) && key !== 'TEMPORAL_DATABASE_PASSWORD') {
    return { separator: '\n', make: password, retire: 'now', migrates: true };
  }
  throw new CommandError('invalid', `${key} cannot be rotated by this command`, {
    fix: 'it can rotate ENCRYPTION_KEYS, SERVICE_TOKEN_KEYS, ADMIN_API_KEY and the <SERVICE>_DATABASE_PASSWORDs',
  });
}

const partsOf = (text: string, { separator }: Rotating): string[] =>
  text
    .split(separator)
    .map((part) => part.trim())
    .filter((part) => part !== '');

export const introduce = (text: string, kind: Rotating): string => [...partsOf(text, kind), kind.make()].join(kind.separator);

/** The last one comes first. */
export function promote(text: string, kind: Rotating): string {
  const parts = partsOf(text, kind);
  const last = parts.pop();
  return [...(last === undefined ? [] : [last]), ...parts].join(kind.separator);
}

export const retire = (text: string, kind: Rotating): string => partsOf(text, kind)[0] ?? '';
export const valuesIn = (text: string, kind: Rotating): number => partsOf(text, kind).length;

/** How far a rotation has come, so that one that was interrupted goes on. */
export type Progress = { step: 'introduced' | 'promoted'; at: string };

const progressFile = (root: Root): string => join(root.path, 'rotation.yml');

export function readProgress(root: Root, environment: string, key: string): Progress | undefined {
  const text = readYamlFile(progressFile(root)).values[`${environment}/${key}`];
  const [step, at] = typeof text === 'string' ? text.split(' ') : [];
  return (step === 'introduced' || step === 'promoted') && at !== undefined ? { step, at } : undefined;
}

export function writeProgress(root: Root, environment: string, key: string, progress: Progress | undefined): void {
  const file = readYamlFile(progressFile(root));
  if (progress) file.document.set(`${environment}/${key}`, `${progress.step} ${progress.at}`);
  else file.document.delete(`${environment}/${key}`);
  writeYamlFile(file, 0o600);
}
