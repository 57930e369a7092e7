import { currentTraceparent } from '@waybill/kernel/tracing';
import { type Kysely, sql } from 'kysely';
import type { OrderChange, SavedOrder } from '../contract.ts';
import type { OrdersTables } from './tables.ts';

/**
 * Writes a change of an order's projection in one round trip (`project_order` in migrations). Safe to repeat and to reorder: a
 * write whose fence is not the highest changes nothing, and what happened is stored once, by its key. Returns the row's
 * version, and whether this call wrote it.
 */
export async function projectOrder(db: Kysely<OrdersTables>, change: OrderChange): Promise<SavedOrder & { written?: true }> {
  const traced = JSON.stringify({ ...change, traceparent: currentTraceparent() });
  const { rows } = await sql<{ saved: SavedOrder & { written?: true } }>`select project_order(${traced}::jsonb) as saved`.execute(db);
  const [row] = rows;
  if (!row) throw new Error('project_order returned no row');
  return row.saved;
}
