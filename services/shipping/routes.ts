import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { invalidField, WaybillError } from '@waybill/kernel/errors';
import { decodeCursor, pageOf } from '@waybill/kernel/paging';
import { Id, Nullable, OneOf, PageOf, pageQuery, Text, Timestamp } from '@waybill/kernel/schemas';
import Type, { type Static } from 'typebox';
import type { ReportCarrierEvent } from './reports.ts';
import { openReports, reportableStatuses, shipmentStatuses } from './states.ts';
import type { ShipmentRow, ShipmentStore } from './store.ts';

const Status = OneOf(shipmentStatuses);
const Address = Type.Object(
  {
    name: Type.String(),
    line1: Type.String(),
    line2: Type.Optional(Type.String()),
    postalCode: Type.String(),
    city: Type.String(),
    region: Type.Optional(Type.String()),
    country: Type.String(),
  },
  { title: 'Address' },
);
const Shipment = Type.Object(
  {
    id: Id('shp'),
    orderId: Type.String(),
    fulfillmentId: Type.String(),
    status: Status,
    locationId: Nullable(Type.String()),
    shippingMethod: Nullable(Type.String()),
    address: Nullable(Address),
    lines: Type.Array(Type.Object({ sku: Type.String(), quantity: Type.Integer() })),
    carrier: Nullable(Type.String()),
    carrierReference: Nullable(Type.String()),
    version: Type.Integer(),
    bookedAt: Type.Optional(Timestamp),
    dispatchedAt: Type.Optional(Timestamp),
    deliveredAt: Type.Optional(Timestamp),
    createdAt: Timestamp,
    updatedAt: Timestamp,
    actions: Type.Array(OneOf(reportableStatuses), { description: 'Carrier reports that would change something now' }),
  },
  { title: 'Shipment' },
);
const ShipmentQuery = Type.Object(
  {
    orderId: Type.Optional(Text({ max: 200 })),
    status: Type.Optional(Status),
    ...pageQuery,
  },
  { additionalProperties: false },
);
const ById = Type.Object({ id: Text({ max: 100 }) });
const CarrierEventBody = Type.Object(
  {
    eventId: Text({ max: 200, description: "The carrier's own id of this report: a repeat changes nothing" }),
    status: OneOf(reportableStatuses),
    occurredAt: Type.Optional(Timestamp),
  },
  { title: 'CarrierEvent', additionalProperties: false },
);

const time = <K extends string>(key: K, value: Date | null) =>
  value === null ? {} : ({ [key]: value.toISOString() } as Record<K, string>);

function shipmentOf(row: ShipmentRow): Static<typeof Shipment> {
  return {
    id: row.id,
    orderId: row.order_id,
    fulfillmentId: row.fulfillment_id,
    status: row.status,
    locationId: row.location_id,
    shippingMethod: row.shipping_method,
    address: row.address,
    lines: row.lines,
    carrier: row.carrier,
    carrierReference: row.carrier_reference,
    version: row.version,
    ...time('bookedAt', row.booked_at),
    ...time('dispatchedAt', row.dispatched_at),
    ...time('deliveredAt', row.delivered_at),
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
    actions: openReports(row.status),
  };
}

/** A carrier's clock can be wrong, but not by an age; and what is no date in our calendar is no date. */
function pastTime(text: string): string {
  const at = new Date(text);
  if (Number.isNaN(at.getTime()) || at.getUTCFullYear() < 2000 || at.getTime() > Date.now() + 86_400_000)
    throw invalidField('occurredAt', 'must be a time after the year 2000 and at most a day ahead');
  return at.toISOString();
}

export function shippingRoutes({ store, report }: { store: ShipmentStore; report: ReportCarrierEvent }): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/v1/shipments',
      {
        config: { permission: 'shipments:read' },
        schema: {
          tags: ['shipments'],
          summary: 'List shipments, newest first',
          querystring: ShipmentQuery,
          response: { 200: PageOf(Shipment) },
        },
      },
      async ({ query: { orderId, status, limit, cursor } }) => {
        const before = cursor === undefined ? undefined : decodeCursor(cursor, ['string'])[0];
        const rows = await store.list({ orderId, status, before, limit: limit + 1 });
        return pageOf(rows, limit, { item: shipmentOf, keyset: ({ id }) => [id] });
      },
    );

    app.get(
      '/v1/shipments/:id',
      {
        config: { permission: 'shipments:read' },
        schema: { tags: ['shipments'], summary: 'Show a shipment', params: ById, response: { 200: Shipment } },
      },
      async ({ params: { id } }, reply) => {
        const row = await store.find(id);
        if (!row) throw new WaybillError('not_found', `shipment ${id} does not exist`);
        return reply.header('etag', `"${row.version}"`).send(shipmentOf(row));
      },
    );

    app.post(
      '/v1/shipments/:id/carrier-events',
      {
        config: { permission: 'shipments:write' },
        schema: {
          tags: ['shipments'],
          summary: 'Report what the carrier says',
          description: 'In any order and as often as it comes: a step forward implies the steps between, a step back changes nothing.',
          params: ById,
          body: CarrierEventBody,
          response: { 200: Shipment },
        },
      },
      async ({ params: { id }, body: { eventId, status, occurredAt } }, reply) => {
        const row = await report(id, { eventId, status, occurredAt: occurredAt === undefined ? null : pastTime(occurredAt) });
        return reply.header('etag', `"${row.version}"`).send(shipmentOf(row));
      },
    );
  };
}
