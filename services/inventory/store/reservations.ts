import { type Kysely, sql } from 'kysely';
import type { ReserveStockResult } from '../contract.ts';
import type { FreeStock, Place } from '../plan.ts';
import type { InventoryTables, ReservationStatus } from '../tables.ts';
import { applyChange } from './changes.ts';

type Db = Kysely<InventoryTables>;

export type Key = { orderId: string; generation: number };
export type StoredReservation = { status: ReservationStatus; committed: boolean; result: ReserveStockResult | null };
/** What a plan is made from, read at one moment; `now` is the database's clock, which also ends leases. */
export type Situation = {
  stored: StoredReservation | undefined;
  places: readonly Place[];
  stock: readonly FreeStock[];
  now: Date;
};
export type Units = { held: number; dispatched: number; released: number };

const stored = sql`jsonb_build_object('status', status, 'committed', committed_at is not null, 'result', result)`;

export function createReservationStore(db: Db) {
  return {
    /** Orders that hold stock, in order of their ids. */
    async held(after: string, limit: number): Promise<string[]> {
      const rows = await db
        .selectFrom('reservation_line')
        .select('order_id')
        .distinct()
        .where('status', '=', 'held')
        .where('order_id', '>', after)
        .orderBy('order_id')
        .limit(limit)
        .execute();
      return rows.map(({ order_id }) => order_id);
    },

    /** One round trip: the reservation if there is one, and otherwise where the SKUs are. */
    async situation({ orderId, generation }: Key, skus: readonly string[]): Promise<Situation> {
      const { rows } = await sql<Omit<Situation, 'stored'> & { stored: StoredReservation | null }>`
        with known as (select ${stored} as stored from reservation where order_id = ${orderId} and generation = ${generation}),
        free as (
          select sku, location_id, on_hand - reserved as free from stock
          where sku = any(${skus}) and on_hand > reserved and not exists (select from known)
        )
        select (select stored from known) as stored, ${places('free')} as places, ${units('free')} as stock, now() as now`.execute(db);
      return situationOf(rows[0]);
    },

    /**
     * Takes the stock of a plan and records it as the answer, all or nothing. False: somebody recorded this reservation before.
     * Violates `stock_within_bounds` when the stock of the plan is gone, and then nothing has changed.
     */
    async take(key: Key, result: ReserveStockResult): Promise<boolean> {
      return take(db, key, result);
    },

    /**
     * Plans while everybody else waits, for an order that lost its races: `plan` sees stock that nobody can take meanwhile.
     * Undefined: somebody recorded this reservation before.
     */
    async takeLocked(
      key: Key,
      skus: readonly string[],
      plan: (situation: Situation) => ReserveStockResult,
    ): Promise<ReserveStockResult | undefined> {
      return db.transaction().execute(async (tx) => {
        // The reservation's row first, as everywhere: it is what the order's other steps wait for.
        const mine = await tx
          .insertInto('reservation')
          .values({ order_id: key.orderId, generation: key.generation, status: 'leased' })
          .onConflict((conflict) => conflict.doNothing())
          .returning('order_id')
          .execute();
        if (mine.length === 0) return undefined;
        const { rows } = await sql<Omit<Situation, 'stored'>>`
          with free as materialized (
            select sku, location_id, on_hand - reserved as free from stock
            where sku = any(${skus}) order by sku, location_id for no key update
          )
          select null as stored, ${places('free')} as places, ${units('free')} as stock, now() as now`.execute(tx);
        const result = plan(situationOf(rows[0]));
        await take(tx, key, result);
        return result;
      });
    },

    /** Makes a lease permanent; false when it is no lease (any more). */
    async commit({ orderId, generation }: Key): Promise<boolean> {
      const { numUpdatedRows } = await db
        .updateTable('reservation')
        .set({ status: 'committed', committed_at: sql`now()`, updated_at: sql`now()`, expires_at: null })
        .where('order_id', '=', orderId)
        .where('generation', '=', generation)
        .where('status', '=', 'leased')
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    },

    /** Lowers on-hand and reserved together for what a committed reservation holds at a location. Returns the units that left now. */
    async dispatch({ orderId, generation }: Key, locationId: string): Promise<number> {
      const { rows } = await sql<{ units: number }>`
        with owner as (
          select order_id, generation from reservation
          where order_id = ${orderId} and generation = ${generation} and status = 'committed' for no key update
        ),
        sent as (
          update reservation_line l set status = 'dispatched' from owner o
          where l.order_id = o.order_id and l.generation = o.generation and l.location_id = ${locationId} and l.status = 'held'
          returning l.sku, l.location_id, l.quantity
        ),
        change as (
          select sku, location_id, -sum(quantity)::integer as on_hand, -sum(quantity)::integer as reserved from sent group by sku, location_id
        ),
        ${applyChange()},
        noted as (
          insert into movement (sku, location_id, delta, reason, order_id, on_hand, reserved)
          select sku, location_id, delta, 'dispatch', ${orderId}, on_hand, reserved from moved
        )
        select coalesce(sum(quantity), 0)::integer as units from sent`.execute(db);
      return rows[0]?.units ?? 0;
    },

    /** Gives back what is held, at one location or everywhere; everywhere also ends the reservation. False: never seen. */
    async release({ orderId, generation }: Key, locationId: string | undefined): Promise<boolean> {
      return release(db, { orderId, generation, locationId });
    },

    /** Ends every reservation of an order, inside the caller's transaction. */
    async releaseAll(tx: Db, orderId: string): Promise<void> {
      await release(tx, { orderId, generation: undefined, locationId: undefined });
    },

    /** Marks a reservation that was never made as released, so that a late `take` finds it. False: it was made meanwhile. */
    async bury({ orderId, generation }: Key): Promise<boolean> {
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('reservation')
        .values({ order_id: orderId, generation, status: 'released' })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      return (numInsertedOrUpdatedRows ?? 0n) > 0n;
    },

    async find({ orderId, generation }: Key): Promise<StoredReservation | undefined> {
      const { rows } = await sql<{ stored: StoredReservation }>`
        select ${stored} as stored from reservation where order_id = ${orderId} and generation = ${generation}`.execute(db);
      return rows[0]?.stored;
    },

    /** What became of a reservation's units, at one location or everywhere. */
    async units({ orderId, generation }: Key, locationId: string | undefined): Promise<Units> {
      const { rows } = await sql<Units>`
        select coalesce(sum(quantity) filter (where status = 'held'), 0)::integer as held,
          coalesce(sum(quantity) filter (where status = 'dispatched'), 0)::integer as dispatched,
          coalesce(sum(quantity) filter (where status = 'released'), 0)::integer as released
        from reservation_line
        where order_id = ${orderId} and generation = ${generation} and ${at(locationId)}`.execute(db);
      return rows[0] ?? { held: 0, dispatched: 0, released: 0 };
    },

    /** Gives back the stock of leases that ran out, at most `limit` of them, and says how many. Leases in use are left for later. */
    async expire(limit: number): Promise<number> {
      const { rows } = await sql<{ expired: number }>`
        with due as (
          select order_id, generation from reservation
          where status = 'leased' and expires_at <= now() order by expires_at limit ${limit} for no key update skip locked
        ),
        ended as (
          update reservation r set status = 'expired', updated_at = now() from due d
          where r.order_id = d.order_id and r.generation = d.generation
          returning r.order_id, r.generation
        ),
        freed as (
          update reservation_line l set status = 'released' from ended e
          where l.order_id = e.order_id and l.generation = e.generation and l.status = 'held'
          returning l.sku, l.location_id, l.quantity
        ),
        change as (select sku, location_id, 0 as on_hand, -sum(quantity)::integer as reserved from freed group by sku, location_id),
        ${applyChange()}
        select count(*)::integer as expired from ended`.execute(db);
      return rows[0]?.expired ?? 0;
    },
  };
}

