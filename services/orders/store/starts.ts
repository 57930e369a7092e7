import { type Kysely, sql } from 'kysely';
import type { AcceptedOrder, OrdersTables } from './tables.ts';

/** An order that nobody has started, with the trace of its acceptance. */
export type UnstartedOrder = { accepted: AcceptedOrder; traceparent: string | null };

const columns = ['id', 'customer_id as customerId', 'currency', 'lines', 'totals', 'total', 'delivery', 'payment'] as const;

/**
 * Orders that were accepted a moment ago and have no recorded start, oldest first; after them those whose recorded start has come
 * to nothing for ten minutes, in case Temporal lost it. Starting one again is harmless: its workflow id is taken.
 */
export async function findUnstarted(db: Kysely<OrdersTables>, limit: number): Promise<UnstartedOrder[]> {
  const rows = await db
    .selectFrom('orders')
    .select([...columns, 'traceparent'])
    .where('status', '=', 'pending')
    .where(sql<boolean>`placed_at < now() - interval '1 second'`)
    .where(sql<boolean>`(started_at is null or started_at < now() - interval '10 minutes')`)
    .orderBy(sql`started_at is not null`)
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.map(({ traceparent, ...accepted }) => ({ accepted, traceparent }));
}

export async function findAccepted(db: Kysely<OrdersTables>, id: string): Promise<AcceptedOrder | undefined> {
  return db.selectFrom('orders').select(columns).where('id', '=', id).executeTakeFirst();
}

/** Only orders still pending are written to: the others have shown that they started. */
export async function markStarted(db: Kysely<OrdersTables>, ids: readonly string[]): Promise<void> {
  await sql`update orders set started_at = now() where id = any(${ids}) and status = 'pending'`.execute(db);
}

/** This month's partitions and those of the next two. */
export async function ensurePartitions(db: Kysely<OrdersTables>): Promise<void> {
  await sql`select ensure_order_partitions(2)`.execute(db);
}
