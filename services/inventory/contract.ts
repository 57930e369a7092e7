import type { CallsDefinition } from '@waybill/kernel/calls';

export const taskQueue = 'inventory';

export type StockLine = { lineId: string; sku: string; quantity: number };

/** Where the goods go: the planner prefers near locations. With `locationId` only that location serves. */
export type Destination = { country: string; postalCode: string } | { locationId: string };

export type ReserveStockInput = {
  orderId: string;
  /** Grows by one each time the order reserves anew because its lease expired. */
  generation: number;
  lines: readonly StockLine[];
  destination: Destination;
  /** When nothing is missing there is nothing to ask, and no lease is needed: what is taken is committed at once. */
  commitIfComplete?: boolean;
};

export type ReserveStockResult = {
  /** One per location, in the order in which to ship; no location twice. */
  parcels: readonly { locationId: string; lines: readonly StockLine[] }[];
  /** What no location has. */
  unavailable: readonly StockLine[];
  /** When the lease ends (RFC 3339), unless it is committed before; null when it is committed already. */
  expiresAt: string | null;
};

/** One reservation of an order; with `locationId` the part of it that is held at that location. */
export type ReservationRef = { orderId: string; generation: number; locationId?: string };

/** Every call is safe to repeat, late or early: it records its step and answers a repeat with the first result. */
export type InventoryCalls = {
  /** Takes a lease on what there is, in the fewest parcels, then nearest. Throws `conflict` after a release of the same reservation. */
  reserveStock(input: ReserveStockInput): Promise<ReserveStockResult>;
  /** Makes the lease permanent. `expired`: the lease ran out and its stock was given back; reserve again. */
  commitStock(reservation: ReservationRef): Promise<{ outcome: 'committed' | 'expired' }>;
  /** Gives back what is still held. A reservation never seen gets a tombstone that refuses a late `reserveStock`. */
  releaseStock(reservation: ReservationRef): Promise<{ released: number }>;
  /** The parcel has left: lowers on-hand and reserved together. Throws `conflict` if it was released before. */
  dispatchStock(reservation: Required<ReservationRef>): Promise<{ dispatched: number }>;
  /** Reservations that hold stock, by order id, from after `after` on: for comparing books. */
  listHeld(page: { after: string; limit: number }): Promise<{ orderIds: string[] }>;
};

export const inventoryCalls: CallsDefinition<InventoryCalls> = {
  service: 'inventory',
  names: ['reserveStock', 'commitStock', 'releaseStock', 'dispatchStock', 'listHeld'],
};
