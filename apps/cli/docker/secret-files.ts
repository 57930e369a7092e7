import { serviceNames } from '@waybill/server/roles';

/** Who reads which secrets, by the name of its folder and volume, and as which user. */
export const consumers = {
  postgres: { uid: 999, keys: ['POSTGRES_PASSWORD'] },
  'temporal-databases': { uid: 999, keys: ['POSTGRES_PASSWORD', 'TEMPORAL_DATABASE_PASSWORD'] },
  temporal: { uid: 1000, keys: ['TEMPORAL_DATABASE_PASSWORD'] },
  migrate: { uid: 65_532, keys: ['DATABASE_URL', ...databasePasswords()] },
  waybill: { uid: 65_532, keys: ['ADMIN_API_KEY', 'ENCRYPTION_KEYS', 'SERVICE_TOKEN_KEYS', ...databasePasswords()] },
} as const satisfies Record<string, { uid: number; keys: readonly string[] }>;

export type Consumer = keyof typeof consumers;
export const consumerNames = Object.keys(consumers) as Consumer[]; // the keys of the table

function databasePasswords(): string[] {
  return serviceNames.map((name) => `${name.toUpperCase()}_DATABASE_PASSWORD`);
}

/** The files of a consumer, by name. `secrets` are those of the installation. */
export function secretFilesOf(consumer: Consumer, secrets: Record<string, string>): Record<string, string> {
  const administrator = `postgres://postgres:${encodeURIComponent(secrets['POSTGRES_PASSWORD'] ?? '')}@postgres:5432/postgres`;
  const all: Record<string, string> = { ...secrets, DATABASE_URL: administrator };
  return Object.fromEntries(consumers[consumer].keys.map((key) => [key, all[key] ?? '']));
}

/** Where containers find their secrets. */
export const secretsMount = '/run/secrets/waybill';

/** Variables that tell a role of Waybill where its secrets are. */
export const secretVariables = (consumer: Consumer): Record<string, string> =>
  Object.fromEntries(consumers[consumer].keys.map((key) => [`${key}_FILE`, `${secretsMount}/${key}`]));
