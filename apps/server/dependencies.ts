import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { WaybillError } from '@waybill/kernel/errors';
import type { Logger } from '@waybill/kernel/log';
import { pendingMigrations } from '@waybill/kernel/migrate';
import type { ReadinessCheck } from '@waybill/kernel/readiness';
import type { Temporal } from '@waybill/kernel/temporal-client';
import type { Module } from './modules.ts';

const lookEveryMs = 250;

async function checkSchema({ database, service, name }: Module): Promise<void> {
  const folders = service.migrations ? [service.migrations] : [];
  const pending = await pendingMigrations({ db: database.db, folders }).catch((error: unknown) => {
    throw missing(error) ? notMigrated(`the ${name} database or its login does not exist yet`, error) : error;
  });
  if (pending.length > 0) throw notMigrated(`the ${name} database lacks the migrations ${pending.join(', ')}`);
}

// Wrong password or no such login, login not allowed, no such database: as long as nothing is provisioned, and while it is.
const missing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && ['28P01', '28000', '3D000'].includes(String(error.code));

const notMigrated = (what: string, cause?: unknown): WaybillError =>
  new WaybillError('unavailable', `${what}; run "waybill-server migrate"`, { retryAfter: 2, cause });

/** What /readyz looks at. Temporal is needed only by a process that has nothing but work from it. */
export function readinessChecks(options: {
  modules: readonly Module[];
  temporal: Temporal;
  brokers: readonly string[] | undefined;
  workersState: () => string | undefined;
}): ReadinessCheck[] {
  const { modules, temporal, brokers } = options;
  const workerOnly = modules.length > 0 && modules.every(({ api }) => !api);
  const databases = modules.map((module): ReadinessCheck => {
    // Once known, the schema stays known: later versions only add to it.
    const check = async (): Promise<void> => {
      if (module.ready) return module.database.ping();
      await checkSchema(module);
      if (!module.ready) throw new WaybillError('unavailable', `the ${module.name} service is about to begin`);
    };
    return { name: `postgres ${module.name}`, check, needed: true };
  });
  const workers = async (): Promise<void> => {
    const waiting = options.workersState();
    if (waiting) throw new WaybillError('unavailable', waiting);
  };
  const usesTemporal = modules.some(({ worker, name }) => worker || name === 'orders');
  return [
    ...databases,
    ...(usesTemporal ? [{ name: 'temporal', check: () => temporal.ping(), needed: workerOnly }] : []),
    ...(brokers && modules.some(({ worker }) => worker) ? [{ name: 'kafka', check: () => reachOne(brokers), needed: workerOnly }] : []),
    ...(modules.some(({ worker }) => worker) ? [{ name: 'temporal workers', check: workers, needed: workerOnly }] : []),
  ];
}

/** Resolves when one of the brokers takes a connection; whichever answers knows the others. */
async function reachOne(brokers: readonly string[]): Promise<void> {
  await Promise.any(brokers.map(reach)).catch(() => {
    throw new WaybillError('unavailable', `no Kafka broker of ${brokers.join(', ')} takes a connection`);
  });
}

function reach(broker: string): Promise<void> {
  const { hostname, port } = new URL(`kafka://${broker}`);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname.replaceAll(/[[\]]/g, ''), port: Number(port || 9092) });
    socket.setTimeout(1_500, () => socket.destroy(new Error('no answer')));
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
  });
}

/** Waits until a service's database answers with a schema this version knows, and says what it waits for whenever that changes. */
export async function awaitSchema(module: Module, signal: AbortSignal, log: Logger): Promise<void> {
  let said = '';
  while (!signal.aborted) {
    try {
      await checkSchema(module);
      module.ready = true;
      if (said !== '') log.info('database is ready', { service: module.name });
      return;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== said) log.warn('waiting for the database', { service: module.name, reason });
      said = reason;
    }
    await delay(lookEveryMs, undefined, { signal }).catch(() => undefined);
  }
}
