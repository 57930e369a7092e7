import type { Meter } from '@opentelemetry/api';
import { timeOfId } from '@waybill/kernel/ids';
import type { OrderChange } from './contract.ts';
import { isEnd, orderStatuses } from './states.ts';
import type { Figures } from './store/figures.ts';

/** Seconds from placement to the end: a machine's pace, a warehouse's, a carrier's. */
const lifeBuckets = [0.5, 1, 2.5, 5, 15, 60, 300, 1_800, 7_200, 28_800, 86_400, 259_200, 604_800];

export type OrdersMetrics = ReturnType<typeof createOrdersMetrics>;

export function createOrdersMetrics(meter: Meter) {
  const placed = meter.createCounter('waybill_orders_placed', { description: 'Orders accepted' });
  const starts = meter.createCounter('waybill_orders_starts', { description: 'Workflows started, by who started them' });
  const ended = meter.createCounter('waybill_orders_ended', { description: 'Orders that came to their end, by the end' });
  const life = meter.createHistogram('waybill_orders_life_seconds', {
    description: 'From the placement of an order to its end',
    advice: { explicitBucketBoundaries: lifeBuckets },
  });
  // A counter that begins at its first event hides that event from every rate.
  placed.add(0);
  for (const status of orderStatuses.filter(isEnd)) ended.add(0, { status });
  for (const by of ['api', 'dispatcher']) starts.add(0, { by });
  return {
    placed: () => placed.add(1),
    started: (by: 'api' | 'dispatcher', count = 1) => starts.add(count, { by }),
    saved({ orderId, status }: OrderChange) {
      if (!isEnd(status)) return;
      ended.add(1, { status });
      life.record(Math.max(0, Date.now() - timeOfId(orderId).getTime()) / 1_000, { status });
    },
  };
}

/** What the table says of orders that are open. Every worker process sees the same: take the maximum over processes. */
export function observeFigures(meter: Meter): (figures: Figures | undefined) => void {
  let latest: Figures | undefined;
  const gauge = (name: string, description: string, observe: (figures: Figures) => readonly [number, Record<string, string>][]) =>
    meter.createObservableGauge(name, { description }).addCallback((result) => {
      if (latest) for (const [value, labels] of observe(latest)) result.observe(value, labels);
    });
  const age = (id: string | null): number => (id === null ? 0 : Math.max(0, Date.now() - timeOfId(id).getTime()) / 1_000);
  gauge('waybill_orders_open', 'Orders that have not ended, by status (each counted up to 20000)', ({ open }) =>
    open.map(({ status, orders }) => [orders, { status }]),
  );
  gauge('waybill_orders_oldest_open_seconds', 'Age of the oldest order that has not ended, by status', ({ open }) =>
    open.map(({ status, oldest }) => [age(oldest), { status }]),
  );
  gauge('waybill_orders_unstarted', 'Accepted orders that nobody has started yet (counted up to 20000)', ({ unstarted }) => [
    [unstarted, {}],
  ]);
  gauge('waybill_orders_oldest_unstarted_seconds', 'Age of the oldest accepted order that nobody has started', ({ oldestUnstarted }) => [
    [age(oldestUnstarted), {}],
  ]);
  gauge('waybill_orders_open_tasks', 'Decisions that wait for a person, by kind (counted up to 20000)', ({ tasks }) =>
    tasks.map(({ kind, open }) => [open, { kind }]),
  );
  gauge('waybill_orders_overdue_tasks', 'Decisions whose deadline has passed, by kind', ({ tasks }) =>
    tasks.map(({ kind, overdue }) => [overdue, { kind }]),
  );
  return (figures) => {
    latest = figures;
  };
}
