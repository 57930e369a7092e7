import { hostname } from 'node:os';
import { context, DiagLogLevel, diag } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  RandomIdGenerator,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { type Logger, limitLogger } from './log.ts';
import type { TraceExport } from './tracing.ts';

const exportEveryMs = 2_000;
const exportTimeoutMs = 5_000;

/** The OpenTelemetry SDK: spans go out in batches over OTLP/HTTP, and are dropped rather than queued without end. */
export function openTraceExport(options: { endpoint: string; sampled: number; name: string; log: Logger }): TraceExport {
  const log = limitLogger(options.log.child({ component: 'tracing' }), 60_000);
  const say = (message: string, ...details: unknown[]) => log.warn('traces are not getting out', { reason: message, details });
  diag.setLogger({ error: say, warn: say, info: () => {}, debug: () => {}, verbose: () => {} }, DiagLogLevel.WARN);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  let planned: string | undefined;
  const random = new RandomIdGenerator();
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      'service.name': options.name,
      'service.namespace': 'waybill',
      'service.instance.id': hostname(),
    }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(options.sampled) }),
    idGenerator: {
      generateTraceId: () => random.generateTraceId(),
      generateSpanId() {
        const id = planned ?? random.generateSpanId();
        planned = undefined;
        return id;
      },
    },
    spanLimits: { attributeValueLengthLimit: 4_096 },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new OTLPTraceExporter({
          url: new URL('v1/traces', options.endpoint.endsWith('/') ? options.endpoint : `${options.endpoint}/`).href,
          timeoutMillis: exportTimeoutMs,
        }),
        scheduledDelayMillis: exportEveryMs,
        exportTimeoutMillis: exportTimeoutMs,
        maxQueueSize: 4_096,
      }),
    ],
  });
  return {
    tracer: provider.getTracer('waybill'),
    planSpanId(id) {
      planned = id;
    },
    async close() {
      await provider.shutdown().catch((err: unknown) => log.debug('the last traces did not get out', { err }));
      context.disable();
    },
  };
}