export type ReservationStore = ReturnType<typeof createReservationStore>;

async function take(db: Db, { orderId, generation }: Key, result: ReserveStockResult): Promise<boolean> {
  const lines = result.parcels.flatMap((parcel) => parcel.lines.map((line) => ({ ...line, locationId: parcel.locationId })));
  // The update meets only the bare row that takeLocked inserted in this transaction: nobody commits one without a result.
  const { rows } = await sql<{ taken: number }>`
    with owner as (
      insert into reservation as r (order_id, generation, status, expires_at, committed_at, result)
      values (${orderId}, ${generation}, ${result.expiresAt === null ? 'committed' : 'leased'}, ${result.expiresAt}::timestamptz,
        ${result.expiresAt === null ? sql`now()` : null}, ${JSON.stringify(result)}::jsonb)
      on conflict (order_id, generation) do update set status = excluded.status, expires_at = excluded.expires_at,
          committed_at = excluded.committed_at, result = excluded.result
        where r.status = 'leased' and r.result is null
      returning order_id, generation
    ),
    line as (
      insert into reservation_line (order_id, generation, location_id, line_id, sku, quantity)
      select o.order_id, o.generation, p."locationId", p."lineId", p.sku, p.quantity
      from owner o, jsonb_to_recordset(${JSON.stringify(lines)}::jsonb) as p("locationId" text, "lineId" text, sku text, quantity integer)
      returning sku, location_id, quantity
    ),
    change as (select sku, location_id, 0 as on_hand, sum(quantity)::integer as reserved from line group by sku, location_id),
    ${applyChange()}
    select count(*)::integer as taken from owner`.execute(db);
  return rows[0]?.taken === 1;
}

