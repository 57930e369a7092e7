import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type CodecServerSettings, createCodecServer } from '@waybill/codec-server/service';
import { openSettingsKeyRing } from '@waybill/kernel/encryption';
import { WaybillError } from '@waybill/kernel/errors';
import { closeHttp } from '@waybill/kernel/http';
import type { Logger } from '@waybill/kernel/log';
import { createMetrics } from '@waybill/kernel/metrics';
import { observePool } from '@waybill/kernel/postgres-metrics';
import { observeBuild } from '@waybill/kernel/process-metrics';
import { createReadiness } from '@waybill/kernel/readiness';
import { createTemporal } from '@waybill/kernel/temporal-client';
import { createTokens } from '@waybill/kernel/tokens';
import { startTracing } from '@waybill/kernel/tracing-start';
import type { FastifyInstance } from 'fastify';
import { createCallsDirectory } from './calls.ts';
import { awaitSchema, readinessChecks } from './dependencies.ts';
import { openGateway, openInternal } from './listeners.ts';
import { createModules } from './modules.ts';
import manifest from './package.json' with { type: 'json' };
import { type Role, servicesOf } from './roles.ts';
import type { ServerSettings } from './settings.ts';
import { checkBus, createWorkers, type Workers } from './workers.ts';

export type RunningProcess = {
  /** The main listener: the public one with the gateway, the internal one without; the codec server's where there is no other role. */
  url: string;
  /** With INTERNAL_PORT: the internal listener of a process with the gateway. */
  internalUrl?: string;
  codecUrl?: string;
  /** Finishes what is in progress, then lets go of everything. Never rejects. */
  close(): Promise<void>;
};

/**
 * Runs roles in this process. Resolves as soon as it listens, and only then starts to wait for databases and Temporal: until
 * they are there /readyz says what is missing, and requests are answered with 503.
 */
export async function startProcess(options: { roles: readonly Role[]; settings: ServerSettings; log: Logger }): Promise<RunningProcess> {
  const { roles, settings, log } = options;
  checkBus(roles, settings);
  const [only] = roles.length === 1 ? roles : [];
  const stopTracing = await startTracing({ settings, name: only ?? 'waybill', log });
  const tokens = createTokens({ keys: settings.SERVICE_TOKEN_KEYS, log });
  const ring = openSettingsKeyRing(settings, log);
  const metrics = createMetrics(
    settings.TEMPORAL_METRICS_ADDRESS ? [() => fetchText(`http://${settings.TEMPORAL_METRICS_ADDRESS}/metrics`)] : [],
  );
  const temporal = createTemporal({ settings, ring });
  const calls = createCallsDirectory({ local: servicesOf(roles), settings, tokens: () => tokens, meter: metrics.meter, log });
  let workers: Workers | undefined;
  const modules = createModules({
    roles,
    settings,
    log,
    meter: metrics.meter,
    temporal,
    calls,
    wakeRelay: (service) => workers?.wakeRelay(service),
  });
  const readiness = createReadiness(
    readinessChecks({ modules, temporal, brokers: settings.KAFKA_BROKERS, workersState: () => workers?.waitingFor() }),
    { log, meter: metrics.meter },
  );
  observeBuild(metrics.meter, { version: manifest.version, roles });
  observePool(metrics.meter, modules);
  const stopping = new AbortController();
  const listeners: FastifyInstance[] = [];
  const stops: (() => Promise<void>)[] = [];

  async function close(): Promise<void> {
    readiness.drain();
    stopping.abort();
    if (settings.DRAIN_DELAY > 0) await delay(settings.DRAIN_DELAY);
    await settle([...listeners.map((listener) => () => closeHttp(listener, settings.DRAIN_TIMEOUT)), () => workers?.stop()]);
    await settle(stops);
    await settle([() => temporal.close(), ...modules.map(({ database }) => database.close), metrics.close]);
    await settle([stopTracing]);
  }

  async function settle(steps: readonly (() => Promise<unknown> | undefined)[]): Promise<void> {
    const results = await Promise.allSettled(steps.map(async (step) => step()));
    for (const result of results) if (result.status === 'rejected') log.warn('a part did not stop cleanly', { err: result.reason });
  }

  async function open(listener: FastifyInstance, port: number): Promise<string> {
    listeners.push(listener);
    return listener.listen({ host: settings.HOST, port }).catch((error: unknown) => {
      throw listenFailure(error, settings.HOST, port) ?? error;
    });
  }

  /** A service begins when its database is there; the others do not wait for it. */
  async function begin(): Promise<void> {
    await Promise.all(
      modules.map(async (module) => {
        try {
          await awaitSchema(module, stopping.signal, log);
          if (stopping.signal.aborted) return;
          if (module.api && module.parts.startApi) stops.push(await module.parts.startApi());
          await workers?.start(module);
        } catch (err) {
          log.error('service cannot start', { service: module.name, err });
        }
      }),
    );
  }

  try {
    workers = await createWorkers({ roles, modules, settings, log, meter: metrics.meter, temporal, ring });
    const shared = { settings, modules, log, metrics, readiness, tokens };
    const withGateway = roles.includes('gateway');
    const urls: { url?: string; internalUrl?: string; codecUrl?: string } = {};
    if (withGateway) urls.url = await open(await openGateway({ ...shared, roles, document: await readDocument() }), settings.PORT);
    else if (modules.length > 0) urls.url = await open(await openInternal(shared), settings.PORT);
    // The codec server alone has nothing internal but its health and metrics.
    if ((withGateway || modules.length === 0) && settings.INTERNAL_PORT > 0)
      urls.internalUrl = await open(await openInternal(shared), settings.INTERNAL_PORT);
    if (roles.includes('codec-server')) {
      const own = settings as ServerSettings & CodecServerSettings; // loaded because of the role
      urls.codecUrl = await open(await createCodecServer({ settings: own, log, meter: metrics.meter, ring }), own.CODEC_PORT);
    }
    const url = urls.url ?? urls.codecUrl;
    if (!url) throw new Error('a process needs at least one role');
    log.info('listening', { ...urls, roles });
    const begun = begin();
    return {
      ...urls,
      url,
      async close() {
        stopping.abort();
        await begun;
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The committed OpenAPI document, as text. */
const readDocument = (): Promise<string> => readFile(fileURLToPath(import.meta.resolve('@waybill/client/openapi.json')), 'utf8');

async function fetchText(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(1_000) });
  return response.ok ? response.text() : '';
}

function listenFailure(error: unknown, host: string, port: number): WaybillError | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE')
    return new WaybillError('conflict', `port ${port} on ${host} is taken: stop what uses it, or choose another port`, { cause: error });
  if (code === 'EACCES')
    return new WaybillError('forbidden', `port ${port} on ${host} needs more rights: choose one above 1023`, { cause: error });
  if (code === 'EADDRNOTAVAIL')
    return new WaybillError('invalid', `${host} is not an address of this machine: change HOST`, { cause: error });
  return undefined;
}
