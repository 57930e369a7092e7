import type { ShipmentReport, ShipmentStatus } from '@waybill/shipping/contract';
import { idsOf } from './fulfil.ts';
import { hasLeft, type OpenOrder } from './open-order.ts';

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

/** Carrier reports come at least once and in any order: repeats are dropped, and a step forward implies the steps between. */
export function createReportHandler(order: OpenOrder): (report: ShipmentReport) => void {
  const seen = new Set<string>(); // bounded by what one shipment's carrier reports

  return ({ eventId, fulfillmentId, shipmentId, status }) => {
    const key = `${shipmentId}/${eventId}`;
    const parcel = order.parcels.find((candidate) => candidate.id === fulfillmentId);
    if (!parcel || seen.has(key) || parcel.status === 'cancelled') return;
    seen.add(key);
    if (progress[status] <= progress[parcel.carrier ?? 'pending'] || progress[status] < progress.dispatched) return;
    parcel.shipmentId ??= shipmentId;
    const leaves = !hasLeft(parcel);
    parcel.carrier = status;
    if (leaves) order.record('dispatched', { actor: 'carrier', data: idsOf(parcel) });
    if (status !== 'dispatched') order.record(eventNames[status], { actor: 'carrier', data: idsOf(parcel) });
    if (status === 'delayed') order.rest(); // the order waits on; any other report moves it, and it writes when it rests again
  };
}

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
