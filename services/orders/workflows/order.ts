import { allHandlersFinished, CancellationScope, condition, setHandler } from '@temporalio/workflow';
import type { ReserveStockResult } from '@waybill/inventory/contract';
import { type OrderInput, type OrderStatus, reportShipment } from '../contract.ts';
import { fulfillmentMoves, isEnd } from '../states.ts';
import { handleCommands } from './commands.ts';
import { authorization, fulfil, undoPayment } from './fulfil.ts';
import { type OpenOrder, openOrder } from './open-order.ts';
import { idsOf, type Parcel } from './parcel.ts';
import { refusalOf } from './steps.ts';

/** Sees one order through, from its acceptance to its end. Owns its state while it is open; the rows are a projection of it. */
export async function order(input: OrderInput): Promise<{ status: OrderStatus }> {
  const open = openOrder(input);
  handleCommands(open);
  setHandler(reportShipment, open.reports.receive);
  CancellationScope.current().cancelRequested.catch(() => {
    // Somebody pressed "cancel" in Temporal: it means what a cancel of the order means, and never interrupts a step.
    if (!open.dispatched) open.cancel ??= { actor: 'temporal', reason: 'the workflow was cancelled' };
  });
  return CancellationScope.nonCancellable(() => seeThrough(open));
}

async function seeThrough(order: OpenOrder): Promise<{ status: OrderStatus }> {
  try {
    await Promise.race([carryOut(order), condition(() => order.ended)]);
  } catch (error) {
    // A step's owner refused for good, which no order should meet. Undo what was done rather than stay half-done.
    const refusal = refusalOf(error);
    // A plain error fails the workflow task, which is tried again on a mended build; a Temporal failure would end the workflow here.
    if (!refusal) throw new Error(`order ${order.input.id} met a bug`, { cause: error });
    if (!(await order.lookUp())) await abandon(order, refusal.message);
  }
  await order.flush();
  await condition(allHandlersFinished);
  return { status: order.status };
}

/** Undoes what can be undone of an order that cannot go on. A parcel that has left keeps what was paid for it. */
async function abandon(order: OpenOrder, reason: string): Promise<void> {
  try {
    for (const parcel of shipping(order).filter(({ shipmentId }) => shipmentId !== undefined)) {
      const answer = await order.steps.cancelShipment({ fulfillmentId: parcel.id, orderId: order.input.id });
      if (answer.outcome === 'tooLate') order.moveParcel(parcel, 'completed');
    }
    await undo(order, 'failed', reason);
  } catch (error) {
    throw new Error(`order ${order.input.id} cannot be undone`, { cause: error }); // tried again on a mended build
  }
}

/**
 * A cancel is looked at where the order rests, and nowhere between: when a workflow task is lost, its steps have happened all the
 * same, and telling it again must come by them before it turns back.
 */
async function carryOut(order: OpenOrder): Promise<void> {
  if (!(await secureStock(order))) return;
  if (!(await clearFraud(order))) return;
  if (!(await authorizeAll(order))) return;
  const ends = await Promise.allSettled(shipping(order).map((parcel) => fulfil(order, parcel)));
  // A refusal in one parcel must not be undone beside another that is still under way.
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  conclude(order);
}

/** Parcels that still go to the customer. */
const shipping = (order: OpenOrder) => order.parcels.filter((parcel) => parcel.status === 'pending' || parcel.status === 'processing');

/** Reserves until what is reserved is committed. False when the order ended here. */
async function secureStock(order: OpenOrder): Promise<boolean> {
  for (;;) {
    const { expiresAt } = await reserve(order);
    if (expiresAt === null) return true;
    if (order.parcels.some((parcel) => parcel.status === 'unavailable') && !(await askCustomer(order))) return false;
    const { outcome } = await order.steps.commitStock({ orderId: order.input.id, generation: order.reservation });
    if (outcome === 'committed') return true;
    order.reservation++;
  }
}

/** Undone, and so over: reads as the answer "do not go on". */
const end = (undone: Promise<void>): Promise<false> => undone.then(() => false as const);

async function reserve(order: OpenOrder): Promise<ReserveStockResult> {
  const { id, delivery } = order.input;
  const { country, postalCode } = delivery.address;
  const lines = order.lines
    .filter((line) => line.quantity > 0)
    .map((line) => ({ lineId: line.id, sku: line.sku, quantity: line.quantity }));
  const destination = { country, postalCode };
  const result = await order.steps.reserveStock({ orderId: id, generation: order.reservation, lines, destination, commitIfComplete: true });
  order.adopt(result);
  const missing = order.parcels.some((parcel) => parcel.status === 'unavailable');
  if (!missing) order.moveTo('processing');
  const reserved = order.parcels.filter((parcel) => parcel.status !== 'unavailable').map((parcel) => parcel.id);
  if (reserved.length > 0) order.record('stockReserved', { data: { generation: order.reservation, fulfillmentIds: reserved } });
  return result;
}

