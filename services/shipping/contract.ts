import type { CallsDefinition } from '@waybill/kernel/calls';

export const taskQueue = 'shipping';

/** `cancelled` is ours: a shipment called off before it was dispatched, which refuses its carrier from then on (ADR 0006). */
export type ShipmentStatus = 'pending' | 'booked' | 'dispatched' | 'delivered' | 'delayed' | 'lost' | 'returned' | 'cancelled';

export type Address = {
  name: string;
  line1: string;
  line2?: string;
  postalCode: string;
  city: string;
  region?: string;
  country: string;
};

export type BookShipmentInput = {
  /** The key of the step: a fulfillment has one shipment. */
  fulfillmentId: string;
  orderId: string;
  locationId: string;
  shippingMethod: string;
  address: Address;
  lines: readonly { sku: string; quantity: number }[];
  /** Where each carrier report goes, as a Temporal signal with one `ShipmentReport`. */
  reportTo: { workflowId: string; signal: string };
};

/** What the order hears of its shipment. Sent at least once; `eventId` is unique per shipment. */
export type ShipmentReport = { eventId: string; fulfillmentId: string; shipmentId: string; status: ShipmentStatus };

/** Every call is safe to repeat, late or early. */
export type ShippingCalls = {
  /** Throws `conflict` when the fulfillment's shipment was cancelled before. */
  bookShipment(input: BookShipmentInput): Promise<{ shipmentId: string; status: ShipmentStatus }>;
  /**
   * Calls a shipment off if it has not left. `tooLate`: it has, with its status. A fulfillment never seen gets a tombstone
   * that refuses a late booking.
   */
  cancelShipment(input: {
    fulfillmentId: string;
    orderId: string;
  }): Promise<{ outcome: 'cancelled' } | { outcome: 'tooLate'; status: ShipmentStatus }>;
  /** Shipments that are booked and have not left, by id, from after `after` on: for comparing books. */
  listBooked(page: { after: string; limit: number }): Promise<{ shipments: { shipmentId: string; orderId: string }[] }>;
  /** What carriers have reported of an order's shipments, in the order in which it came: to tell it again. */
  listReports(input: { orderId: string }): Promise<{ reports: ShipmentReport[] }>;
};

export const shippingCalls: CallsDefinition<ShippingCalls> = {
  service: 'shipping',
  names: ['bookShipment', 'cancelShipment', 'listBooked', 'listReports'],
};
