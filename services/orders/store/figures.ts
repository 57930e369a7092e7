import { type Kysely, sql } from 'kysely';
import type { OrderStatus, TaskKind } from '../contract.ts';
import { orderMoves } from '../states.ts';
import type { OrdersTables } from './tables.ts';

/** How the open orders stand. An order's id tells its age. */
export type Figures = {
  open: { status: OrderStatus; orders: number; oldest: string | null }[];
  unstarted: number;
  oldestUnstarted: string | null;
  tasks: { kind: TaskKind; open: number; overdue: number }[];
};

const openStatuses = Object.entries(orderMoves).flatMap(([status, next]) => (next.length > 0 ? [status] : []));
const taskKinds: readonly TaskKind[] = ['fraudReview', 'paymentException'];

/** Counts over indexes and only so far, so that a long queue does not make the look at it slow. */
export async function readFigures(db: Kysely<OrdersTables>): Promise<Figures> {
  const { rows } = await sql<Figures>`
    select
      (select jsonb_agg(jsonb_build_object('status', s.status,
          'orders', (select count(*) from (select from orders o where o.status = s.status limit 20000) as few),
          'oldest', (select o.id from orders o where o.status = s.status order by o.id limit 1)))
        from unnest(${openStatuses}::text[]) as s (status)) as open,
      (select count(*)::integer from (
          select from orders where status = 'pending' and started_at is null and placed_at < now() - interval '1 second' limit 20000) as few
        ) as unstarted,
      (select id from orders where status = 'pending' and started_at is null and placed_at < now() - interval '1 second' order by id limit 1
        ) as "oldestUnstarted",
      (select jsonb_agg(jsonb_build_object('kind', k.kind, 'open', few.open, 'overdue', few.overdue))
        from unnest(${[...taskKinds]}::text[]) as k (kind),
          lateral (select count(*) as open, count(*) filter (where deadline < now()) as overdue
            from (select deadline from task where status = 'open' and kind = k.kind limit 20000) as part) as few) as tasks`.execute(db);
  const [row] = rows;
  if (!row) throw new Error('the figures of orders are one row');
  return row;
}
