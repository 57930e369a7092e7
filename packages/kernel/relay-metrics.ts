import type { Meter } from '@opentelemetry/api';
import type { StoredEvent } from './outbox.ts';

export type Backlog = { events: number; oldestSeconds: number; held: number };

/** Seconds: from what a live reader notices to what an outage leaves. */
export const delayBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 3_600];

/** One relay's figures. The label is the service; only the relay that leads reports a backlog, so sums are right. */
export function createRelayMetrics(meter: Meter, service: string) {
  const labels = { service };
  let backlog: Backlog | undefined;
  let leading = false;
  const unpublished = meter.createObservableGauge('waybill_outbox_unpublished_events', {
    description: 'Events in the outbox that wait to be published (counted up to 100000)',
  });
  const oldest = meter.createObservableGauge('waybill_outbox_oldest_unpublished_seconds', {
    description: 'Age of the oldest event that waits to be published',
  });
  const held = meter.createObservableGauge('waybill_outbox_held_events', {
    description: 'Events whose signal or publication failed and is retried later',
  });
  const leads = meter.createObservableGauge('waybill_outbox_relay_leads', {
    description: '1 in the process whose relay is the active one of its service',
  });
  const published = meter.createCounter('waybill_outbox_published_events', { description: 'Events published' });
  const failures = meter.createCounter('waybill_outbox_failures', { description: 'Failed attempts to signal or to publish' });
  for (const kind of ['signal', 'publish']) failures.add(0, { ...labels, kind });
  const delay = meter.createHistogram('waybill_outbox_publish_delay_seconds', {
    description: 'From the write of an event to its publication',
    advice: { explicitBucketBoundaries: delayBuckets },
  });
  const observers = [
    { gauge: unpublished, value: () => (leading ? backlog?.events : undefined) },
    { gauge: oldest, value: () => (leading ? backlog?.oldestSeconds : undefined) },
    { gauge: held, value: () => (leading ? backlog?.held : undefined) },
    { gauge: leads, value: () => (leading ? 1 : 0) },
  ].map(({ gauge, value }) => {
    const observe: Parameters<typeof gauge.addCallback>[0] = (result) => {
      const seen = value();
      if (seen !== undefined) result.observe(seen, labels);
    };
    gauge.addCallback(observe);
    return () => gauge.removeCallback(observe);
  });
  return {
    leads(value: boolean) {
      leading = value;
      backlog = undefined;
    },
    backlog(value: Backlog) {
      backlog = value;
    },
    published(rows: readonly StoredEvent[]) {
      published.add(rows.length, labels);
      const now = Date.now();
      for (const row of rows) delay.record(Math.max(0, now - row.time.getTime()) / 1_000, labels);
    },
    failed(kind: 'signal' | 'publish') {
      failures.add(1, { ...labels, kind });
    },
    stop() {
      for (const remove of observers) remove();
    },
  };
}
