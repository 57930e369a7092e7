import { type Kysely, sql } from 'kysely';
import type { OrderChange } from '../contract.ts';
import type { OrdersTables } from './tables.ts';

/**
 * Writes a change of an order's projection in one round trip (`project_order` in migrations). Safe to repeat and to reorder: a
 * write whose fence is not the highest changes nothing, and what happened is stored once, by its key. Returns the row's version.
 */
export async function projectOrder(db: Kysely<OrdersTables>, change: OrderChange): Promise<{ version: number }> {
  const { rows } = await sql<{ version: number }>`select project_order(${JSON.stringify(change)}::jsonb) as version`.execute(db);
  return { version: rows[0]?.version ?? 0 };
}
