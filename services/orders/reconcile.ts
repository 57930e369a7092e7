import { setTimeout as delay } from 'node:timers/promises';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { BillingCalls, BookDifference } from '@waybill/billing/contract';
import type { InventoryCalls } from '@waybill/inventory/contract';
import type { Logger } from '@waybill/kernel/log';
import { formatMoney } from '@waybill/kernel/money';
import type { ShippingCalls } from '@waybill/shipping/contract';
import type { Kysely } from 'kysely';
import { orderIdOfPart, reportShipment, workflowId } from './contract.ts';
import { raise } from './reconcile-tasks.ts';
import type { Starter } from './start.ts';
import { isEnd } from './states.ts';
import { type OpenOrderRow, openOrders, statusesOf } from './store/reconcile.ts';
import { findAccepted } from './store/starts.ts';
import type { OrdersTables } from './store/tables.ts';

type Difference = {
  about: 'workflow' | 'order' | 'payment' | 'stock' | 'shipment';
  orderId: string | null;
  summary: string;
  action: 'restarted' | 'ended' | 'released' | 'task';
  taskId?: string;
};
export type Reconciliation = {
  since: string;
  checked: { orders: number; payments: number; reservations: number; shipments: number };
  differences: Difference[];
};

type Deps = {
  db: Kysely<OrdersTables>;
  temporal: Client;
  starter: Starter;
  inventory: InventoryCalls;
  billing: BillingCalls;
  shipping: ShippingCalls;
  log: Logger;
};

/** Found at one look. Its repair is carried out only if a second look finds it again: orders move on meanwhile. */
type Finding = {
  key: string;
  orderId: string | null;
  about: Difference['about'];
  repair(): Promise<Omit<Difference, 'about' | 'orderId'>>;
};

const page = 500;
const width = 10;
const betweenLooksMs = 3_000;

/**
 * Compares what the owners of an order's parts know of each other, and Temporal and the payment provider: after a restore, or when
 * somebody doubts. What can be put right without a person is; the rest becomes tasks. Safe to repeat at any time.
 */
