import type { Meter } from '@opentelemetry/api';
import { delayBuckets } from './relay-metrics.ts';

export type InboxBacklog = { events: number; oldestSeconds: number; held: number };

export type InboxMetrics = ReturnType<typeof createInboxMetrics>;

/** The labels are the service and its consumers: both are names in the code. Several processes see the same backlog: take the maximum. */
export function createInboxMetrics(meter: Meter, service: string) {
  const backlogs = new Map<string, InboxBacklog>();
  const handled = meter.createCounter('waybill_inbox_handled_events', { description: 'Events of other services that were handled' });
  const failures = meter.createCounter('waybill_inbox_failures', { description: 'Failed attempts to handle an event' });
  const delay = meter.createHistogram('waybill_inbox_handling_delay_seconds', {
    description: 'From the receipt of an event to its handling',
    advice: { explicitBucketBoundaries: delayBuckets },
  });
  const gauges = [
    {
      gauge: meter.createObservableGauge('waybill_inbox_unprocessed_events', {
        description: 'Received events that wait to be handled (counted up to 100000)',
      }),
      of: (backlog: InboxBacklog) => backlog.events,
    },
    {
      gauge: meter.createObservableGauge('waybill_inbox_oldest_unprocessed_seconds', {
        description: 'Age of the oldest received event that waits to be handled',
      }),
      of: (backlog: InboxBacklog) => backlog.oldestSeconds,
    },
    {
      gauge: meter.createObservableGauge('waybill_inbox_held_events', { description: 'Events whose handling failed and is retried later' }),
      of: (backlog: InboxBacklog) => backlog.held,
    },
  ].map(({ gauge, of }) => {
    const observe: Parameters<typeof gauge.addCallback>[0] = (result) => {
      for (const [consumer, backlog] of backlogs) result.observe(of(backlog), { service, consumer });
    };
    gauge.addCallback(observe);
    return () => gauge.removeCallback(observe);
  });
  return {
    begin: (consumer: string) => failures.add(0, { service, consumer }),
    backlog: (consumer: string, value: InboxBacklog) => backlogs.set(consumer, value),
    handled(consumer: string, receivedAt: Date) {
      handled.add(1, { service, consumer });
      delay.record(Math.max(0, Date.now() - receivedAt.getTime()) / 1_000, { service, consumer });
    },
    failed: (consumer: string) => failures.add(1, { service, consumer }),
    stop() {
      for (const remove of gauges) remove();
    },
  };
}
