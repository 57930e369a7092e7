import { violatedConstraint } from '@waybill/kernel/database';
import { WaybillError } from '@waybill/kernel/errors';
import { traceparentValue } from '@waybill/kernel/outbox';
import { type Kysely, sql } from 'kysely';
import type { AcceptedOrder, OrdersTables } from './tables.ts';

export type Acceptance = AcceptedOrder & {
  externalId: string | null;
  placedBy: string;
  placedAt: Date;
  /** Absent when the caller sent no idempotency key. `answer` is the response body without its number. */
  key: { caller: string; hash: Buffer; bodyHash: Buffer; answer: string } | null;
};

/**
 * Writes an order, its first event, its outbox row and the names that are unique for ever in one statement, and so in one
 * transaction and one round trip. Undefined when the idempotency key was there before: nothing was written then.
 * Throws `conflict` when the external id belongs to another order.
 */
export async function insertOrder(db: Kysely<OrdersTables>, order: Acceptance): Promise<{ number: number } | undefined> {
  const { id, key } = order;
  const at = order.placedAt.toISOString();
  const data = JSON.stringify({ orderId: id, status: 'pending' });
  const claim = key
    ? sql`insert into order_key (caller, key_hash, body_hash, order_id, answer)
          values (${key.caller}, ${key.hash}, ${key.bodyHash}, ${id}, ${key.answer}) on conflict do nothing returning order_id`
    : sql`select ${id}::text as order_id`;
  const external =
    order.externalId === null
      ? sql``
      : sql`, named as (insert into order_external_id (external_id, order_id) select ${order.externalId}, order_id from claim)`;
  const statement = sql<{ number: number }>`
    with claim as (${claim})${external},
    numbered as (insert into order_number (number, order_id) select nextval('order_number_sequence'), order_id from claim returning number),
    accepted as (
      insert into orders (id, number, external_id, customer_id, placed_by, currency, status, payment_status, version, placed_at,
                          lines, totals, total, delivery, payment, traceparent)
      select ${id}, number, ${order.externalId}, ${order.customerId}, ${order.placedBy}, ${order.currency}, 'pending', 'none', 1, ${at}::timestamptz,
             ${JSON.stringify(order.lines)}::jsonb, ${JSON.stringify(order.totals)}::jsonb, ${order.total}::bigint,
             ${JSON.stringify(order.delivery)}::jsonb, ${JSON.stringify(order.payment)}::jsonb, ${traceparentValue()}
      from numbered),
    first_event as (
      insert into order_event (order_id, sequence, key, type, at, actor, data)
      select ${id}, 1, 'placed', 'order.placed', ${at}::timestamptz, ${order.placedBy}, ${data}::jsonb from numbered),
    published as (
      insert into outbox (aggregate_id, sequence, type, time, data, traceparent)
      select ${id}, 1, 'order.placed', ${at}::timestamptz, ${data}::jsonb, ${traceparentValue()} from numbered)
    select number from numbered`;
  try {
    return (await statement.execute(db)).rows[0];
  } catch (error) {
    if (violatedConstraint(error) !== 'order_external_id_pkey') throw error;
    throw new WaybillError(
      'conflict',
      `externalId "${order.externalId}" belongs to another order; find it with GET /v1/orders?q=${order.externalId}`,
      {
        cause: error,
        errors: [{ field: 'externalId', message: 'belongs to another order' }],
      },
    );
  }
}

/** What a key was first used for, and the answer it got then. */
export async function findKey(
  db: Kysely<OrdersTables>,
  caller: string,
  keyHash: Buffer,
): Promise<{ orderId: string; number: number; bodyHash: Buffer; answer: string } | undefined> {
  const { rows } = await sql<{ orderId: string; number: number; bodyHash: Buffer; answer: string }>`
    select k.order_id as "orderId", n.number, k.body_hash as "bodyHash", k.answer
    from order_key k join order_number n on n.order_id = k.order_id where k.caller = ${caller} and k.key_hash = ${keyHash}`.execute(db);
  return rows[0];
}
