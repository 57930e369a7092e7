import type { Consumer, Loop } from '@waybill/kernel/service';
import type { InventoryMetrics } from './metrics.ts';
import type { ReservationStore } from './store/reservations.ts';
import type { InventoryTables } from './tables.ts';

const leasesAtOnce = 100;

export function createLeaseLoop(deps: { store: ReservationStore; metrics: InventoryMetrics; everyMs: number; onChange(): void }): Loop {
  return {
    name: 'stock-leases',
    everyMs: deps.everyMs,
    async run() {
      const expired = await deps.store.expire(leasesAtOnce);
      if (expired === 0) return false;
      deps.metrics.expiredLeases.add(expired);
      deps.onChange();
      return expired === leasesAtOnce;
    },
  };
}

/** A reservation never outlives its order: whatever an ended order still holds goes back. */
export function createOrderConsumer(deps: { store: ReservationStore; onChange(): void }): Consumer<InventoryTables> {
  return {
    name: 'inventory-order-end',
    source: 'orders',
    // An order that completed has sent all it held.
    types: ['order.partiallyCompleted', 'order.cancelled', 'order.timedOut', 'order.failed'],
    async handle(event, tx) {
      await deps.store.releaseAll(tx, event.subject);
      deps.onChange();
    },
  };
}
