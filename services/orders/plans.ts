import { type Money, money } from '@waybill/kernel/money';
import { amountsOf } from './amounts.ts';
import type { Choice } from './contract.ts';
import { isEnd } from './states.ts';
import type { StoredOrder } from './store/tables.ts';

type Effect = { effect: 'void' | 'refund' | 'release' | 'recall' | 'amend'; fulfillmentId?: string; amount?: Money };
export type Plan = { orderId: string; command: string; allowed: boolean; reason?: string; effects: Effect[] };

const refused = (order: StoredOrder, command: string, reason: string): Plan => ({
  orderId: order.id,
  command,
  allowed: false,
  reason,
  effects: [],
});

/** What a cancel would do now, from the order as it is projected. */
export function planCancel(order: StoredOrder): Plan {
  if (isEnd(order.status)) return refused(order, 'cancel', `order ${order.id} is ${order.status}`);
  if (order.dispatched) return refused(order, 'cancel', `a parcel of order ${order.id} has already left`);
  return { orderId: order.id, command: 'cancel', allowed: true, effects: undoing(order) };
}

/** What a customer's choice would do now. */
export function planChoice(order: StoredOrder, choice: Choice): Plan {
  const offered = order.waitingFor?.kind === 'customerChoice' ? (order.waitingFor.choices ?? []) : [];
  if (!offered.includes(choice))
    return refused(order, 'choice', `choice "${choice}" is not offered for order ${order.id}, which is ${order.status}`);
  const dropped = order.fulfillments
    .filter((part) => part.status === 'unavailable')
    .map((part): Effect => ({ effect: 'amend', fulfillmentId: part.id }));
  return { orderId: order.id, command: 'choice', allowed: true, effects: choice === 'amend' ? dropped : undoing(order) };
}

function undoing(order: StoredOrder): Effect[] {
  const held = order.fulfillments.filter((part) => part.status === 'pending' || part.status === 'processing');
  const paid = order.paymentStatus === 'none' ? [] : amountsOf(order.lines, order.totals, held);
  return held.flatMap((part, index): Effect[] => [
    ...(part.shipmentId === undefined ? [] : [{ effect: 'recall' as const, fulfillmentId: part.id }]),
    ...(paid[index] === undefined ? [] : [{ effect: 'void' as const, fulfillmentId: part.id, amount: money(paid[index], order.currency) }]),
    { effect: 'release', fulfillmentId: part.id },
  ]);
}
