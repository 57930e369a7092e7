import { WaybillError } from '@waybill/kernel/errors';
import type { Carrier } from './carrier.ts';
import type { ShipmentReport, ShipmentStatus } from './contract.ts';
import type { ShippingMetrics } from './metrics.ts';
import { leftStatuses, mayBecome, unknownToCarriers } from './states.ts';
import type { CarrierEvent, Progress, ShipmentRow, ShipmentStore } from './store.ts';

/** Reports on one shipment can race; each loser reads again. So many in a row means that something else is wrong. */
const mostRaces = 50;

export type ReportCarrierEvent = (shipmentId: string, event: CarrierEvent) => Promise<ShipmentRow>;

/** Stores what a carrier says before anything comes of it. Reports come at least once and in any order. */
export function createReports(deps: {
  store: ShipmentStore;
  carrier: Carrier;
  metrics: ShippingMetrics;
  onChange(): void;
}): ReportCarrierEvent {
  const { store, metrics } = deps;

  return async function reportCarrierEvent(shipmentId, event) {
    for (let race = 0; race < mostRaces; race++) {
      const found = await store.findForReport(shipmentId, event.eventId);
      if (!found) throw new WaybillError('not_found', `shipment ${shipmentId} does not exist`);
      const { shipment, told } = found;
      if (told !== null) return repeated(shipment, event, told);
      if (unknownToCarriers.includes(shipment.status))
        throw new WaybillError('conflict', `shipment ${shipmentId} is ${shipment.status}, so no carrier has anything to report on it`);
      const progress = progressOf(shipment, event, deps.carrier);
      const changed = await store.record(shipment, event, progress);
      if (!changed) continue;
      const applied = progress.steps.length > 0;
      metrics.carrierEvents.add(1, { status: event.status, applied });
      if (applied) deps.onChange();
      return changed;
    }
    throw new WaybillError('unavailable', `shipment ${shipmentId} changes too fast; report ${event.eventId} again`, { retryAfter: 1 });
  };
}

function repeated(shipment: ShipmentRow, { eventId, status }: CarrierEvent, told: ShipmentStatus): ShipmentRow {
  if (told === status) return shipment;
  throw new WaybillError('conflict', `event ${eventId} of shipment ${shipment.id} said ${told} before, not ${status}; use a new eventId`, {
    errors: [{ field: 'eventId', message: `was used for ${told}` }],
  });
}

/** A step forward implies that the goods left; a step back or on the spot is kept and changes nothing. */
function progressOf(shipment: ShipmentRow, event: CarrierEvent, carrier: Carrier): Progress {
  if (!mayBecome(shipment.status, event.status)) return { steps: [], signal: null, nextReportInMs: null };
  const leavesNow = !leftStatuses.includes(shipment.status);
  const implied: ShipmentStatus[] = leavesNow && event.status !== 'dispatched' ? ['dispatched'] : [];
  const report: ShipmentReport = {
    eventId: event.eventId,
    fulfillmentId: shipment.fulfillment_id,
    shipmentId: shipment.id,
    status: event.status,
  };
  return {
    steps: [...implied, event.status],
    signal: shipment.report_to && { workflowId: shipment.report_to.workflowId, name: shipment.report_to.signal, args: [report] },
    nextReportInMs: shipment.carrier === carrier.name ? (carrier.nextReport(event.status)?.afterMs ?? null) : null,
  };
}
