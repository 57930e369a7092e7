import { sql, type Transaction } from 'kysely';
import { spentStatuses } from '../states.ts';

/**
 * Brings what an order counts against its customer's limit in line with its payments: the checked amount less that of each
 * fulfillment whose payments are all spent. It is counted anew from the rows, so nothing is ever given back twice.
 */
export async function recountTally(tx: Transaction<unknown>, orderId: string): Promise<void> {
  // A statement of its own: the next one must see what a parallel fulfillment committed while we waited for the lock.
  const locked = await sql`select from fraud_check where order_id = ${orderId} and customer_id is not null for update`.execute(tx);
  if (locked.rows.length === 0) return;
  await sql`
    with spent as (
      select max(amount) as share from payment where order_id = ${orderId}
      group by fulfillment_id having bool_and(status = any(${[...spentStatuses]}::text[]))
    ), target as (
      select order_id, customer_id, currency, counted,
        case when outcome in ('approve', 'review') then greatest(0, amount - coalesce((select sum(share) from spent), 0)::bigint) else 0 end as wanted
      from fraud_check where order_id = ${orderId}
    ), changed as (
      update fraud_check c set counted = target.wanted from target where c.order_id = target.order_id and target.wanted <> target.counted
    )
    update customer_tally t set amount = t.amount + target.wanted - target.counted
    from target
    where t.customer_id = target.customer_id and t.currency = target.currency and target.wanted <> target.counted`.execute(tx);
}
