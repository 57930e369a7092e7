import { lowestId } from '@waybill/kernel/ids';
import type { Kysely } from 'kysely';
import type { OrderEvent, OrderStatus, Task } from '../contract.ts';
import type { OrdersTables, StoredOrder } from './tables.ts';

const columns = [
  'id',
  'number',
  'external_id as externalId',
  'customer_id as customerId',
  'currency',
  'status',
  'payment_status as paymentStatus',
  'version',
  'placed_at as placedAt',
  'lines',
  'totals',
  'total',
  'fulfillments',
  'waiting_for as waitingFor',
  'cancel_requested as cancelRequested',
  'dispatched',
] as const;

export async function findOrder(db: Kysely<OrdersTables>, id: string): Promise<StoredOrder | undefined> {
  return db.selectFrom('orders').select(columns).where('id', '=', id).executeTakeFirst();
}

export type OrderFilter = {
  status?: OrderStatus;
  customerId?: string;
  placedAfter?: Date;
  placedBefore?: Date;
  /** An order's id, number or external id, exactly. */
  q?: string;
  /** Oldest first instead of newest first. */
  ascending: boolean;
  after?: string;
  limit: number;
};

/** One page and one row more. Ids are in order of placement, so the id is the whole keyset and a bound in time is a bound on ids. */
export async function listOrders(db: Kysely<OrdersTables>, filter: OrderFilter): Promise<StoredOrder[]> {
  const { status, customerId, placedAfter, placedBefore, q, ascending, after } = filter;
  let query = db.selectFrom('orders').select(columns);
  if (status) query = query.where('status', '=', status);
  if (customerId) query = query.where('customer_id', '=', customerId);
  if (placedAfter) query = query.where('id', '>=', lowestId('ord', new Date(placedAfter.getTime() + 1)));
  if (placedBefore) query = query.where('id', '<', lowestId('ord', placedBefore));
  if (q !== undefined)
    query = query.where((where) =>
      where.or([where('id', '=', q), where('external_id', '=', q), ...numbered(q).map((number) => where('number', '=', number))]),
    );
  if (after) query = query.where('id', ascending ? '>' : '<', after);
  return query
    .orderBy('id', ascending ? 'asc' : 'desc')
    .limit(filter.limit + 1)
    .execute();
}

const numbered = (q: string): number[] => (/^#?\d{1,15}$/.test(q) ? [Number(q.replace('#', ''))] : []);

type EventRow = Omit<OrderEvent, 'at'> & { at: Date };

/** An order's events after a sequence, in order. */
export async function eventsAfter(db: Kysely<OrdersTables>, orderId: string, sequence: number, limit: number): Promise<EventRow[]> {
  return db
    .selectFrom('order_event')
    .select(['sequence', 'type', 'at', 'actor', 'reason', 'data'])
    .where('order_id', '=', orderId)
    .where('sequence', '>', sequence)
    .orderBy('sequence')
    .limit(limit)
    .execute();
}

export type TaskRow = Omit<Task, 'openedAt' | 'deadline' | 'decidedAt'> & { openedAt: Date; deadline: Date | null; decidedAt: Date | null };

export type TaskFilter = { status?: Task['status']; kind?: Task['kind']; orderId?: string; after?: string; limit: number };

/** One page and one row more, newest first. */
export async function listTasks(db: Kysely<OrdersTables>, filter: TaskFilter): Promise<TaskRow[]> {
  let query = tasks(db);
  if (filter.status) query = query.where('status', '=', filter.status);
  if (filter.kind) query = query.where('kind', '=', filter.kind);
  if (filter.orderId) query = query.where('order_id', '=', filter.orderId);
  if (filter.after) query = query.where('id', '<', filter.after);
  return query
    .orderBy('id', 'desc')
    .limit(filter.limit + 1)
    .execute();
}

export async function findTask(db: Kysely<OrdersTables>, id: string): Promise<TaskRow | undefined> {
  return tasks(db).where('id', '=', id).executeTakeFirst();
}

const tasks = (db: Kysely<OrdersTables>) =>
  db
    .selectFrom('task')
    .select([
      'id',
      'order_id as orderId',
      'kind',
      'status',
      'summary',
      'choices',
      'opened_at as openedAt',
      'deadline',
      'decision',
      'decided_by as decidedBy',
      'decided_at as decidedAt',
      'note',
    ]);
