import { formatMoney } from '@waybill/kernel/money';
import type { Order, TimelineItem } from './api.ts';
import { table } from './context.ts';

/** What an order is, for a person. */
export function describeOrder(order: Order): string[] {
  const names = new Map(order.lines.map(({ id, sku }) => [id, sku]));
  return [
    `${order.id}  number ${order.number}  ${order.status}  payment ${order.paymentStatus}`,
    `placed ${order.placedAt}${order.customerId ? ` by ${order.customerId}` : ''}`,
    '',
    ...table([
      ...order.lines.map((line) => [`  ${line.quantity} × ${line.sku}`, line.name, formatMoney(line.total)]),
      ...order.totals.map(({ code, amount }) => [`  ${code}`, '', formatMoney(amount)]),
      ['  total', '', formatMoney(order.total)],
    ]),
    '',
    ...order.fulfillments.map((part) => {
      const goods = part.lines.map(({ lineId, quantity }) => `${quantity} × ${names.get(lineId) ?? lineId}`).join(', ');
      return `  ${part.status}: ${goods}${part.locationId ? ` from ${part.locationId}` : ''}${part.shipmentId ? `, ${part.shipmentId}` : ''}`;
    }),
    ...(order.waitingFor ? [`waiting for ${waiting(order.waitingFor)}`] : []),
    ...(order.actions?.length ? [`allowed now: ${order.actions.join(', ')}`] : []),
  ].filter((line, index, lines) => line !== '' || lines[index - 1] !== '');
}

function waiting({ kind, since, deadline, choices, step }: NonNullable<Order['waitingFor']>): string {
  return `${kind}${step ? ` ${step}` : ''} since ${since}${deadline ? `, until ${deadline}` : ''}${choices ? ` (${choices.join(' or ')})` : ''}`;
}

/**
 * Says events in one line each. Times count from when the order was placed; the order's status is said where it changes,
 * and ids of its parts where the parcel's number does not tell as much.
 */
export function createEventLines(placedAt: string): (item: TimelineItem) => string {
  let status: unknown;
  return (item) => {
    const seconds = Math.max(0, Date.parse(item.at) - Date.parse(placedAt)) / 1_000;
    const facts = Object.entries(item.data).flatMap(([key, value]) => {
      if (key === 'orderId' || value === null || typeof value === 'object') return [];
      if (key === 'status') return value === status ? [] : [`${key} ${String(value)}`];
      if (key === 'fulfillmentId') return [`parcel ${String(value).slice(String(value).lastIndexOf('-') + 1)}`];
      return [key.endsWith('Id') ? String(value) : `${key} ${String(value)}`];
    });
    status = item.data['status'] ?? status;
    const because = item.reason ? [`because ${item.reason}`] : [];
    return `${seconds.toFixed(2).padStart(8)} s  ${item.type.padEnd(25)} ${[...facts, ...because].join(', ')}`.trimEnd();
  };
}

/** What somebody outside must do before the order goes on, when an event says so. */
export function nextStepOf({ type, data }: TimelineItem): string | undefined {
  const at = (path: string, body: object) => `            it goes on with POST ${path} ${JSON.stringify(body)}`;
  if (type === 'order.shipmentBooked')
    return at(`/v1/shipments/${String(data['shipmentId'])}/carrier-events`, { eventId: '…', status: 'dispatched' });
  if (type === 'order.customerActionRequired' && Array.isArray(data['choices']))
    return at(`/v1/orders/${String(data['orderId'])}/choice`, { choice: data['choices'].join('|') });
  if (data['taskId'] !== undefined && (type === 'order.paymentException' || type === 'order.onHold'))
    return at(`/v1/tasks/${String(data['taskId'])}/decision`, { decision: '…' });
  return undefined;
}

const ends = new Set(['completed', 'partiallyCompleted', 'cancelled', 'timedOut', 'failed']);
export const hasEnded = (order: Pick<Order, 'status'>): boolean => ends.has(order.status);
