import type { ShipmentStatus } from './contract.ts';

/** What a shipment may become next, at our hand or by a carrier's report; a report may skip the steps between. */
export const shipmentMoves: Record<ShipmentStatus, readonly ShipmentStatus[]> = {
  pending: ['booked', 'cancelled'],
  booked: ['dispatched', 'delayed', 'lost', 'delivered', 'returned', 'cancelled'],
  dispatched: ['delayed', 'lost', 'delivered', 'returned'],
  delayed: ['lost', 'delivered', 'returned'],
  // What was lost can turn up.
  lost: ['delivered', 'returned'],
  delivered: ['returned'],
  returned: [],
  cancelled: [],
};

/** What a carrier may say. `booked` is behind every shipment that a carrier knows, so it changes nothing. */
export const reportableStatuses = ['booked', 'dispatched', 'delayed', 'lost', 'delivered', 'returned'] as const;
export type ReportableStatus = (typeof reportableStatuses)[number];

/** Of these no one says anything but that the goods have left the building. */
export const leftStatuses: readonly ShipmentStatus[] = ['dispatched', 'delayed', 'lost', 'delivered', 'returned'];

/** Statuses in which no carrier knows of the shipment (any more), so a report on it is refused. */
export const unknownToCarriers: readonly ShipmentStatus[] = ['pending', 'cancelled'];

export const shipmentStatuses = Object.keys(shipmentMoves) as [ShipmentStatus, ...ShipmentStatus[]]; // Object.keys forgets the literal keys

export const mayBecome = (from: ShipmentStatus, to: ShipmentStatus): boolean => shipmentMoves[from].includes(to);

/** The reports that would still change something. */
export const openReports = (status: ShipmentStatus): ReportableStatus[] =>
  unknownToCarriers.includes(status) ? [] : reportableStatuses.filter((reported) => mayBecome(status, reported));
