import { violatedConstraint } from '@waybill/kernel/database';
import type { RelaySignal } from '@waybill/kernel/events';
import { traceparentValue } from '@waybill/kernel/outbox';
import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Address, BookShipmentInput, ShipmentReport, ShipmentStatus } from './contract.ts';
import { leftStatuses, type ReportableStatus, shipmentMoves, shipmentStatuses } from './states.ts';

export type ShipmentRow = {
  id: string;
  fulfillment_id: string;
  order_id: string;
  status: ShipmentStatus;
  location_id: string | null;
  shipping_method: string | null;
  address: Address | null;
  lines: { sku: string; quantity: number }[];
  report_to: BookShipmentInput['reportTo'] | null;
  carrier: string | null;
  carrier_reference: string | null;
  version: number;
  booked_at: Date | null;
  dispatched_at: Date | null;
  delivered_at: Date | null;
  next_report_at: Date | null;
  created_at: Date;
  updated_at: Date;
};

export type CarrierEvent = { eventId: string; status: ReportableStatus; occurredAt: string | null };

/** What a report does to a shipment: the statuses it goes through, one event each, and what the order is told. */
export type Progress = { steps: readonly ShipmentStatus[]; signal: RelaySignal | null; nextReportInMs: number | null };

export type ShipmentStore = ReturnType<typeof createShipmentStore>;

const secondsOf = (ms: number | null): RawBuilder<unknown> => sql`make_interval(secs => ${ms === null ? null : ms / 1_000}::float8)`;

/** Ids and states only: the address is personal. */
const eventData = sql`jsonb_build_object('shipmentId', id, 'orderId', order_id, 'fulfillmentId', fulfillment_id, 'locationId', location_id)`;

const callable = shipmentStatuses.filter((status) => shipmentMoves[status].includes('cancelled'));