export function createReconciler({ db, temporal, starter, inventory, billing, shipping, log }: Deps) {
  const task = async (orderId: string, summary: string) => ({
    summary,
    action: 'task' as const,
    taskId: await raise(db, orderId, summary),
  });

  async function* pagesOfOpenOrders(): AsyncGenerator<OpenOrderRow[]> {
    for (let after = ''; ; ) {
      const rows = await openOrders(db, after, page);
      if (rows.length > 0) yield rows;
      const last = rows.at(-1);
      if (!last || rows.length < page) return;
      after = last.id;
    }
  }

  async function stateOf(orderId: string): Promise<string> {
    try {
      return (await temporal.workflow.getHandle(workflowId(orderId)).describe()).status.name;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return 'MISSING';
      throw error;
    }
  }

  /** An open order needs a workflow that runs. */
  async function lookAtOrders(checked: { orders: number }): Promise<Finding[]> {
    const findings: Finding[] = [];
    for await (const rows of pagesOfOpenOrders()) {
      checked.orders += rows.length;
      for (let at = 0; at < rows.length; at += width) {
        const part = rows.slice(at, at + width);
        const states = await Promise.all(part.map(({ id }) => stateOf(id)));
        part.forEach((row, index) => {
          const state = states[index] ?? '';
          if (state === 'RUNNING') return;
          const { id } = row;
          findings.push({
            key: `workflow ${id}`,
            orderId: id,
            about: 'workflow',
            repair: () =>
              state === 'MISSING'
                ? restart(row)
                : task(
                    id,
                    `Order ${id} is ${row.status}, and its workflow has ended (${state.toLowerCase()}): decide what becomes of the order.`,
                  ),
          });
        });
      }
    }
    return findings;
  }

  /** It tells its story again from the beginning: the owners of its steps give the results they have, and events are stored once. */
  async function restart({ id, status, cancelRequested }: OpenOrderRow) {
    const accepted = await findAccepted(db, id);
    if (!accepted) throw new Error(`order ${id} is gone`);
    await starter.startNow(accepted);
    const { reports } = await shipping.listReports({ orderId: id });
    const handle = temporal.workflow.getHandle(workflowId(id));
    for (const report of reports) await handle.signal(reportShipment, report);
    if (cancelRequested)
      return task(id, `A cancel of order ${id} had been asked for when its workflow was lost. It goes on: cancel it again.`);
    return { summary: `Order ${id} was ${status} and had no workflow: it was started again and goes on.`, action: 'restarted' as const };
  }

  /** A workflow needs an order: without one it would move goods and money that nobody knows of. */
  async function lookAtWorkflows(): Promise<Finding[]> {
    const findings: Finding[] = [];
    let ids: string[] = [];
    const look = async () => {
      const known = await statusesOf(db, ids);
      for (const id of ids.filter((one) => !known.has(one)))
        findings.push({
          key: `order ${id}`,
          orderId: id,
          about: 'order',
          async repair() {
            await temporal.workflow.getHandle(workflowId(id)).terminate('reconciliation: the order is not in the database');
            return { summary: `Order ${id} came after the backup and is not in it: its workflow was ended.`, action: 'ended' as const };
          },
        });
      ids = [];
    };
    for await (const { workflowId: name } of temporal.workflow.list({ query: "WorkflowType = 'order' and ExecutionStatus = 'Running'" })) {
      ids.push(name.slice(name.indexOf('/') + 1));
      if (ids.length === page) await look();
    }
    await look();
    return findings;
  }

  async function lookAtPayments(since: string, checked: { payments: number }): Promise<Finding[]> {
    const findings = new Map<string, Finding>();
    for (let after: string | null = null; ; ) {
      const { differences, compared, next }: Awaited<ReturnType<BillingCalls['compareBooks']>> = await billing.compareBooks({
        since,
        after,
      });
      checked.payments += compared;
      for (const difference of differences) {
        const orderId = difference.orderId ?? orderIdOfPart(difference.key.split('/')[0] ?? '');
        const key = `payment ${difference.key} ${JSON.stringify([difference.ours, difference.theirs])}`;
        findings.set(key, { key, orderId, about: 'payment', repair: () => task(orderId, paymentSummary(orderId, difference)) });
      }
      if (next === null) return [...findings.values()];
      after = next;
    }
  }

  async function lookAtStock(checked: { reservations: number }): Promise<Finding[]> {
    const findings: Finding[] = [];
    for (let after = ''; ; ) {
      const { orderIds } = await inventory.listHeld({ after, limit: page });
      checked.reservations += orderIds.length;
      for (const [id, status] of await idle(orderIds))
        findings.push({
          key: `stock ${id}`,
          orderId: id,
          about: 'stock',
          repair: () => task(id, `Stock is held for order ${id}, which ${status}: adjust the stock, or find out why.`),
        });
      const last = orderIds.at(-1);
      if (!last || orderIds.length < page) return findings;
      after = last;
    }
  }

  async function lookAtShipments(checked: { shipments: number }): Promise<Finding[]> {
    const findings: Finding[] = [];
    for (let after = ''; ; ) {
      const { shipments } = await shipping.listBooked({ after, limit: page });
      checked.shipments += shipments.length;
      const without = await idle(shipments.map(({ orderId }) => orderId));
      for (const { shipmentId, orderId } of shipments) {
        const status = without.get(orderId);
        if (status)
          findings.push({
            key: `shipment ${shipmentId}`,
            orderId,
            about: 'shipment',
            repair: () => task(orderId, `Shipment ${shipmentId} waits for its carrier, and order ${orderId} ${status}: call it off there.`),
          });
      }
      const last = shipments.at(-1);
      if (!last || shipments.length < page) return findings;
      after = last.shipmentId;
    }
  }

  /** Those orders that want nothing any more, with why. */
  async function idle(ids: readonly string[]): Promise<Map<string, string>> {
    const unique = [...new Set(ids)];
    const statuses = await statusesOf(db, unique);
    const found = unique.flatMap((id): [string, string][] => {
      const status = statuses.get(id);
      if (status === undefined) return [[id, 'is not in the database']];
      return isEnd(status) ? [[id, `is ${status}`]] : [];
    });
    return new Map(found);
  }

  async function look(since: string, checked: Reconciliation['checked']): Promise<Finding[]> {
    return [
      ...(await lookAtOrders(checked)),
      ...(await lookAtWorkflows()),
      ...(await lookAtPayments(since, checked)),
      ...(await lookAtStock(checked)),
      ...(await lookAtShipments(checked)),
    ];
  }

  return async function reconcile(since: string): Promise<Reconciliation> {
    const nothing = () => ({ orders: 0, payments: 0, reservations: 0, shipments: 0 });
    const first = new Set((await look(since, nothing())).map(({ key }) => key));
    if (first.size > 0) await delay(betweenLooksMs);
    const checked = nothing();
    const findings = (await look(since, checked)).filter(({ key }) => first.has(key));
    const differences: Difference[] = [];
    for (const { orderId, about, repair } of findings) {
      const difference = { about, orderId, ...(await repair()) };
      log.warn('books differ', { about, orderId, action: difference.action, taskId: difference.taskId });
      differences.push(difference);
    }
    return { since, checked, differences };
  };
}

export type Reconcile = ReturnType<typeof createReconciler>;

function paymentSummary(orderId: string, { key, amount, ours, theirs }: BookDifference): string {
  const sum = formatMoney(amount);
  if (!ours)
    return `The provider holds ${theirs?.reference} of ${sum} (${theirs?.status}) for order ${orderId}, payment ${key}, which billing has no record of: refund or void it there.`;
  if (!theirs) return `Billing has payment ${key} of order ${orderId} as ${ours.status} (${sum}), and the provider does not know it.`;
  return `Payment ${key} of order ${orderId} (${sum}) is ${ours.status} in billing and ${theirs.status} at the provider (${theirs.reference}): bring them together there.`;
}
