import type { Meter } from '@opentelemetry/api';

export function createShippingMetrics(meter: Meter) {
  return {
    shipments: meter.createCounter('waybill_shipping_shipments', { description: 'Shipments booked and cancelled, by event' }),
    carrierEvents: meter.createCounter('waybill_shipping_carrier_events', {
      description: 'Carrier reports stored, by status and whether they changed the shipment',
    }),
  };
}

export type ShippingMetrics = ReturnType<typeof createShippingMetrics>;
