import type { Meter } from '@opentelemetry/api';

export function createInventoryMetrics(meter: Meter) {
  return {
    reservations: meter.createCounter('waybill_inventory_reservations', {
      description: 'Reservations made, by whether there was stock for all of it, part of it or none',
    }),
    lostRaces: meter.createCounter('waybill_inventory_lost_races', { description: 'Plans whose stock somebody else took first' }),
    expiredLeases: meter.createCounter('waybill_inventory_expired_leases', { description: 'Leases that ran out and were given back' }),
  };
}

export type InventoryMetrics = ReturnType<typeof createInventoryMetrics>;
