import { allHandlersFinished, CancellationScope, condition, setHandler } from '@temporalio/workflow';
import { type OrderInput, type OrderStatus, reportShipment } from '../contract.ts';
import { isEnd } from '../states.ts';
import { handleCommands } from './commands.ts';
import { authorization, fulfil, idsOf, undoPayment } from './fulfil.ts';
import { type OpenOrder, openOrder } from './open-order.ts';
import { createReportHandler } from './reports.ts';
import { refusalOf } from './steps.ts';

/** Sees one order through, from its acceptance to its end. Owns its state while it is open; the rows are a projection of it. */
export async function order(input: OrderInput): Promise<{ status: OrderStatus }> {
  const open = openOrder(input);
  handleCommands(open);
  setHandler(reportShipment, createReportHandler(open));
  CancellationScope.current().cancelRequested.catch(() => {
    // Somebody pressed "cancel" in Temporal: it means what a cancel of the order means, and never interrupts a step.
    if (!open.dispatched) open.cancel ??= { actor: 'temporal', reason: 'the workflow was cancelled' };
  });
  return CancellationScope.nonCancellable(() => seeThrough(open));
}

async function seeThrough(order: OpenOrder): Promise<{ status: OrderStatus }> {
  try {
    await carryOut(order);
  } catch (error) {
    // A step's owner refused for good, which no order should meet. Undo what was done rather than stay half-done.
    const refusal = refusalOf(error);
    // A plain error fails the workflow task, which is tried again on a mended build; a Temporal failure would end the workflow here.
    if (!refusal) throw new Error(`order ${order.input.id} met a bug`, { cause: error });
    await undo(order, 'failed', refusal.message);
  }
  await order.flush();
  await condition(allHandlersFinished);
  return { status: order.status };
}

async function carryOut(order: OpenOrder): Promise<void> {
  if (order.cancel) return undo(order, 'cancelled'); // cancelled together with its start
  if (!(await secureStock(order))) return;
  if (!(await clearFraud(order))) return;
  if (!(await authorizeAll(order))) return;
  await Promise.all(shipping(order).map((parcel) => fulfil(order, parcel)));
  conclude(order);
}

/** Parcels that still go to the customer. */
const shipping = (order: OpenOrder) => order.parcels.filter((parcel) => parcel.status === 'pending' || parcel.status === 'processing');

/** Reserves until what is reserved is committed. False when the order ended here. */
async function secureStock(order: OpenOrder): Promise<boolean> {
  for (;;) {
    await reserve(order);
    if (order.cancel) return end(undo(order, 'cancelled'));
    if (order.parcels.some((parcel) => parcel.status === 'unavailable') && !(await askCustomer(order))) return false;
    const { outcome } = await order.steps.commitStock({ orderId: order.input.id, generation: order.reservation });
    if (order.cancel) return end(undo(order, 'cancelled'));
    if (outcome === 'committed') return true;
    order.reservation++;
  }
}

/** Undone, and so over: reads as the answer "do not go on". */
const end = (undone: Promise<void>): Promise<false> => undone.then(() => false as const);

async function reserve(order: OpenOrder): Promise<void> {
  const { id, delivery } = order.input;
  const { country, postalCode } = delivery.address;
  const lines = order.lines
    .filter((line) => line.quantity > 0)
    .map((line) => ({ lineId: line.id, sku: line.sku, quantity: line.quantity }));
  order.adopt(await order.steps.reserveStock({ orderId: id, generation: order.reservation, lines, destination: { country, postalCode } }));
  const missing = order.parcels.some((parcel) => parcel.status === 'unavailable');
  if (!missing) order.moveTo('processing');
  order.record('stockReserved', { data: { generation: order.reservation, fulfillmentIds: order.parcels.map((parcel) => parcel.id) } });
}

/** Part of the order, or all of it, is not in stock: the customer decides, or the clock does. */
async function askCustomer(order: OpenOrder): Promise<boolean> {
  const some = order.parcels.some((parcel) => parcel.locationId !== null);
  const choices = some ? ['amend', 'cancel'] : ['cancel'];
  const patience = order.input.waits.customerChoice;
  const deadline = new Date(Date.now() + patience).toISOString();
  order.choice = null;
  order.moveTo('customerActionRequired');
  order.record('customerActionRequired', { data: { choices } });
  const answered = condition(() => order.choice !== null || order.cancel !== null, patience);
  const inTime = await order.wait('customer', { kind: 'customerChoice', deadline, choices }, answered);
  if (!inTime) return end(undo(order, 'timedOut', 'no choice was made before the deadline'));
  const choice = order.choice as { choice: 'amend' | 'cancel'; actor: string } | null; // set by the handler meanwhile
  if (order.cancel || choice?.choice !== 'amend') {
    order.cancel ??= { actor: choice?.actor ?? 'workflow', reason: 'part of the order is not available' };
    return end(undo(order, 'cancelled'));
  }
  order.amendToAvailable();
  order.moveTo('processing');
  order.record('amended', { actor: choice.actor });
  return true;
}

/** Judges the order before any money moves. Fails closed: only a yes, by rule or by a person, lets it pass. */
async function clearFraud(order: OpenOrder): Promise<boolean> {
  const { id, customerId } = order.input;
  const { outcome, reason } = await order.steps.checkFraud({ orderId: id, customerId, amount: order.total });
  if (outcome === 'decline') return end(undo(order, 'failed', `the fraud check declined: ${reason ?? 'no reason given'}`));
  if (outcome === 'review' && !order.cancel && !(await review(order, reason ?? 'a review was asked for'))) return false;
  return order.cancel ? end(undo(order, 'cancelled')) : true;
}

async function review(order: OpenOrder, reason: string): Promise<boolean> {
  const choices = ['approve', 'reject'];
  const patience = order.input.waits.fraudReview;
  const deadline = new Date(Date.now() + patience).toISOString();
  const task = order.openTask('fraudReview', `The fraud check asks for a review: ${reason}`, choices, deadline);
  order.moveTo('onHold');
  order.record('onHold', { reason, data: { taskId: task.id } });
  const over = condition(() => task.status !== 'open' || order.cancel !== null, patience);
  const inTime = await order.wait(task.id, { kind: 'fraudReview', deadline, choices }, over);
  if (!inTime) return end(undo(order, 'failed', 'the fraud review was not decided before its deadline'));
  if (task.decision === 'reject') return end(undo(order, 'failed', 'the fraud review rejected the order'));
  order.closeTasks();
  if (!order.cancel) order.moveTo('processing');
  return true;
}

/** One payment per parcel. A parcel whose payment is declined fails alone; none left, and the order fails. */
async function authorizeAll(order: OpenOrder): Promise<boolean> {
  await Promise.all(shipping(order).map((parcel) => authorize(order, parcel)));
  if (order.cancel) return end(undo(order, 'cancelled'));
  if (shipping(order).length > 0) return true;
  conclude(order);
  return false;
}

async function authorize(order: OpenOrder, parcel: OpenOrder['parcels'][number]): Promise<void> {
  const result = await authorization(order, parcel);
  parcel.payment = { ...parcel.payment, outcome: result.outcome };
  const data = { ...idsOf(parcel), paymentId: result.paymentId };
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
    if (parcel.status !== 'completed' && parcel.status !== 'failed')
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
