import { setTimeout as delay } from 'node:timers/promises';
import type { Meter } from '@opentelemetry/api';
import { IllegalStateError } from '@temporalio/common';
import {
  NativeConnection,
  Runtime,
  type Logger as SdkLogger,
  type SlotSupplier,
  Worker,
  type WorkerOptions,
  type WorkflowSlotInfo,
} from '@temporalio/worker';
import type { Calls } from './calls.ts';
import type { KeyRing } from './encryption.ts';
import { type LogFields, type Logger, limitLogger } from './log.ts';
import { stepMetrics } from './step-metrics.ts';
import { createDataConverter } from './temporal-client.ts';
import { wrapActivities } from './temporal-failure.ts';
import { temporalAccess } from './temporal-tls.ts';
import { activityTracing, workflowTracing } from './temporal-tracing.ts';
import { isTracing } from './tracing.ts';
import type { WorkerSettings } from './worker-settings.ts';
import type { WorkerVersion } from './worker-version.ts';
import { lightenWorkflowThreads } from './workflow-thread.ts';

export type RunningWorker = {
  taskQueue: string;
  /** `connecting`: Temporal cannot be reached (yet); it goes on trying until it is stopped. */
  state(): 'connecting' | 'running' | 'stopped';
  /** Takes no more work, gives what runs some seconds to end, and resolves when the worker has gone. */
  stop(): Promise<void>;
};

/** One connection for all workers of a process. Opened by the first that needs it; close it after the workers. */
export type WorkerConnection = { open(): Promise<NativeConnection>; close(): Promise<void> };

const apiKeyEveryMs = 10_000;

/** Sets the SDK up once per process, before anything else of it: our log, our signals, metrics where asked for. */
export function installRuntime(options: { log: Logger; metricsAddress?: string | undefined }): void {
  try {
    Runtime.install({
      logger: sdkLogger(options.log),
      shutdownSignals: [], // the process decides in which order its parts stop
      telemetryOptions: {
        logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} },
        ...(options.metricsAddress ? { metrics: { prometheus: { bindAddress: options.metricsAddress } } } : {}),
      },
    });
  } catch (error) {
    if (!(error instanceof IllegalStateError)) throw error; // installed already: several processes' worth of roles in one test process
  }
}

export function createWorkerConnection({ settings }: { settings: WorkerSettings }): WorkerConnection {
  const { TEMPORAL_ADDRESS: address } = settings;
  const { tls, apiKey } = temporalAccess(settings);
  let opening: Promise<NativeConnection> | undefined;
  let following: NodeJS.Timeout | undefined;

  async function connect(): Promise<NativeConnection> {
    const connection = await NativeConnection.connect({ address, tls, ...(apiKey && { apiKey: apiKey() }) });
    // A connection lives as long as the process, and a key that is exchanged does not.
    if (apiKey) following = setInterval(() => void connection.setApiKey(apiKey()), apiKeyEveryMs).unref();
    return connection;
  }

  return {
    open() {
      opening ??= connect().catch((error: unknown) => {
        opening = undefined;
        throw error;
      });
      return opening;
    },
    async close() {
      const connection = await opening?.catch(() => undefined);
      clearInterval(following);
      opening = undefined;
      await connection?.close();
    },
  };
}

/**
 * Works on a task queue until it is stopped, whatever happens to Temporal: it starts before Temporal does, survives its
 * restarts, and begins anew when the SDK gives up. Activities throw our errors by code.
 */
export function startWorker(options: {
  connection: WorkerConnection;
  settings: WorkerSettings;
  ring: KeyRing;
  taskQueue: string;
  activities: Calls;
  /** With it the steps are measured. */
  meter?: Meter;
  workflowBundle?: { codePath: string };
  /** Which build this is. Without one Temporal gives it work only while no build of the queue is current. */
  version?: WorkerVersion | undefined;
  log: Logger;
}): RunningWorker {
  const { taskQueue } = options;
  if (options.workflowBundle && !options.settings.TEMPORAL_CALL_STACKS) lightenWorkflowThreads();
  const log = limitLogger(options.log.child({ taskQueue }));
  const stopping = new AbortController();
  const workerOptions = optionsOf(options, log);
  let worker: Worker | undefined;
  let state: 'connecting' | 'running' | 'stopped' = 'connecting';

  const work = async (): Promise<void> => {
    const connection = await options.connection.open();
    worker = await Worker.create({ ...workerOptions, connection });
    if (stopping.signal.aborted) return;
    state = 'running';
    await worker.run();
  };

  const run = async (): Promise<void> => {
    for (let failures = 0; !stopping.signal.aborted; failures++) {
      const startedAt = Date.now();
      try {
        await work();
      } catch (err) {
        if (stopping.signal.aborted) log.warn('temporal worker stopped before its work had ended', { err });
        else log.warn('temporal worker cannot work, trying again', { err });
      }
      worker = undefined;
      if (stopping.signal.aborted) break;
      state = 'connecting';
      if (Date.now() - startedAt > 60_000) failures = 0;
      await delay(Math.min(250 * 2 ** failures, 5_000), undefined, { signal: stopping.signal }).catch(() => undefined);
    }
    state = 'stopped';
  };

  const ended = run();
  return {
    taskQueue,
    state: () => state,
    async stop() {
      stopping.abort();
      if (worker?.getState() === 'RUNNING') worker.shutdown();
      await ended;
    },
  };
}

