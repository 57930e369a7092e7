import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, statSync } from 'node:fs';
import { generateKey } from '@waybill/kernel/encryption';
import { knownSettings } from './configuration.ts';
import { CommandError } from './failure.ts';
import type { Root } from './root.ts';
import { readYamlFile, writeYamlFile } from './yaml-file.ts';

/** Every secret an installation needs, and how one is made. */
function recipes(): Record<string, () => string> {
  const password = () => randomBytes(24).toString('base64url');
  const databases = Object.keys(knownSettings).filter((key) => /^[A-Z_]+_DATABASE_PASSWORD$/.test(key));
  return {
    ADMIN_API_KEY: () => `wbk_${randomBytes(24).toString('hex')}`,
    ENCRYPTION_KEYS: () => generateKey().reveal(),
    SERVICE_TOKEN_KEYS: () => generateKey().reveal(),
    LOCAL_POSTGRES_PASSWORD: password,
    ...Object.fromEntries(databases.map((key) => [key, password])),
  };
}

/**
 * Generates what is missing into secrets.yml, once; what is there stays as it is. Returns the names it made.
 * Refuses when data exists that only the lost secrets open.
 */
export function generateSecrets(root: Root): string[] {
  if (!existsSync(root.secrets) && (existsSync(root.temporalDb) || existsSync(root.postgresData))) {
    throw new CommandError('conflict', `${root.secrets} is gone, but ${root.path} holds data that needs it`, {
      fix: `put the file back from a backup, or start anew by deleting ${root.path}/data`,
    });
  }
  const file = readYamlFile(root.secrets);
  const made: string[] = [];
  for (const [key, make] of Object.entries(recipes())) {
    if (file.values[key] !== undefined && file.values[key] !== null) continue;
    file.document.set(key, make());
    made.push(key);
  }
  if (made.length > 0) {
    file.document.commentBefore = ' Generated once by waybill. Keep it, and keep it secret: without it the data cannot be read.';
    writeYamlFile(file, 0o600);
  } else if ((statSync(root.secrets).mode & 0o077) !== 0) {
    chmodSync(root.secrets, 0o600);
  }
  return made;
}