/**
 * A reservation that this statement sees was committed together with its lines, so it sees those too; one that appears while
 * it waits is not seen at all, and the caller asks again.
 */
async function release(
  db: Db,
  { orderId, generation, locationId }: { orderId: string; generation: number | undefined; locationId: string | undefined },
): Promise<boolean> {
  const { rows } = await sql<{ found: number }>`
    with owner as (
      select order_id, generation from reservation
      where order_id = ${orderId} and ${generation === undefined ? sql`true` : sql`generation = ${generation}`}
      order by generation for no key update
    ),
    ended as (
      update reservation r set status = 'released', expires_at = null, updated_at = now() from owner o
      where r.order_id = o.order_id and r.generation = o.generation and r.status in ('leased', 'committed')
        and ${locationId === undefined ? sql`true` : sql`false`}
    ),
    freed as (
      update reservation_line l set status = 'released' from owner o
      where l.order_id = o.order_id and l.generation = o.generation and l.status = 'held' and ${at(locationId, 'l')}
      returning l.sku, l.location_id, l.quantity
    ),
    change as (select sku, location_id, 0 as on_hand, -sum(quantity)::integer as reserved from freed group by sku, location_id),
    ${applyChange()}
    select count(*)::integer as found from owner`.execute(db);
  return (rows[0]?.found ?? 0) > 0;
}

const at = (locationId: string | undefined, table = 'reservation_line') =>
  locationId === undefined ? sql`true` : sql`${sql.ref(`${table}.location_id`)} = ${locationId}`;

const places = (free: string) => sql`(
  select coalesce(jsonb_agg(jsonb_build_object('id', id, 'country', country, 'postalCode', postal_code, 'priority', priority)), '[]')
  from location where id in (select location_id from ${sql.table(free)}))`;

const units = (free: string) => sql`(
  select coalesce(jsonb_agg(jsonb_build_object('sku', sku, 'locationId', location_id, 'free', free)), '[]') from ${sql.table(free)})`;

function situationOf(row: (Omit<Situation, 'stored'> & { stored?: StoredReservation | null }) | undefined): Situation {
  if (!row) throw new Error('a query without a table answered without a row');
  return { ...row, stored: row.stored ?? undefined };
}