/**
 * A workflow task keeps its slot while its local activities run. When those wait, for a slow payment provider, there must be many;
 * when the processor is the limit, more than a few only make whatever shares the process wait for its turn, acceptance above all.
 */
const workflowTaskSlots: SlotSupplier<WorkflowSlotInfo> = {
  type: 'resource-based',
  minimumSlots: 8,
  maximumSlots: 40,
  rampThrottle: '10 ms',
  tunerOptions: { targetCpuUsage: 0.8, targetMemoryUsage: 0.95 },
};

function optionsOf(options: Parameters<typeof startWorker>[0], log: Logger): WorkerOptions {
  const { settings, workflowBundle, version } = options;
  return {
    namespace: settings.TEMPORAL_NAMESPACE,
    taskQueue: options.taskQueue,
    activities: wrapActivities(options.activities, log),
    dataConverter: createDataConverter(options.ring),
    sinks: workflowTracing, // an order that began while traces were on tells its end to whoever works on it then
    interceptors: { activity: [...(options.meter ? [stepMetrics(options.meter)] : []), ...(isTracing() ? [activityTracing] : [])] },
    ...(version
      ? { workerDeploymentOptions: { version: version.version, useWorkerVersioning: true, defaultVersioningBehavior: version.behavior } }
      : {}),
    shutdownGraceTime: 5_000,
    shutdownForceTime: 10_000,
    tuner: {
      workflowTaskSlotSupplier: workflowTaskSlots,
      activityTaskSlotSupplier: { type: 'fixed-size', numSlots: 50 },
      localActivityTaskSlotSupplier: { type: 'fixed-size', numSlots: 100 },
      nexusTaskSlotSupplier: { type: 'fixed-size', numSlots: 1 },
    },
    maxConcurrentActivityTaskPolls: 2, // each is an open request, also while idle
    ...(workflowBundle
      ? {
          workflowBundle,
          reuseV8Context: true,
          maxCachedWorkflows: settings.TEMPORAL_MAX_CACHED_WORKFLOWS,
          maxConcurrentWorkflowTaskPolls: 10,
          // After a crash an order waits this long for the worker that had it in memory.
          stickyQueueScheduleToStartTimeout: 5_000,
        }
      : {}),
  };
}

/** The SDK's lines in our form. An outage makes it warn for every attempt of every step, so warnings pass a limit. */
function sdkLogger(log: Logger): SdkLogger {
  const limited = limitLogger(log);
  const fields = (meta: object | undefined): LogFields => {
    if (!meta) return {};
    const { error, sdkComponent, ...rest } = meta as Record<string, unknown>; // plain attributes by the SDK's own type
    return { ...rest, component: `temporal-${String(sdkComponent ?? 'sdk')}`, ...(error === undefined ? {} : { err: error }) };
  };
  const write: SdkLogger['log'] = (level, message, meta) => {
    if (level === 'ERROR') limited.error(message, fields(meta));
    else if (level === 'WARN') limited.warn(message, fields(meta));
    else if (level === 'INFO' && meta?.['sdkComponent'] === 'workflow') log.info(message, fields(meta));
    else log.debug(message, fields(meta));
  };
  return {
    log: write,
    trace: () => undefined,
    debug: (message, meta) => write('DEBUG', message, meta),
    info: (message, meta) => write('INFO', message, meta),
    warn: (message, meta) => write('WARN', message, meta),
    error: (message, meta) => write('ERROR', message, meta),
  };
}
