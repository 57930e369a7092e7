import { condition } from '@temporalio/workflow';
import type { ReserveStockResult } from '@waybill/inventory/contract';
import { money } from '@waybill/kernel/money';
import { amountsOf, sumOf, totalsFor, withQuantities } from '../amounts.ts';
import {
  type Fulfillment,
  type OrderChange,
  type OrderInput,
  type OrderStatus,
  partId,
  type Task,
  type TaskKind,
  type WaitingFor,
} from '../contract.ts';
import { fulfillmentMoves, isEnd, mayMove, orderMoves, paymentStatusOf } from '../states.ts';
import { createFence } from './fence.ts';
import { hasLeft, type Parcel } from './parcel.ts';
import { createReports } from './reports.ts';
import { createSteps } from './steps.ts';
import { createWriter } from './writer.ts';

/** An order while its workflow runs: its state, and the only ways to change it. Every change ends in the projection. */
export function openOrder(input: OrderInput) {
  const steps = createSteps({ retryInterval: input.waits.retryInterval, whileFar: showStep });
  let status: OrderStatus = 'pending';
  let lines = input.lines;
  let totals = input.totals;
  let total = input.total;
  let version = 1; // the acceptance wrote version 1
  const nextFence = createFence();
  let ended = false;
  let parcelCount = 0;
  let farSteps = 0;
  let events: OrderChange['events'] = [];
  const changedTasks = new Map<string, Task>();
  const tasks = new Map<string, Task>();
  const waits = new Map<string, WaitingFor>();
  const parcels: Parcel[] = [];
  const order = {
    input,
    steps,
    reports: createReports({ parcels, record, isWaiting: (key) => waits.has(key), rest: () => writer.rest() }),
    parcels,
    tasks,
    /** Grows with each new reservation. */
    reservation: 1,
    cancel: null as { actor: string; reason: string } | null,
    choice: null as { choice: 'amend' | 'cancel'; actor: string } | null,
    get status(): OrderStatus {
      return status;
    },
    /** An attempt that was lost had brought the order to its end, with all that belongs to it: there is nothing more to tell. */
    get ended(): boolean {
      return ended;
    },
    get version(): number {
      return version;
    },
    get lines() {
      return lines;
    },
    get total() {
      return total;
    },
    get dispatched(): boolean {
      return parcels.some(hasLeft);
    },
    waitingFor: (): WaitingFor | null => mostUrgent([...waits.values()]),
    record,
    moveTo,
    moveParcel,
    wait,
    openTask,
    decide,
    closeTasks,
    closeTask,
    adopt,
    amendToAvailable,
    rest: () => writer.rest(),
    flush: () => writer.flush(),
    /** Writes even if nothing changed, to hear how the row stands. */
    async lookUp(): Promise<boolean> {
      writer.touch();
      await writer.flush();
      return ended;
    },
  };
  const writer = createWriter(async () => {
    const change: OrderChange = {
      orderId: input.id,
      fence: nextFence(),
      status,
      paymentStatus: paymentStatusOf(parcels.filter((parcel) => parcel.locationId !== null).map((parcel) => parcel.payment)),
      lines,
      totals,
      total,
      fulfillments: parcels.map(publicPart),
      waitingFor: order.waitingFor(),
      cancelRequested: order.cancel !== null,
      dispatched: order.dispatched,
      events,
      tasks: [...changedTasks.values()].map((task) => ({ ...task })),
    };
    events = [];
    changedTasks.clear();
    const saved = await steps.saveOrder(change);
    version = saved.version;
    if (saved.ended === undefined) return;
    status = saved.ended;
    ended = true;
  });

  /** Tells an event; its data go onto the bus, so they hold ids and states only. */
  function record(type: string, facts: { actor?: string; reason?: string; data?: Record<string, unknown> } = {}): void {
    const { fulfillmentId = '', taskId = '', generation = '' } = facts.data ?? {};
    events.push({
      // An order ends once, whatever a workflow task that was lost may have told already.
      key: isEnd(status) ? 'end' : `${type}/${fulfillmentId}/${taskId}/${generation}`,
      type: `order.${type}`,
      at: new Date().toISOString(),
      actor: facts.actor ?? 'workflow',
      reason: facts.reason ?? null,
      data: { orderId: input.id, status, ...facts.data },
    });
    writer.touch();
  }

  function moveTo(next: OrderStatus): void {
    if (status === next) return;
    if (!mayMove(orderMoves, status, next)) throw new Error(`order ${input.id} is ${status}, so it cannot become ${next}`);
    status = next;
    writer.touch();
  }

  function moveParcel(parcel: Parcel, next: Fulfillment['status']): void {
    if (parcel.status === next) return;
    if (!mayMove(fulfillmentMoves, parcel.status, next))
      throw new Error(`fulfillment ${parcel.id} is ${parcel.status}, so it cannot become ${next}`);
    parcel.status = next;
    writer.touch();
  }

  /** Shows that a step waits for its owner, which can take as long as an outage does. */
  function showStep<T>(step: string, answer: Promise<T>): Promise<T> {
    return show(`step/${++farSteps}`, { kind: 'step', step }, () => answer);
  }

  /** Waits until it is over, and meanwhile shows for what. False when the time, if there is a limit, ran out first. */
  async function wait(key: string, waiting: Omit<WaitingFor, 'since'>, over: () => boolean, limitMs?: number): Promise<boolean> {
    if (over()) return true; // nobody could see it wait
    return show(key, waiting, async () => {
      if (limitMs !== undefined) return condition(over, limitMs);
      await condition(over);
      return true;
    });
  }

  /** Shows what the order waits for until that has come. */
  async function show<T>(key: string, waiting: Omit<WaitingFor, 'since'>, until: () => Promise<T>): Promise<T> {
    waits.set(key, { since: new Date().toISOString(), ...waiting });
    writer.touch();
    writer.rest();
    try {
      return await until();
    } finally {
      waits.delete(key);
      writer.touch();
    }
  }

  function openTask(kind: TaskKind, summary: string, choices: string[], deadline: string | null): Task {
    const id = partId('tsk', input.id, tasks.size + 1);
    const openedAt = new Date().toISOString();
    const task: Task = {
      id,
      orderId: input.id,
      kind,
      status: 'open',
      summary,
      choices,
      openedAt,
      deadline,
      decision: null,
      decidedBy: null,
      decidedAt: null,
      note: null,
    };
    tasks.set(id, task);
    saveTask(task);
    return task;
  }

  function decide(taskId: string, by: { decision: string; actor: string; note: string | null }): void {
    const task = tasks.get(taskId);
    if (task?.status !== 'open') return; // the validator let it in, so only a decision made in the same breath comes here
    Object.assign(task, {
      status: 'decided',
      decision: by.decision,
      decidedBy: by.actor,
      decidedAt: new Date().toISOString(),
      note: by.note,
    });
    saveTask(task);
    record('taskDecided', { actor: by.actor, data: { taskId, decision: by.decision } });
  }

  function saveTask(task: Task): void {
    changedTasks.set(task.id, task);
    writer.touch();
  }

  /** What nobody need decide any more. */
  function closeTasks(): void {
    for (const task of tasks.values()) if (task.status === 'open') closeTask(task);
  }

  function closeTask(task: Task): void {
    task.status = 'closed';
    saveTask(task);
  }

  /** Takes over what the warehouse could reserve, in place of what an expired reservation held. */
  function adopt(result: ReserveStockResult): void {
    parcels.length = 0;
    const add = (locationId: string | null, held: readonly { lineId: string; quantity: number }[]) => {
      parcelCount++;
      parcels.push({
        id: partId('ful', input.id, parcelCount),
        status: locationId === null ? 'unavailable' : 'pending',
        locationId,
        lines: held.map(({ lineId, quantity }) => ({ lineId, quantity })),
        payment: { outcome: 'none', amount: 0 },
        paymentGeneration: 1,
        expiresAt: null,
        carrier: null,
      });
    };
    for (const parcel of result.parcels) add(parcel.locationId, parcel.lines);
    if (result.unavailable.length > 0) add(null, result.unavailable);
    price();
  }

  /** Drops what is not available from the lines and prices the rest again. */
  function amendToAvailable(): void {
    const quantities = new Map<string, number>();
    for (const parcel of parcels) {
      if (parcel.locationId === null) {
        moveParcel(parcel, 'cancelled');
        continue;
      }
      for (const line of parcel.lines) quantities.set(line.lineId, (quantities.get(line.lineId) ?? 0) + line.quantity);
    }
    lines = withQuantities(lines, quantities);
    totals = totalsFor(lines, totals, input.currency);
    total = money(sumOf(totals), input.currency);
    price();
  }

  function price(): void {
    const shipped = parcels.filter((parcel) => parcel.locationId !== null);
    const amounts = amountsOf(lines, totals, shipped);
    for (const [index, parcel] of shipped.entries()) parcel.payment.amount = amounts[index] ?? 0;
    writer.touch();
  }

  return order;
}

export type OpenOrder = ReturnType<typeof openOrder>;

const urgency: readonly WaitingFor['kind'][] = ['customerChoice', 'fraudReview', 'paymentException', 'step', 'carrier'];
const mostUrgent = (waits: WaitingFor[]): WaitingFor | null =>
  waits.sort((a, b) => urgency.indexOf(a.kind) - urgency.indexOf(b.kind))[0] ?? null;

const publicPart = ({ id, status, locationId, lines, shipmentId }: Parcel): Fulfillment => ({
  id,
  status,
  locationId,
  lines,
  ...(shipmentId === undefined ? {} : { shipmentId }),
});
