import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { InterceptingCall } from '@grpc/grpc-js';
import { Client, Connection, type ConnectionOptions, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { type SettingsOf, type SettingsSchema, setting } from './config.ts';
import type { KeyRing } from './encryption.ts';
import { WaybillError } from './errors.ts';
import { createPayloadCodec } from './payload-codec.ts';
import { fromTemporalError } from './temporal-failure.ts';
import { temporalAccess, temporalTlsSettings } from './temporal-tls.ts';
import { clientTracing } from './temporal-tracing.ts';
import { isTracing } from './tracing.ts';

export const temporalSettings = {
  TEMPORAL_ADDRESS: setting.text({ description: 'Host and port of the Temporal frontend.', default: '127.0.0.1:7233' }),
  TEMPORAL_NAMESPACE: setting.text({ description: 'Temporal namespace of this installation.', default: 'default' }),
  TEMPORAL_TIMEOUT: setting.duration({
    description: 'How long a call to Temporal may take before it counts as unavailable.',
    default: '3s',
  }),
  TEMPORAL_COMMAND_TIMEOUT: setting.duration({
    description: 'The same for updates and queries, which wait for a worker.',
    default: '10s',
  }),
  ...temporalTlsSettings,
} satisfies SettingsSchema;

export type TemporalSettings = SettingsOf<typeof temporalSettings>;

export type Temporal = {
  client: Client;
  connection: Connection;
  /** Resolves when the namespace answers; rejects with `unavailable`. */
  ping(): Promise<void>;
  close(): Promise<void>;
};

export const failureConverterPath = fileURLToPath(new URL('./failure-converter.ts', import.meta.url));

/** What a client, a worker and a replayer must share: encrypted payloads, and failures inside payloads. */
export const createDataConverter = (ring: KeyRing): DataConverter => ({
  failureConverterPath,
  payloadCodecs: [createPayloadCodec(ring)],
});

/** Connects on first use and again by itself. Every call has a deadline; map what it throws with `fromTemporalError`. */
export function createTemporal(options: { settings: TemporalSettings; ring: KeyRing; identity?: string }): Temporal {
  const { TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_TIMEOUT, TEMPORAL_COMMAND_TIMEOUT } = options.settings;
  const inProgress = countCalls();
  const connection = Connection.lazy({
    address: TEMPORAL_ADDRESS,
    ...temporalAccess(options.settings),
    channelArgs: {
      // gRPC's own back-off grows to two minutes; we want to be back a second after Temporal is.
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1_000,
    },
    interceptors: [
      inProgress.interceptor,
      deadlines(TEMPORAL_TIMEOUT, TEMPORAL_COMMAND_TIMEOUT),
      makeGrpcRetryInterceptor(defaultGrpcRetryOptions({ maxAttempts: 3 })),
    ],
  });
  const client = new Client({
    connection,
    namespace: TEMPORAL_NAMESPACE,
    dataConverter: createDataConverter(options.ring),
    ...(isTracing() ? { interceptors: { workflow: [clientTracing] } } : {}),
    ...(options.identity === undefined ? {} : { identity: options.identity }),
  });
  return {
    client,
    connection,
    async ping() {
      await connection.workflowService.describeNamespace({ namespace: TEMPORAL_NAMESPACE }).catch((error: unknown) => {
        throw fromTemporalError(error) ?? error;
      });
    },
    async close() {
      // A retry that comes due on a closed channel throws out of its timer, where nobody could catch it.
      await inProgress.settled(TEMPORAL_TIMEOUT + 1_000);
      await connection.close();
    },
  };
}

/** Resolves when a namespace answers; rejects with `unavailable` otherwise. Needs no keys: it reads nothing of ours. */
export async function checkTemporal(options: { address: string; namespace: string; timeoutMs: number }): Promise<void> {
  const connection = Connection.lazy({ address: options.address, interceptors: [deadlines(options.timeoutMs, options.timeoutMs)] });
  try {
    await connection.workflowService.describeNamespace({ namespace: options.namespace });
  } catch (error) {
    throw (
      fromTemporalError(error) ?? new WaybillError('unavailable', `the namespace ${options.namespace} does not answer`, { cause: error })
    );
  } finally {
    await connection.close();
  }
}

/** Knows when no call is on its way, retries included: the first interceptor sees the last status only. */
function countCalls(): { interceptor: Interceptor; settled(timeoutMs: number): Promise<void> } {
  let calls = 0;
  return {
    interceptor: (options, nextCall) => {
      calls++;
      return new InterceptingCall(nextCall(options), {
        start: (metadata, _listener, next) =>
          next(metadata, {
            onReceiveStatus(status, nextStatus) {
              calls--;
              nextStatus(status);
            },
          }),
      });
    },
    async settled(timeoutMs) {
      for (const end = Date.now() + timeoutMs; calls > 0 && Date.now() < end; ) await delay(20);
    },
  };
}

type Interceptor = NonNullable<ConnectionOptions['interceptors']>[number];

// Calls that wait for a worker, or for a workflow to end. The server itself ends the latter after about a minute.
const waitForWorker = /\/(UpdateWorkflowExecution|PollWorkflowExecutionUpdate|ExecuteMultiOperation|QueryWorkflow)$/;
const waitForHistory = /\/GetWorkflowExecutionHistory$/;

/** A deadline for each call that has none of its own (`client.withDeadline` sets one). */
function deadlines(timeoutMs: number, commandTimeoutMs: number): Interceptor {
  return (options, nextCall) => {
    const { path } = options.method_definition;
    const timeout = waitForWorker.test(path) ? commandTimeoutMs : waitForHistory.test(path) ? 90_000 : timeoutMs;
    const call = nextCall({ ...options, deadline: options.deadline ?? Date.now() + timeout });
    return call as ReturnType<Interceptor>; // an interceptor that only changes options hands on the next call; the type names a class
  };
}
