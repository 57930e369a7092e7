import { setTimeout as delay } from 'node:timers/promises';
import { SettingsError } from '@waybill/kernel/config';
import { WaybillError } from '@waybill/kernel/errors';
import type { Logger } from '@waybill/kernel/log';
import { migrateDatabase } from '@waybill/kernel/migrate';
import { provisionDatabases } from '@waybill/kernel/provision';
import type { Service } from '@waybill/kernel/service';
import { type ServiceName, serviceNames, services } from './roles.ts';
import { databasePasswordOf, databaseUrlOf, hasOwnDatabaseUrl, type MigrationSettings } from './settings.ts';

const lookEveryMs = 1_000;

/**
 * Creates databases and logins that are missing and brings every schema up to date, once PostgreSQL can be reached. Safe to repeat
 * and to run from many processes at once. Returns the migrations it applied, by service.
 */
export async function migrateAll(settings: MigrationSettings, log: Logger): Promise<Record<ServiceName, string[]>> {
  const { MIGRATE_WAIT: waitMs } = settings;
  let said = '';
  for (const deadline = Date.now() + waitMs; ; await delay(lookEveryMs)) {
    try {
      return await migrateNow(settings, log);
    } catch (error) {
      // A refused login or a broken migration does not mend itself.
      if (!(error instanceof WaybillError && error.code === 'unavailable')) throw error;
      const reason = reasonOf(error);
      if (Date.now() >= deadline) {
        const waited = waitMs > 0 ? `, and was not for ${waitMs / 1_000} s` : '';
        throw new WaybillError('unavailable', `PostgreSQL cannot be reached${waited}, so the databases are not migrated: ${reason}`, {
          cause: error,
        });
      }
      if (reason !== said) log.warn('waiting for the database', { reason });
      said = reason;
    }
  }
}

/** What the driver said: `getaddrinfo ENOTFOUND postgresql.infra.svc`. A host with several addresses fails once for each. */
function reasonOf({ cause, message }: Error): string {
  const first: unknown = cause instanceof AggregateError ? cause.errors[0] : cause;
  return first instanceof Error ? first.message : message;
}

async function migrateNow(settings: MigrationSettings, log: Logger): Promise<Record<ServiceName, string[]>> {
  const urls = collect(settings);
  const provided = serviceNames.flatMap((name) => {
    const password = databasePasswordOf(settings, name);
    return hasOwnDatabaseUrl(settings, name) || password === undefined ? [] : [{ name, password }];
  });
  if (settings.DATABASE_URL && provided.length > 0)
    await provisionDatabases({ adminUrl: settings.DATABASE_URL.reveal(), prefix: settings.DATABASE_PREFIX, services: provided, log });
  const applied: [ServiceName, string[]][] = [];
  for (const name of serviceNames) {
    const service: Service = services[name];
    const folders = service.migrations ? [service.migrations] : [];
    applied.push([name, await migrateDatabase({ url: urls[name], folders, log: log.child({ service: name }) })]);
  }
  return Object.fromEntries(applied) as Record<ServiceName, string[]>; // one entry per name
}

/** The address of every database, or all that is missing for it at once. */
function collect(settings: MigrationSettings): Record<ServiceName, string> {
  const problems = new Set<string>();
  const urls = serviceNames.map((name): [ServiceName, string] => {
    try {
      return [name, databaseUrlOf(settings, name)];
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error;
      for (const problem of error.problems) problems.add(problem);
      return [name, ''];
    }
  });
  if (problems.size > 0) throw new SettingsError([...problems]);
  return Object.fromEntries(urls) as Record<ServiceName, string>; // one entry per name
}
