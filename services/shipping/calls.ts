import { invalidField, WaybillError } from '@waybill/kernel/errors';
import { newId } from '@waybill/kernel/ids';
import type { Carrier } from './carrier.ts';
import type { BookShipmentInput, ShippingCalls } from './contract.ts';
import type { ShippingMetrics } from './metrics.ts';
import type { ShipmentStore } from './store.ts';

export type ShippingCallsOptions = {
  store: ShipmentStore;
  carrier: Carrier;
  metrics: ShippingMetrics;
  /** Called after each change, once it is committed. */
  onChange(): void;
};

export function createShippingCalls({ store, carrier, metrics, onChange }: ShippingCallsOptions): ShippingCalls {
  return {
    listBooked: async ({ after, limit }) => ({ shipments: await store.booked(after, limit) }),
    listReports: async ({ orderId }) => ({ reports: await store.reportsOf(orderId) }),

    async bookShipment(input) {
      checkText(input);
      const id = newId('shp');
      const booked = await store.book({
        ...input,
        id,
        carrier: carrier.name,
        carrierReference: carrier.reference(id),
        nextReportInMs: carrier.nextReport('booked')?.afterMs ?? null,
      });
      if (booked) {
        metrics.shipments.add(1, { event: 'booked' });
        onChange();
        return { shipmentId: booked.id, status: 'booked' };
      }
      const earlier = await store.ofFulfillment(input.fulfillmentId);
      if (!earlier) throw new WaybillError('unavailable', `fulfillment ${input.fulfillmentId} is being booked`, { retryAfter: 1 });
      if (earlier.order_id !== input.orderId)
        throw new WaybillError(
          'conflict',
          `fulfillment ${input.fulfillmentId} belongs to order ${earlier.order_id}, not to ${input.orderId}`,
        );
      if (earlier.status === 'cancelled')
        throw new WaybillError('conflict', `the shipment of fulfillment ${input.fulfillmentId} was cancelled, so it cannot be booked`);
      return { shipmentId: earlier.id, status: 'booked' };
    },

    async cancelShipment(input) {
      checkText(input);
      const cancelled = await store.cancel({ ...input, id: newId('shp') });
      if (cancelled) {
        metrics.shipments.add(1, { event: 'cancelled' });
        if (cancelled.version > 0) onChange();
        return { outcome: 'cancelled' };
      }
      const earlier = await store.ofFulfillment(input.fulfillmentId);
      if (!earlier) throw new WaybillError('unavailable', `fulfillment ${input.fulfillmentId} is being booked`, { retryAfter: 1 });
      return earlier.status === 'cancelled' ? { outcome: 'cancelled' } : { outcome: 'tooLate', status: earlier.status };
    },
  };
}

/** Text was checked where it came in; what cannot be stored as it is must not become a database error here. */
function checkText(input: BookShipmentInput | Parameters<ShippingCalls['cancelShipment']>[0]): void {
  const check = (field: string, value: unknown): void => {
    if (typeof value === 'string') {
      if (value.includes('\0') || !value.isWellFormed()) throw invalidField(field, 'must not hold control characters or broken Unicode');
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, inner] of Object.entries(value)) check(field === '' ? key : `${field}.${key}`, inner);
    }
  };
  check('', input);
}
