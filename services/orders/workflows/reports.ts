import type { ShipmentReport, ShipmentStatus } from '@waybill/shipping/contract';
import { hasLeft, idsOf, type Parcel } from './parcel.ts';

/** How far along each status is: a report of something not further along changes nothing. */
const progress: Record<ShipmentStatus, number> = {
  pending: 0,
  booked: 1,
  cancelled: 1,
  dispatched: 2,
  delayed: 3,
  delivered: 4,
  lost: 4,
  returned: 4,
};

const eventNames: Record<ShipmentStatus, string> = {
  pending: 'shipmentPending',
  booked: 'shipmentBooked',
  cancelled: 'shipmentCancelled',
  dispatched: 'dispatched',
  delayed: 'delayed',
  delivered: 'delivered',
  lost: 'lost',
  returned: 'returned',
};

/**
 * Carrier reports come at least once and in any order: repeats are dropped, and a step forward implies the steps between. One can
 * even come before this workflow knows its parcel: when the task that booked it was lost. It is kept until the parcel is booked.
 */
export function createReports(order: {
  parcels: readonly Parcel[];
  record(type: string, facts: { actor: string; data: Record<string, unknown> }): void;
  isWaiting(parcelId: string): boolean;
  rest(): void;
}) {
  const seen = new Set<string>(); // bounded by what the carriers of one order report
  const early: ShipmentReport[] = [];

  function apply(parcel: Parcel, { status, shipmentId }: ShipmentReport): void {
    if (parcel.status === 'cancelled' || progress[status] < progress.dispatched) return;
    if (progress[status] <= progress[parcel.carrier ?? 'pending']) return;
    parcel.shipmentId ??= shipmentId;
    const leaves = !hasLeft(parcel);
    parcel.carrier = status;
    const told = { actor: 'carrier', data: idsOf(parcel) };
    if (leaves) order.record('dispatched', told);
    if (status !== 'dispatched') order.record(eventNames[status], told);
    // A parcel that waits for its carrier is moved by this, and written when it rests again; otherwise nothing would write it soon.
    if (status === 'delayed' || !order.isWaiting(parcel.id)) order.rest();
  }

  return {
    receive(report: ShipmentReport): void {
      const key = `${report.shipmentId}/${report.eventId}`;
      if (seen.has(key)) return;
      seen.add(key);
      const parcel = order.parcels.find(({ id }) => id === report.fulfillmentId);
      if (parcel && parcel.carrier !== null) apply(parcel, report);
      else early.push(report);
    },

    /** The parcel is known and booked from here on: what came early is due now. */
    booked(parcel: Parcel): void {
      for (const report of early) if (report.fulfillmentId === parcel.id) apply(parcel, report);
    },
  };
}
