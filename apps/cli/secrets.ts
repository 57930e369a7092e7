import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { generateKey } from '@waybill/kernel/encryption';
import { knownSettings } from './configuration.ts';
import { CommandError } from './failure.ts';
import { createRoot, type Root } from './root.ts';
import { readYamlFile, writeYamlFile } from './yaml-file.ts';

/** Where secrets are used: on this machine, in its containers, in the cluster as a whole, or in one environment of it. */
export type SecretsFor = 'local' | 'docker' | 'cluster' | 'staging';

const password = () => randomBytes(24).toString('base64url');

/** What every installation needs, and how it is made. */
function recipes(): Record<string, () => string> {
  const databases = Object.keys(knownSettings).filter((key) => /^[A-Z_]+_DATABASE_PASSWORD$/.test(key) && !key.startsWith('TEMPORAL_'));
  return {
    ADMIN_API_KEY: () => `wbk_${randomBytes(24).toString('hex')}`,
    ENCRYPTION_KEYS: () => generateKey().reveal(),
    SERVICE_TOKEN_KEYS: () => generateKey().reveal(),
    ...Object.fromEntries(databases.map((key) => [key, password])),
  };
}

const more: Record<SecretsFor, readonly string[]> = {
  local: ['LOCAL_POSTGRES_PASSWORD'],
  docker: ['POSTGRES_PASSWORD', 'TEMPORAL_DATABASE_PASSWORD'],
  cluster: ['POSTGRES_PASSWORD', 'TEMPORAL_DATABASE_PASSWORD', 'VALKEY_PASSWORD', 'GRAFANA_ADMIN_PASSWORD'],
  staging: [],
};

/** Staging has secrets of its own; prod shares the file with this machine's installation. */
export const secretsPath = (root: Root, environment: string): string =>
  environment === 'staging' ? join(root.path, 'secrets-staging.yml') : root.secrets;

/**
 * Generates what is missing into the secrets file, once; what is there stays as it is. Returns the names it made.
 * Refuses when data exists on this machine that only the lost secrets open.
 */
export function generateSecrets(root: Root, use: SecretsFor = 'local'): string[] {
  const path = secretsPath(root, use);
  if (path === root.secrets && !existsSync(path) && (existsSync(root.temporalDb) || existsSync(root.postgresData))) {
    throw new CommandError('conflict', `${path} is gone, but ${root.path} holds data that needs it`, {
      fix: `put the file back from a backup, or start anew by deleting ${root.path}/data`,
    });
  }
  const file = readYamlFile(path);
  const made: string[] = [];
  for (const [key, make] of [...Object.entries(recipes()), ...more[use].map((key) => [key, password] as const)]) {
    if (file.values[key] !== undefined && file.values[key] !== null) continue;
    file.document.set(key, make());
    made.push(key);
  }
  if (made.length > 0) {
    file.document.commentBefore = ' Generated once by waybill. Keep it, and keep it secret: without it the data cannot be read.';
    createRoot(root);
    writeYamlFile(file, 0o600);
  } else if ((statSync(path).mode & 0o077) !== 0) {
    chmodSync(path, 0o600);
  }
  return made;
}

/** What the secrets file of an environment holds, by name. */
export function readSecrets(root: Root, environment: string): Record<string, string> {
  const { values } = readYamlFile(secretsPath(root, environment));
  return Object.fromEntries(Object.entries(values).flatMap(([key, value]) => (value === null ? [] : [[key, String(value)]])));
}

/** Replaces secrets in the file of an environment. */
export function writeSecrets(root: Root, environment: string, changes: Record<string, string>): void {
  const file = readYamlFile(secretsPath(root, environment));
  for (const [key, value] of Object.entries(changes)) file.document.set(key, value);
  writeYamlFile(file, 0o600);
}
