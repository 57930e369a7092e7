import { type Database, openDatabase } from '@waybill/kernel/database';
import type { Logger } from '@waybill/kernel/log';
import type { Metrics } from '@waybill/kernel/metrics';
import type { Service, ServiceParts } from '@waybill/kernel/service';
import type { Temporal } from '@waybill/kernel/temporal-client';
import type { CallsDirectory } from './calls.ts';
import { type Role, rolesOf, type ServiceName, services, servicesOf } from './roles.ts';
import { databaseLoginOf, ownSettingsOf, poolSizeOf, type ServerSettings } from './settings.ts';

/** A service in this process: its parts, its database, and whether it may work yet. */
export type Module = {
  name: ServiceName;
  service: Service;
  parts: ServiceParts<unknown>;
  database: Database<unknown>;
  api: boolean;
  worker: boolean;
  /** False until the database has been seen with a schema this version knows. */
  ready: boolean;
};

/** Creates each service of the process once. Opens nothing: pools and the Temporal client connect on first use. */
export function createModules(options: {
  roles: readonly Role[];
  settings: ServerSettings;
  log: Logger;
  meter: Metrics['meter'];
  temporal: Temporal;
  calls: CallsDirectory;
  wakeRelay(service: ServiceName): void;
}): Module[] {
  const { roles, settings, calls, meter } = options;
  const modules = servicesOf(roles).map((name): Module => {
    const service: Service = services[name];
    const log = options.log.child({ service: name });
    const database = openDatabase<unknown>({
      url: databaseLoginOf(settings, name),
      max: poolSizeOf(settings, name),
      name,
      prepare: settings.DATABASE_PREPARED_STATEMENTS,
      log,
    });
    const parts = service.create({
      settings: ownSettingsOf(settings, service.settings),
      log,
      meter,
      database,
      temporal: options.temporal.client,
      calls: calls.forService(name),
      wakeRelay: () => options.wakeRelay(name),
    });
    if (parts.calls) calls.offer(name, parts.calls);
    return { name, service, parts, database, ...rolesOf(roles, name), ready: false };
  });
  calls.check();
  return modules;
}