export function createShipmentStore(db: Kysely<unknown>) {
  async function find(id: string): Promise<ShipmentRow | undefined> {
    return (await sql<ShipmentRow>`select * from shipment where id = ${id} and booked_at is not null`.execute(db)).rows[0];
  }

  async function ofFulfillment(fulfillmentId: string): Promise<ShipmentRow | undefined> {
    return (await sql<ShipmentRow>`select * from shipment where fulfillment_id = ${fulfillmentId}`.execute(db)).rows[0];
  }

  return {
    find,
    ofFulfillment,

    /** Waiting for their carrier, in order of their ids. */
    async booked(after: string, limit: number): Promise<{ shipmentId: string; orderId: string }[]> {
      const { rows } = await sql<{ shipmentId: string; orderId: string }>`
        select id as "shipmentId", order_id as "orderId" from shipment
        where status in ('pending', 'booked') and booked_at is not null and id > ${after} order by id limit ${limit}`.execute(db);
      return rows;
    },

    async reportsOf(orderId: string): Promise<ShipmentReport[]> {
      const { rows } = await sql<ShipmentReport>`
        select e.event_id as "eventId", s.fulfillment_id as "fulfillmentId", s.id as "shipmentId", e.status
        from shipment s join carrier_event e on e.shipment_id = s.id
        where s.order_id = ${orderId} and e.applied order by e.received_at`.execute(db);
      return rows;
    },

    /** Undefined when the fulfillment has a shipment or a tombstone already. */
    async book(
      input: BookShipmentInput & { id: string; carrier: string; carrierReference: string | null; nextReportInMs: number | null },
    ): Promise<ShipmentRow | undefined> {
      const { rows } = await sql<ShipmentRow>`
        with booked as (
          insert into shipment (id, fulfillment_id, order_id, status, location_id, shipping_method, address, lines, report_to, carrier,
            carrier_reference, version, booked_at, next_report_at)
          values (${input.id}, ${input.fulfillmentId}, ${input.orderId}, 'booked', ${input.locationId}, ${input.shippingMethod},
            ${JSON.stringify(input.address)}, ${JSON.stringify(input.lines)}, ${JSON.stringify(input.reportTo)}, ${input.carrier},
            ${input.carrierReference}, 1, now(), now() + ${secondsOf(input.nextReportInMs)})
          on conflict (fulfillment_id) do nothing returning *
        ), event as (
          insert into outbox (aggregate_id, sequence, type, data, traceparent)
          select id, version, 'shipment.booked', ${eventData} || jsonb_build_object('status', status), ${traceparentValue()} from booked
        )
        select * from booked`.execute(db);
      return rows[0];
    },

    /** Calls a shipment off or leaves a tombstone. Undefined when it has left, or was called off before. */
    async cancel(input: { fulfillmentId: string; orderId: string; id: string }): Promise<ShipmentRow | undefined> {
      const { rows } = await sql<ShipmentRow>`
        with cancelled as (
          insert into shipment as s (id, fulfillment_id, order_id, status, version)
          values (${input.id}, ${input.fulfillmentId}, ${input.orderId}, 'cancelled', 0)
          on conflict (fulfillment_id) do update
            set status = 'cancelled', version = s.version + 1, next_report_at = null, updated_at = now()
            where s.status = any(${[...callable]}::text[])
          returning *
        ), event as (
          insert into outbox (aggregate_id, sequence, type, data, traceparent)
          select id, version, 'shipment.cancelled', ${eventData} || jsonb_build_object('status', status), ${traceparentValue()}
          from cancelled where version > 0
        )
        select * from cancelled`.execute(db);
      return rows[0];
    },

    /** A shipment, with the status that this event of its carrier told before. */
    async findForReport(id: string, eventId: string): Promise<{ shipment: ShipmentRow; told: ShipmentStatus | null } | undefined> {
      const { rows } = await sql<ShipmentRow & { told: ShipmentStatus | null }>`
        select s.*, e.status as told from shipment s
        left join carrier_event e on e.shipment_id = s.id and e.event_id = ${eventId}
        where s.id = ${id} and s.booked_at is not null`.execute(db);
      const row = rows[0];
      if (!row) return undefined;
      const { told, ...shipment } = row;
      return { shipment, told };
    },

    /**
     * One statement: the report, the shipment's steps, their events, and the signal that goes with the last of them.
     * Undefined when the shipment or the report changed since it was read: read again.
     */
    async record(
      shipment: ShipmentRow,
      event: CarrierEvent,
      { steps, signal, nextReportInMs }: Progress,
    ): Promise<ShipmentRow | undefined> {
      const status = steps.at(-1) ?? shipment.status;
      const left = steps.some((step) => leftStatuses.includes(step));
      const happenedAt = sql`coalesce(${event.occurredAt}::timestamptz, now())`;
      const statement = sql<ShipmentRow>`
        with moved as (
          update shipment set status = ${status}, version = version + ${steps.length}::integer,
            updated_at = case when ${steps.length > 0}::boolean then now() else updated_at end,
            dispatched_at = case when ${left}::boolean then coalesce(dispatched_at, ${happenedAt}) else dispatched_at end,
            delivered_at = case when ${steps.includes('delivered')}::boolean then ${happenedAt} else delivered_at end,
            next_report_at = case when ${steps.length > 0}::boolean then now() + ${secondsOf(nextReportInMs)} else next_report_at end
          where id = ${shipment.id} and version = ${shipment.version} returning *
        ), told as (
          insert into carrier_event (shipment_id, event_id, status, occurred_at, applied)
          select id, ${event.eventId}::text, ${event.status}::text, ${event.occurredAt}::timestamptz, ${steps.length > 0}::boolean from moved
        ), events as (
          insert into outbox (aggregate_id, sequence, type, data, signal, traceparent)
          select id, ${shipment.version}::integer + step.number::integer, 'shipment.' || step.status,
            ${eventData} || jsonb_build_object('status', step.status),
            case when step.number = ${steps.length}::integer then ${signal === null ? null : JSON.stringify(signal)}::jsonb end,
            ${traceparentValue()}
          from moved, unnest(${[...steps]}::text[]) with ordinality as step (status, number)
        )
        select * from moved`;
      try {
        return (await statement.execute(db)).rows[0];
      } catch (error) {
        if (violatedConstraint(error) !== 'carrier_event_pkey') throw error;
        return undefined;
      }
    },

    /** Shipments whose next report is due, the most overdue first. */
    async dueForReport(carrier: string, limit: number): Promise<ShipmentRow[]> {
      const { rows } = await sql<ShipmentRow>`
        select * from shipment where next_report_at <= now() and carrier = ${carrier} order by next_report_at limit ${limit}`.execute(db);
      return rows;
    },

    /** Expects no more reports of the carrier's own. */
    async silence(id: string): Promise<void> {
      await sql`update shipment set next_report_at = null where id = ${id}`.execute(db);
    },

    /** Newest first, without the tombstones. */
    async list(filter: {
      orderId: string | undefined;
      status: ShipmentStatus | undefined;
      before: string | undefined;
      limit: number;
    }): Promise<ShipmentRow[]> {
      const conditions = [
        sql`booked_at is not null`,
        ...(filter.orderId === undefined ? [] : [sql`order_id = ${filter.orderId}`]),
        ...(filter.status === undefined ? [] : [sql`status = ${filter.status}`]),
        ...(filter.before === undefined ? [] : [sql`id < ${filter.before}`]),
      ];
      const { rows } = await sql<ShipmentRow>`
        select * from shipment where ${sql.join(conditions, sql` and `)} order by id desc limit ${filter.limit}`.execute(db);
      return rows;
    },
  };
}
