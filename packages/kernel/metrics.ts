import type { Meter } from '@opentelemetry/api';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { observeProcess } from './process-metrics.ts';

export type Metrics = {
  meter: Meter;
  /** Everything measured so far, in Prometheus' text format. */
  text(): Promise<string>;
  close(): Promise<void>;
};

export const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

/** One per process. `more` are other sources of the same text format (Temporal's own metrics); one that is out is left out. */
export function createMetrics(more: readonly (() => Promise<string>)[] = []): Metrics {
  const reader = new PrometheusExporter({ preventServerStart: true });
  const provider = new MeterProvider({ readers: [reader] });
  const serializer = new PrometheusSerializer('', false, undefined, true, true);
  const meter = provider.getMeter('waybill');
  const stopObserving = observeProcess(meter);
  return {
    meter,
    async text() {
      const [{ resourceMetrics }, ...texts] = await Promise.all([
        reader.collect(),
        ...more.map((source) => source().catch(() => '')),
      ] as const);
      return [serializer.serialize(resourceMetrics), ...texts].join('');
    },
    close() {
      stopObserving();
      return provider.shutdown();
    },
  };
}
