import { traceparentValue } from '@waybill/kernel/outbox';
import { type RawBuilder, sql } from 'kysely';

/** The event of every row in a CTE `moved`: one per change, numbered by the row's version. Neither part of the id can hold a colon. */
export const tellMoved = (): RawBuilder<unknown> => sql`
  told as (
    insert into outbox (aggregate_id, sequence, type, data, traceparent)
    select 'stk_' || location_id || ':' || sku, version, 'stock.changed',
      jsonb_build_object('sku', sku, 'locationId', location_id, 'onHand', on_hand, 'reserved', reserved), ${traceparentValue()}
    from moved
  )`;

/**
 * The end of every statement that changes reserved stock: follows a CTE `change (sku, location_id, on_hand, reserved)` of
 * differences, one row per SKU and location. Rows are locked in one order by everyone, after the reservation's row, so that no
 * two statements wait for each other. What would leave the bounds violates the CHECK and undoes the whole statement.
 */
export const applyChange = (): RawBuilder<unknown> => sql`
  locked as (
    select s.sku, s.location_id, c.on_hand, c.reserved
    from stock s join change c on c.sku = s.sku and c.location_id = s.location_id
    order by s.sku, s.location_id
    for no key update of s
  ),
  moved as (
    update stock s
    set on_hand = s.on_hand + l.on_hand, reserved = s.reserved + l.reserved, version = s.version + 1, updated_at = now()
    from locked l where s.sku = l.sku and s.location_id = l.location_id
    returning s.sku, s.location_id, s.on_hand, s.reserved, s.version, l.on_hand as delta
  ),
  ${tellMoved()}`;
