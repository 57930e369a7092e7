import { type Client, WithStartWorkflowOperation, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { Logger } from '@waybill/kernel/log';
import { money } from '@waybill/kernel/money';
import type { Loop } from '@waybill/kernel/service';
import { withTraceparent } from '@waybill/kernel/tracing';
import type { Kysely } from 'kysely';
import { type OrderInput, type OrderWaits, taskQueue, workflowId } from './contract.ts';
import type { OrdersMetrics } from './metrics.ts';
import { ensurePartitions, findUnstarted, markStarted } from './store/starts.ts';
import type { AcceptedOrder, OrdersTables } from './store/tables.ts';
import type { order as orderWorkflow } from './workflows/index.ts';

type Deps = { db: Kysely<OrdersTables>; temporal: Client; waits: OrderWaits; startLimit: number; metrics: OrdersMetrics; log: Logger };

const inputOf = (accepted: AcceptedOrder, waits: OrderWaits): OrderInput => ({
  ...accepted,
  total: money(accepted.total, accepted.currency),
  waits,
});

// An order's workflow runs once: its id is taken for as long as Temporal remembers it, and its row remembers longer.
const once = (id: string) => ({ taskQueue, workflowId: workflowId(id), workflowIdReusePolicy: 'REJECT_DUPLICATE' as const });

const crowded = 10;
const slowStartMs = 250;
const restMs = 1_000;
/** The dispatcher makes up for a backlog beside everything else the worker does, so it does not hurry as the API may. */
const dispatchWidth = 10;

/** Starts order workflows: at once from the API, within a limit, and by the dispatcher for what was left. */
export function createStarter({ db, temporal, waits, startLimit, metrics, log }: Deps) {
  let starting = 0;
  let restUntil = 0;
  let started: string[] = [];

  async function start(accepted: AcceptedOrder): Promise<void> {
    try {
      await temporal.workflow.start<typeof orderWorkflow>('order', { ...once(accepted.id), args: [inputOf(accepted, waits)] });
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
  }

  /** A hint for the dispatcher, so several are written together; one that is lost costs one rejected start. */
  function remember(id: string): void {
    started.push(id);
    if (started.length > 1) return; // a write is on its way
    setTimeout(() => {
      const ids = started;
      started = [];
      markStarted(db, ids).catch((err: unknown) => log.debug('starts were not recorded', { count: ids.length, err }));
    }, 500);
  }

  return {
    /** For an order whose workflow was lost: one that runs after all is left alone. */
    startNow: start,

    /** Never waits and never fails: what it cannot start now stays pending, for the dispatcher. */
    startSoon(accepted: AcceptedOrder): void {
      const began = Date.now();
      if (starting >= startLimit || began < restUntil) return;
      starting++;
      start(accepted)
        .then(() => {
          metrics.started('api');
          remember(accepted.id);
        })
        .catch((err: unknown) => log.debug('order not started at once', { orderId: accepted.id, err }))
        .finally(() => {
          const now = Date.now();
          // Many starts under way and each slow: Temporal has more than it can take, and pressing it only slows acceptance.
          if (starting > crowded && now - began > slowStartMs) restUntil = now + restMs;
          starting--;
        });
    },

    /** For a command that must reach an order whether or not it has started. */
    withStart: (accepted: AcceptedOrder) =>
      new WithStartWorkflowOperation<typeof orderWorkflow>('order', {
        ...once(accepted.id),
        args: [inputOf(accepted, waits)],
        workflowIdConflictPolicy: 'USE_EXISTING',
      }),

    /** The dispatcher: starts pending orders that nobody has started. */
    dispatcher: {
      name: 'order-dispatcher',
      everyMs: 1_000,
      async run() {
        const batch = 100;
        const waiting = await findUnstarted(db, batch);
        let failure: { reason: unknown } | undefined;
        for (let i = 0; i < waiting.length; i += dispatchWidth) {
          const part = waiting.slice(i, i + dispatchWidth);
          const ends = await Promise.allSettled(
            part.map(({ accepted, traceparent }) => withTraceparent(traceparent, () => start(accepted))),
          );
          const done = part.filter((_, index) => ends[index]?.status === 'fulfilled').map(({ accepted }) => accepted.id);
          await markStarted(db, done);
          metrics.started('dispatcher', done.length);
          for (const end of ends) if (end.status === 'rejected') failure ??= { reason: end.reason };
        }
        if (failure) throw failure.reason;
        return waiting.length === batch;
      },
    } satisfies Loop,

    /** Keeps partitions ready ahead of time. */
    partitions: {
      name: 'order-partitions',
      everyMs: 3_600_000,
      async run() {
        await ensurePartitions(db);
        return false;
      },
    } satisfies Loop,
  };
}

export type Starter = ReturnType<typeof createStarter>;
