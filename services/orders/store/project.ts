import { type Kysely, sql } from 'kysely';
import type { OrderChange } from '../contract.ts';
import type { OrdersTables } from './tables.ts';

/**
 * Writes a change of an order's projection in one statement. A version that is not newer changes no row, yet its events are
 * stored all the same, once each; only an event that is new here goes into the outbox.
 */
export async function projectOrder(db: Kysely<OrdersTables>, change: OrderChange): Promise<void> {
  const json = (value: unknown) => sql`${JSON.stringify(value)}::jsonb`;
  const tasks =
    change.tasks.length === 0
      ? sql``
      : sql`, tasked as (
      insert into task as t (id, order_id, kind, status, summary, choices, opened_at, deadline, decision, decided_by, decided_at, note)
      select id, "orderId", kind, status, summary, choices, "openedAt", deadline, decision, "decidedBy", "decidedAt", note
      from jsonb_to_recordset(${json(change.tasks)}) as x(id text, "orderId" text, kind text, status text, summary text, choices jsonb,
        "openedAt" timestamptz, deadline timestamptz, decision text, "decidedBy" text, "decidedAt" timestamptz, note text)
      on conflict (id) do update set status = excluded.status, decision = excluded.decision, decided_by = excluded.decided_by,
        decided_at = excluded.decided_at, note = excluded.note
      where t.status = 'open')`;
  await sql`
    with moved as (
      update orders set status = ${change.status}, payment_status = ${change.paymentStatus}, version = ${change.version}, updated_at = now(),
        lines = ${json(change.lines)}, totals = ${json(change.totals)}, total = ${change.total.amount},
        fulfillments = ${json(change.fulfillments)}, waiting_for = ${change.waitingFor ? json(change.waitingFor) : sql`null`},
        cancel_requested = ${change.cancelRequested}, dispatched = ${change.dispatched}
      where id = ${change.orderId} and version < ${change.version}),
    stored as (
      insert into order_event (order_id, sequence, type, at, actor, reason, data)
      select ${change.orderId}, sequence, type, at, actor, reason, data
      from jsonb_to_recordset(${json(change.events)}) as x(sequence integer, type text, at timestamptz, actor text, reason text, data jsonb)
      on conflict (order_id, sequence) do nothing
      returning order_id, sequence, type, at, data)${tasks}
    insert into outbox (aggregate_id, sequence, type, time, data)
    select order_id, sequence, type, at, data from stored order by sequence`.execute(db);
}
