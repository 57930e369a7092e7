import { condition } from '@temporalio/workflow';
import { money } from '@waybill/kernel/money';
import { reportShipment, workflowId } from '../contract.ts';
import type { OpenOrder } from './open-order.ts';
import { hasLeft, idsOf, type Parcel, paymentKey } from './parcel.ts';

/** One parcel from its booking to the customer's door, or back to the shelf. */
export async function fulfil(order: OpenOrder, parcel: Parcel): Promise<void> {
  await book(order, parcel);
  await waitUntilItLeaves(order, parcel);
  if (!hasLeft(parcel) && (await recall(order, parcel))) return;
  await Promise.all([capture(order, parcel), order.steps.dispatchStock(stockOf(order, parcel))]);
  await order.wait(parcel.id, { kind: 'carrier' }, () => arrived(parcel) || gone(parcel));
  if (gone(parcel)) await undoPayment(order, parcel);
  order.moveParcel(parcel, gone(parcel) ? 'failed' : 'completed');
}

const arrived = (parcel: Parcel): boolean => parcel.carrier === 'delivered';
const gone = (parcel: Parcel): boolean => parcel.carrier === 'lost' || parcel.carrier === 'returned';

/** What inventory holds for this parcel. */
const stockOf = (order: OpenOrder, parcel: Parcel) => ({
  orderId: order.input.id,
  generation: order.reservation,
  locationId: parcel.locationId ?? '', // a parcel without a location is never fulfilled
});

async function book(order: OpenOrder, parcel: Parcel): Promise<void> {
  const { id, lines, delivery } = order.input;
  const skus = new Map(lines.map((line) => [line.id, line.sku]));
  order.moveParcel(parcel, 'processing');
  const booking = await order.steps.bookShipment({
    fulfillmentId: parcel.id,
    orderId: id,
    locationId: parcel.locationId ?? '',
    shippingMethod: delivery.shippingMethod,
    address: delivery.address,
    lines: parcel.lines.map(({ lineId, quantity }) => ({ sku: skus.get(lineId) ?? '', quantity })),
    reportTo: { workflowId: workflowId(id), signal: reportShipment.name },
  });
  parcel.shipmentId = booking.shipmentId;
  parcel.carrier = booking.status === 'pending' ? 'pending' : 'booked'; // what came after, reports tell
  order.record('shipmentBooked', { data: idsOf(parcel) });
  order.reports.booked(parcel);
}

/** Ends when the carrier has it or somebody wants it back; keeps the authorization alive meanwhile. */
async function waitUntilItLeaves(order: OpenOrder, parcel: Parcel): Promise<void> {
  const over = () => hasLeft(parcel) || order.cancel !== null;
  while (!over()) {
    const renewAt = parcel.expiresAt === null ? null : Date.parse(parcel.expiresAt) - order.input.waits.renewBefore;
    const limit = renewAt === null ? undefined : Math.max(renewAt - Date.now(), 1_000);
    if (!(await order.wait(parcel.id, { kind: 'carrier' }, over, limit))) await renew(order, parcel);
  }
}

/** Authorizes a parcel's amount under its current generation. */
export function authorization(order: OpenOrder, parcel: Parcel) {
  const { id, customerId, currency, payment } = order.input;
  const amount = money(parcel.payment.amount, currency);
  return order.steps.authorizePayment({ key: paymentKey(parcel), orderId: id, fulfillmentId: parcel.id, customerId, amount, ...payment });
}

/** A new authorization under the next generation, then the old one is given up. A refusal leaves the old one as it is. */
async function renew(order: OpenOrder, parcel: Parcel): Promise<void> {
  const { id, customerId, currency } = order.input;
  const old = paymentKey(parcel);
  parcel.paymentGeneration++;
  const result = await authorization(order, parcel);
  if (result.outcome === 'declined') {
    parcel.paymentGeneration--;
    parcel.expiresAt = null; // asked once; should the capture be declined for it, a person decides
    order.record('renewalDeclined', { reason: result.reason, data: { ...idsOf(parcel), generation: parcel.paymentGeneration + 1 } });
    return;
  }
  parcel.expiresAt = result.expiresAt;
  await order.steps.cancelPayment({ key: old, orderId: id, customerId, amount: money(parcel.payment.amount, currency) });
  order.record('authorizationRenewed', { data: { ...idsOf(parcel), paymentId: result.paymentId, generation: parcel.paymentGeneration } });
}

/** Calls the parcel off: money and stock come back. False when it had left after all, and so goes its way. */
async function recall(order: OpenOrder, parcel: Parcel): Promise<boolean> {
  const answer = await order.steps.cancelShipment({ fulfillmentId: parcel.id, orderId: order.input.id });
  if (answer.outcome === 'tooLate') {
    await condition(() => hasLeft(parcel)); // the report that made it too late is on its way here
    order.record('cancelTooLate', { data: idsOf(parcel) });
    return false;
  }
  await Promise.all([undoPayment(order, parcel), order.steps.releaseStock(stockOf(order, parcel))]);
  order.moveParcel(parcel, 'cancelled');
  return true;
}

/** Takes the money when the goods have left. A decline is for a person: try again, or let it go. */
async function capture(order: OpenOrder, parcel: Parcel): Promise<void> {
  for (let attempt = 1; !gone(parcel); attempt++) {
    const result = await order.steps.capturePayment({ key: paymentKey(parcel), attempt });
    if (result.outcome === 'captured') {
      parcel.payment = { ...parcel.payment, outcome: 'captured' };
      order.record('paymentCaptured', { data: idsOf(parcel) });
      return;
    }
    const choices = ['retry', 'writeOff'];
    const task = order.openTask(
      'paymentException',
      `The goods of ${parcel.id} have left, and the capture was declined: ${result.reason}`,
      choices,
      null,
    );
    order.record('paymentException', { reason: result.reason, data: { ...idsOf(parcel), taskId: task.id } });
    await order.wait(task.id, { kind: 'paymentException', choices }, () => task.status !== 'open' || gone(parcel));
    if (task.status === 'open') order.closeTask(task); // the parcel is gone, so nobody need decide
    if (task.decision === 'retry') continue;
    await undoPayment(order, parcel);
    return;
  }
}

/** Voids or refunds, whatever the payment has become. */
export async function undoPayment(order: OpenOrder, parcel: Parcel): Promise<void> {
  const { id, customerId, currency } = order.input;
  const { outcome } = await order.steps.cancelPayment({
    key: paymentKey(parcel),
    orderId: id,
    customerId,
    amount: money(parcel.payment.amount, currency),
  });
  if (outcome === 'nothing') return;
  if (parcel.payment.outcome !== 'none' && parcel.payment.outcome !== outcome) {
    parcel.payment = { ...parcel.payment, outcome };
    order.record(outcome === 'voided' ? 'paymentVoided' : 'paymentRefunded', { data: idsOf(parcel) });
  }
}
