import { randomBytes } from 'node:crypto';
import { runSql, testServerUrl } from '@waybill/embedded/test-database';
import { generateKey } from '@waybill/kernel/encryption';
import { silentLogger } from '@waybill/kernel/log';
import { migrateAll } from './migrate.ts';
import { serviceNames } from './roles.ts';
import { loadMigrationSettings } from './settings.ts';

export const adminKey = 'wbk_test';

export type Installation = AsyncDisposable & {
  /** Settings as the environment holds them. Temporal's address is one where nothing listens. */
  environment: Record<string, string>;
  migrate(): Promise<void>;
};

/** Databases and logins with a prefix of their own in the test run's PostgreSQL, gone when the scope ends. */
export function openInstallation(extra: Record<string, string> = {}): Installation {
  const prefix = `s${process.pid}_${randomBytes(4).toString('hex')}`;
  const environment: Record<string, string> = {
    DATABASE_URL: testServerUrl(),
    DATABASE_PREFIX: prefix,
    ADMIN_API_KEY: adminKey,
    SERVICE_TOKEN_KEYS: generateKey().reveal(),
    ENCRYPTION_KEYS: generateKey().reveal(),
    TEMPORAL_ADDRESS: '127.0.0.1:1',
    PORT: '0',
    CODEC_PORT: '0',
    LOG_LEVEL: 'warn',
    ...Object.fromEntries(
      serviceNames.flatMap((name) => [
        [`${name.toUpperCase()}_DATABASE_PASSWORD`, randomBytes(9).toString('hex')],
        [`${name.toUpperCase()}_DATABASE_POOL`, '3'],
      ]),
    ),
    ...extra,
  };
  return {
    environment,
    async migrate() {
      await migrateAll(loadMigrationSettings({ environment }), silentLogger);
    },
    async [Symbol.asyncDispose]() {
      for (const name of serviceNames) {
        await runSql(testServerUrl(), `drop database if exists ${prefix}_${name} with (force)`, `drop role if exists ${prefix}_${name}`);
      }
    },
  };
}
