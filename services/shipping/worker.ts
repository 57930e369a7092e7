import { WaybillError } from '@waybill/kernel/errors';
import type { Loop } from '@waybill/kernel/service';
import type { Carrier } from './carrier.ts';
import type { ReportCarrierEvent } from './reports.ts';
import type { ShipmentStore } from './store.ts';

const atOnce = 100;

/** Makes a carrier that reports by itself do so. Shipments booked with another carrier are left to theirs. */
export function createCarrierLoop(deps: { store: ShipmentStore; carrier: Carrier; report: ReportCarrierEvent; everyMs: number }): Loop {
  const { store, carrier, report } = deps;
  return {
    name: 'simulated-carrier',
    everyMs: deps.everyMs,
    async run(signal) {
      const due = await store.dueForReport(carrier.name, atOnce);
      for (const shipment of due) {
        if (signal.aborted) return false;
        const next = carrier.nextReport(shipment.status);
        try {
          if (!next) await store.silence(shipment.id);
          else await report(shipment.id, { eventId: next.eventId, status: next.status, occurredAt: null });
        } catch (error) {
          // Cancelled in the meantime, or a person has used its event id: it must not hold up the others.
          if (!(error instanceof WaybillError) || error.code !== 'conflict') throw error;
          await store.silence(shipment.id);
        }
      }
      return due.length === atOnce;
    },
  };
}
