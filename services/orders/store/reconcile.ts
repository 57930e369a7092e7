import { type Kysely, sql } from 'kysely';
import type { OrderStatus } from '../contract.ts';
import { isEnd, orderStatuses } from '../states.ts';
import type { OrdersTables } from './tables.ts';

export type OpenOrderRow = { id: string; status: OrderStatus; cancelRequested: boolean };

const open = orderStatuses.filter((status) => !isEnd(status));

/** Orders that have not ended, in order of their ids. The newest are left out: their workflow may be about to be started. */
export async function openOrders(db: Kysely<OrdersTables>, after: string, limit: number): Promise<OpenOrderRow[]> {
  return db
    .selectFrom('orders')
    .select(['id', 'status', 'cancel_requested as cancelRequested'])
    .where('status', 'in', open)
    .where('id', '>', after)
    .where(sql<boolean>`placed_at < now() - interval '2 seconds'`)
    .orderBy('id')
    .limit(limit)
    .execute();
}

/** The statuses of orders, by id; an id that is not in it is no order of this database. */
export async function statusesOf(db: Kysely<OrdersTables>, ids: readonly string[]): Promise<Map<string, OrderStatus>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('orders')
    .select(['id', 'status'])
    .where('id', 'in', [...ids])
    .execute();
  return new Map(rows.map(({ id, status }) => [id, status]));
}
