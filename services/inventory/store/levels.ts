import { type Kysely, sql } from 'kysely';
import type { InventoryTables } from '../tables.ts';
import { tellMoved } from './changes.ts';

type Db = Kysely<InventoryTables>;

export type Level = { sku: string; locationId: string; onHand: number; reserved: number };
export type Movement = Level & { id: number; delta: number; reason: string; orderId: string | null; at: Date };
export type Adjustment = {
  sku: string;
  locationId: string;
  delta: number;
  reason: string;
  actor: string;
  /** Unique per actor, for ever. */
  key: string | undefined;
};
type Filter = { sku?: string | undefined; locationId?: string | undefined; limit: number };

/** More than this at one place is a slip of the finger. */
export const mostOnHand = 1_000_000_000;

const movementColumns = [
  'id',
  'sku',
  'location_id as locationId',
  'delta',
  'reason',
  'order_id as orderId',
  'on_hand as onHand',
  'reserved',
  'created_at as at',
] as const;

export function createLevelStore(db: Db) {
  return {
    levels(filter: Filter & { after?: { sku: string; locationId: string } | undefined }): Promise<Level[]> {
      let query = db.selectFrom('stock').select(['sku', 'location_id as locationId', 'on_hand as onHand', 'reserved']);
      if (filter.sku !== undefined) query = query.where('sku', '=', filter.sku);
      if (filter.locationId !== undefined) query = query.where('location_id', '=', filter.locationId);
      if (filter.after) query = query.where(sql<boolean>`(sku, location_id) > (${filter.after.sku}, ${filter.after.locationId})`);
      return query.orderBy('sku').orderBy('location_id').limit(filter.limit).execute();
    },

    /** Newest first. */
    movements(filter: Filter & { before?: number | undefined }): Promise<Movement[]> {
      let query = db.selectFrom('movement').select(movementColumns);
      if (filter.sku !== undefined) query = query.where('sku', '=', filter.sku);
      if (filter.locationId !== undefined) query = query.where('location_id', '=', filter.locationId);
      if (filter.before !== undefined) query = query.where('id', '<', filter.before);
      return query.orderBy('id', 'desc').limit(filter.limit).execute();
    },

    level(sku: string, locationId: string): Promise<Level | undefined> {
      return db
        .selectFrom('stock')
        .select(['sku', 'location_id as locationId', 'on_hand as onHand', 'reserved'])
        .where('sku', '=', sku)
        .where('location_id', '=', locationId)
        .executeTakeFirst();
    },

    async knowsSku(sku: string): Promise<boolean> {
      return (await db.selectFrom('stock').select('sku').where('sku', '=', sku).limit(1).executeTakeFirst()) !== undefined;
    },

    byKey(actor: string, key: string): Promise<Movement | undefined> {
      return db
        .selectFrom('movement')
        .select(movementColumns)
        .where('actor', '=', actor)
        .where('idempotency_key', '=', key)
        .executeTakeFirst();
    },

    /**
     * Changes on-hand and notes the movement; a first delivery makes the row. Undefined: it would leave what is reserved
     * uncovered or exceed `mostOnHand`. Violates `movement_key` when the key was used before.
     */
    async adjust({ sku, locationId, delta, reason, actor, key }: Adjustment): Promise<Movement | undefined> {
      const first = sql`insert into stock as s (sku, location_id, on_hand, reserved, version)
        values (${sku}, ${locationId}, ${delta}::integer, 0, 1)
        on conflict (sku, location_id) do update set on_hand = s.on_hand + ${delta}::integer, version = s.version + 1, updated_at = now()`;
      const later = sql`update stock s set on_hand = s.on_hand + ${delta}::integer, version = s.version + 1, updated_at = now()`;
      const here = delta > 0 ? sql`true` : sql`s.sku = ${sku} and s.location_id = ${locationId}`;
      const { rows } = await sql<Movement>`
        with moved as (
          ${delta > 0 ? first : later}
          where ${here} and s.on_hand + ${delta}::bigint between s.reserved and ${mostOnHand}
          returning sku, location_id, on_hand, reserved, version
        ),
        ${tellMoved()}
        insert into movement (sku, location_id, delta, reason, actor, idempotency_key, on_hand, reserved)
        select sku, location_id, ${delta}::integer, ${reason}, ${actor}, ${key ?? null}, on_hand, reserved from moved
        returning id, sku, location_id as "locationId", delta, reason, order_id as "orderId", on_hand as "onHand", reserved,
          created_at as at`.execute(db);
      return rows[0];
    },
  };
}

export type LevelStore = ReturnType<typeof createLevelStore>;
