import { fileURLToPath } from 'node:url';
import type { Bus, Subscription } from '@waybill/kernel/bus';
import { createLocalBus } from '@waybill/kernel/bus-local';
import { SettingsError } from '@waybill/kernel/config';
import type { KeyRing } from '@waybill/kernel/encryption';
import { startInbox } from '@waybill/kernel/inbox';
import { brokersOf } from '@waybill/kernel/kafka-settings';
import type { Logger } from '@waybill/kernel/log';
import { type Running, startLoops } from '@waybill/kernel/loops';
import type { Metrics } from '@waybill/kernel/metrics';
import { postgresLoop } from '@waybill/kernel/postgres-metrics';
import { startPromotion } from '@waybill/kernel/promotion';
import { startRelay } from '@waybill/kernel/relay';
import { createSignaller } from '@waybill/kernel/relay-signals';
import type { Temporal } from '@waybill/kernel/temporal-client';
import type { RunningWorker, WorkerConnection } from '@waybill/kernel/temporal-worker';
import { workerVersions } from '@waybill/kernel/worker-version';
import { workflowBundle } from '@waybill/kernel/workflow-bundle';
import type { Module } from './modules.ts';
import { type Role, serviceNames } from './roles.ts';
import type { ServerSettings } from './settings.ts';

type Options = {
  roles: readonly Role[];
  modules: readonly Module[];
  settings: ServerSettings;
  log: Logger;
  meter: Metrics['meter'];
  temporal: Temporal;
  ring: KeyRing;
};

export type Workers = {
  /** Begins the work of one service, once its database is ready. */
  start(module: Module): Promise<void>;
  wakeRelay(service: string): void;
  /** What a Temporal worker still waits for, if one does. */
  waitingFor(): string | undefined;
  stop(): Promise<void>;
};

export const defaultCacheDir = fileURLToPath(new URL('../../node_modules/.cache/waybill/', import.meta.url));

/** Throws unless events can get to every consumer: in this process alone, or over Kafka. */
export function checkBus(roles: readonly Role[], settings: ServerSettings): void {
  const workers = serviceNames.filter((name) => roles.includes(`${name}-worker`));
  if (workers.length === 0 || workers.length === serviceNames.length || settings.KAFKA_BROKERS) return;
  const elsewhere = serviceNames.filter((name) => !workers.includes(name)).map((name) => `${name}-worker`);
  throw new SettingsError([
    `KAFKA_BROKERS is missing: ${elsewhere.join(', ')} ${elsewhere.length === 1 ? 'runs' : 'run'} in another process, and events reach it over Kafka only; set it, or run all worker roles in one process`,
  ]);
}

/** Everything that works without being called: Temporal workers, relays, consumers and loops of the process's worker roles. */
export async function createWorkers(options: Options): Promise<Workers> {
  const { settings, log, meter, temporal } = options;
  const modules = options.modules.filter(({ worker }) => worker);
  const relays = new Map<string, Running>();
  const inboxes = new Map<string, Running>();
  const others: Running[] = [];
  const temporalWorkers: RunningWorker[] = [];
  const promotions: { stop(): Promise<void> }[] = [];
  const versions = workerVersions(
    settings,
    modules.flatMap(({ name, service }) => (service.taskQueue ? [name] : [])),
  );
  const subscriptions = modules.flatMap(({ name, database, parts }): Subscription[] =>
    parts.worker?.consumers?.length ? [{ service: name, database, consumers: parts.worker.consumers }] : [],
  );
  const wakeInbox = (service: string): void => inboxes.get(service)?.wake();
  const brokers = modules.length > 0 ? brokersOf(settings) : undefined;
  const { KAFKA_PREFIX: prefix } = settings;
  // A process without a worker needs neither Kafka's client nor the worker's part of the SDK: 11 MB together.
  const kafka = brokers
    ? { ...(await import('@waybill/kernel/bus-kafka')), ...(await import('@waybill/kernel/kafka-consumer')) }
    : undefined;
  let bus: Bus | undefined;
  let connection: WorkerConnection | undefined;
  let stopping = false;

  function openBus(): Bus {
    const opened =
      bus ??
      (kafka && brokers
        ? kafka.createKafkaBus({ ...brokers, prefix, clientId: 'waybill', log })
        : createLocalBus(subscriptions, wakeInbox));
    bus = opened;
    return opened;
  }

  async function startTemporal({ name, service, parts }: Module): Promise<void> {
    if (!service.taskQueue) return;
    const { workflows, activities } = parts.worker ?? {};
    const bundle = workflows
      ? await workflowBundle({ entry: workflows.path, cacheDir: settings.WORKFLOW_CACHE_DIR ?? defaultCacheDir })
      : undefined;
    const { createWorkerConnection, installRuntime, startWorker } = await import('@waybill/kernel/temporal-worker');
    if (stopping) return;
    installRuntime({ log, metricsAddress: settings.TEMPORAL_METRICS_ADDRESS });
    connection ??= createWorkerConnection({ settings });
    const own = log.child({ service: name });
    const version = versions.get(name);
    const { taskQueue } = service;
    if (version && !version.managed) promotions.push(startPromotion({ temporal, worker: version, taskQueue, log: own }));
    temporalWorkers.push(
      startWorker({
        connection,
        settings,
        ring: options.ring,
        meter,
        taskQueue,
        activities: { ...parts.calls, ...activities, ...workflows?.nearActivities },
        ...(bundle ? { workflowBundle: bundle } : {}),
        version,
        log: own,
      }),
    );
  }

  return {
    async start(module) {
      if (!module.worker || stopping) return;
      const { name, database, parts } = module;
      const own = log.child({ service: name });
      const subscription = subscriptions.find(({ service }) => service === name);
      if (subscription) {
        inboxes.set(name, startInbox({ subscription, log: own, meter }));
        if (kafka && brokers)
          others.push(await kafka.startKafkaConsumers({ ...brokers, prefix, subscription, wakeInbox, meter, log: own }));
      }
      if (stopping) return;
      // A relay beside its API is told of each row; apart from it, it has to look.
      const pollMs = module.api ? 500 : 100;
      relays.set(
        name,
        startRelay({
          service: name,
          database,
          bus: openBus(),
          signal: createSignaller(temporal.client),
          signals: module.service.signals ?? false,
          log: own,
          meter,
          pollMs,
        }),
      );
      others.push(startLoops([...(parts.worker?.loops ?? []), postgresLoop(meter, name, database)], own));
      await startTemporal(module);
    },
    wakeRelay: (service) => relays.get(service)?.wake(),
    waitingFor: () => {
      const polling = new Set(temporalWorkers.filter((worker) => worker.state() === 'running').map(({ taskQueue }) => taskQueue));
      const waiting = modules.flatMap(({ worker, service: { taskQueue } }) =>
        worker && taskQueue && !polling.has(taskQueue) ? [taskQueue] : [],
      );
      return waiting.length > 0 ? `no worker polls the queues ${waiting.join(', ')} yet` : undefined;
    },
    async stop() {
      stopping = true;
      await Promise.all(promotions.map((promotion) => promotion.stop())); // a process on its way out takes nothing over
      // Steps first: what they write is then still relayed.
      await Promise.all(temporalWorkers.map((worker) => worker.stop()));
      await connection?.close();
      await Promise.all(others.map((running) => running.stop()));
      await Promise.all([...relays.values(), ...inboxes.values()].map((running) => running.stop()));
      await bus?.close();
    },
  };
}