/** Part of the order, or all of it, is not in stock: the customer decides, or the clock does. */
async function askCustomer(order: OpenOrder): Promise<boolean> {
  const some = order.parcels.some((parcel) => parcel.locationId !== null);
  const choices = some ? ['amend', 'cancel'] : ['cancel'];
  const patience = order.input.waits.customerChoice;
  const deadline = new Date(Date.now() + patience).toISOString();
  order.choice = null;
  order.moveTo('customerActionRequired');
  order.record('customerActionRequired', { data: { generation: order.reservation, choices } });
  const answered = () => order.choice !== null || order.cancel !== null;
  const inTime = await order.wait('customer', { kind: 'customerChoice', deadline, choices }, answered, patience);
  const choice = order.choice as { choice: 'amend' | 'cancel'; actor: string } | null; // set by the handler meanwhile
  if (!inTime && !choice && !order.cancel) return end(undo(order, 'timedOut', 'no choice was made before the deadline'));
  // A choice that came before a cancel is carried out first: the cancel is seen to at the next rest.
  if (choice?.choice !== 'amend') {
    order.cancel ??= { actor: choice?.actor ?? 'workflow', reason: 'part of the order is not available' };
    return end(undo(order, 'cancelled'));
  }
  order.amendToAvailable();
  order.moveTo('processing');
  order.record('amended', { actor: choice.actor, data: { generation: order.reservation } });
  return true;
}

/** Judges the order before any money moves. Fails closed: only a yes, by rule or by a person, lets it pass. */
async function clearFraud(order: OpenOrder): Promise<boolean> {
  const { id, customerId } = order.input;
  const { outcome, reason } = await order.steps.checkFraud({ orderId: id, customerId, amount: order.total });
  if (outcome === 'decline') return end(undo(order, 'failed', `the fraud check declined: ${reason ?? 'no reason given'}`));
  return outcome === 'approve' || review(order, reason ?? 'a review was asked for');
}

async function review(order: OpenOrder, reason: string): Promise<boolean> {
  const choices = ['approve', 'reject'];
  const patience = order.input.waits.fraudReview;
  const deadline = new Date(Date.now() + patience).toISOString();
  const task = order.openTask('fraudReview', `The fraud check asks for a review: ${reason}`, choices, deadline);
  order.moveTo('onHold');
  order.record('onHold', { reason, data: { taskId: task.id } });
  const over = () => task.status !== 'open' || order.cancel !== null;
  const inTime = await order.wait(task.id, { kind: 'fraudReview', deadline, choices }, over, patience);
  if (!inTime && task.status === 'open' && !order.cancel)
    return end(undo(order, 'failed', 'the fraud review was not decided before its deadline'));
  if (task.decision === 'reject') return end(undo(order, 'failed', 'the fraud review rejected the order'));
  if (task.decision !== 'approve') return end(undo(order, 'cancelled')); // called off while it waited
  order.moveTo('processing');
  return true;
}

/** One payment per parcel. A parcel whose payment is declined fails alone; none left, and the order fails. */
async function authorizeAll(order: OpenOrder): Promise<boolean> {
  await Promise.all(shipping(order).map((parcel) => authorize(order, parcel)));
  if (shipping(order).length > 0) return true;
  conclude(order);
  return false;
}

async function authorize(order: OpenOrder, parcel: Parcel): Promise<void> {
  const result = await authorization(order, parcel);
  parcel.payment = { ...parcel.payment, outcome: result.outcome };
  const data = { ...idsOf(parcel), paymentId: result.paymentId, generation: parcel.paymentGeneration };
  if (result.outcome === 'authorized') {
    parcel.expiresAt = result.expiresAt;
    order.record('paymentAuthorized', { data });
    return;
  }
  order.record('paymentDeclined', { reason: result.reason, data });
  await order.steps.releaseStock({ orderId: order.input.id, generation: order.reservation, locationId: parcel.locationId ?? '' });
  order.moveParcel(parcel, 'failed');
}

/** Gives back everything that was taken, then ends the order. Each compensation is retried until it holds. */
async function undo(order: OpenOrder, status: 'cancelled' | 'timedOut' | 'failed', reason?: string): Promise<void> {
  const open = shipping(order);
  await Promise.all([
    order.steps.releaseStock({ orderId: order.input.id, generation: order.reservation }),
    ...open.map((parcel) => undoPayment(order, parcel)),
  ]);
  for (const parcel of order.parcels) {
    if (fulfillmentMoves[parcel.status].length === 0) continue; // at its end already
    order.moveParcel(parcel, status === 'failed' && parcel.status !== 'unavailable' ? 'failed' : 'cancelled');
  }
  finish(order, status, order.cancel && status === 'cancelled' ? order.cancel : { actor: 'workflow', reason });
}

/** The end that follows from what became of the parcels. */
function conclude(order: OpenOrder): void {
  const ends = order.parcels.filter((parcel) => parcel.locationId !== null).map((parcel) => parcel.status);
  if (ends.every((status) => status === 'completed')) finish(order, 'completed', {});
  else if (ends.includes('completed')) finish(order, 'partiallyCompleted', {});
  else if (order.cancel && ends.includes('cancelled')) finish(order, 'cancelled', order.cancel);
  else finish(order, 'failed', {});
}

function finish(order: OpenOrder, status: OrderStatus, by: { actor?: string; reason?: string | undefined }): void {
  if (isEnd(order.status)) return;
  order.closeTasks();
  order.moveTo(status);
  order.record(status, { ...(by.actor ? { actor: by.actor } : {}), ...(by.reason ? { reason: by.reason } : {}) });
}
