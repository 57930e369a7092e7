import type { ShipmentStatus } from '@waybill/shipping/contract';
import type { Fulfillment } from '../contract.ts';
import type { PaymentPart } from '../states.ts';

/** A fulfillment and what only the workflow knows of it. */
export type Parcel = Fulfillment & {
  payment: PaymentPart;
  /** Grows when an authorization is renewed; part of the payment's key. */
  paymentGeneration: number;
  expiresAt: string | null;
  carrier: ShipmentStatus | null;
};

export const paymentKey = (parcel: Parcel): string => `${parcel.id}/${parcel.paymentGeneration}`;

/** Statuses of a shipment that has left the building. */
const left: readonly (ShipmentStatus | null)[] = ['dispatched', 'delayed', 'delivered', 'lost', 'returned'];
export const hasLeft = (parcel: Parcel): boolean => left.includes(parcel.carrier);

/** Ids for an event. */
export const idsOf = (parcel: Parcel): Record<string, unknown> => ({
  fulfillmentId: parcel.id,
  ...(parcel.shipmentId === undefined ? {} : { shipmentId: parcel.shipmentId }),
});
