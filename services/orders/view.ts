import { money } from '@waybill/kernel/money';
import type { OrderEvent } from './contract.ts';
import type { OrderView } from './routes/schemas.ts';
import { allowedActions } from './states.ts';
import type { TaskRow } from './store/read.ts';
import type { StoredOrder } from './store/tables.ts';

/** An order as callers see it: DESIGN's wire shape, with what may be done now. */
export function orderView(order: StoredOrder): OrderView {
  const { id, number, status, paymentStatus, version, customerId, externalId, currency } = order;
  return {
    id,
    number,
    status,
    paymentStatus,
    version,
    placedAt: order.placedAt.toISOString(),
    ...(customerId === null ? {} : { customerId }),
    ...(externalId === null ? {} : { externalId }),
    currency,
    lines: order.lines.map(({ taxRate: _, ...line }) => line),
    totals: order.totals,
    total: money(order.total, currency),
    fulfillments: order.fulfillments,
    ...(order.waitingFor === null ? {} : { waitingFor: order.waitingFor }),
    actions: allowedActions(order),
  };
}

export const eventView = ({ reason, at, ...event }: Omit<OrderEvent, 'at'> & { at: Date }) => ({
  ...event,
  at: at.toISOString(),
  ...(reason === null ? {} : { reason }),
});

export function taskView({ deadline, decision, decidedBy, decidedAt, note, openedAt, ...task }: TaskRow) {
  return {
    ...task,
    openedAt: openedAt.toISOString(),
    ...(deadline === null ? {} : { deadline: deadline.toISOString() }),
    ...(decision === null ? {} : { decision }),
    ...(decidedBy === null ? {} : { decidedBy }),
    ...(decidedAt === null ? {} : { decidedAt: decidedAt.toISOString() }),
    ...(note === null ? {} : { note }),
  };
}
