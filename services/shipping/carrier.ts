import type { ReportableStatus } from './states.ts';

/** Who takes the goods. A carrier that reports by itself says what comes next; the others are reported by people or webhooks. */
export type Carrier = {
  name: 'manual' | 'simulated';
  reference(shipmentId: string): string | null;
  /** After how long it reports next on a shipment in this status; null when it has nothing more to say. */
  nextReport(status: string): { status: ReportableStatus; eventId: string; afterMs: number } | null;
};

/** The shop reports each step: `POST /v1/shipments/ID/carrier-events`. */
export const manualCarrier: Carrier = { name: 'manual', reference: () => null, nextReport: () => null };

/** Fetches and delivers every shipment by itself, one step per delay. Its event ids are always the same, so two workers report once. */
export function createSimulatedCarrier(delayMs: number): Carrier {
  return {
    name: 'simulated',
    reference: (shipmentId) => `SIM-${shipmentId.slice(-10).toUpperCase()}`,
    nextReport(status) {
      if (status === 'booked') return { status: 'dispatched', eventId: 'simulated-dispatched', afterMs: delayMs };
      if (status === 'dispatched' || status === 'delayed') return { status: 'delivered', eventId: 'simulated-delivered', afterMs: delayMs };
      return null;
    },
  };
}
