import { ActivityFailure, ApplicationFailure, proxyActivities, proxyLocalActivities, TimeoutFailure } from '@temporalio/workflow';
import { type BillingCalls, billingCalls, taskQueue as billingQueue } from '@waybill/billing/contract';
import { type InventoryCalls, inventoryCalls, taskQueue as inventoryQueue } from '@waybill/inventory/contract';
import type { Calls, CallsDefinition } from '@waybill/kernel/calls';
import { type ShippingCalls, shippingCalls, taskQueue as shippingQueue } from '@waybill/shipping/contract';
import { type OrderActivities, taskQueue as ordersQueue } from '../contract.ts';
import { createLane } from './lane.ts';

export type Steps = InventoryCalls & BillingCalls & ShippingCalls & OrderActivities;

/** Codes of `WaybillError` that are answers: asking again, near or far, would hear the same. */
const answers = new Set(['invalid', 'unauthenticated', 'forbidden', 'not_found', 'conflict', 'precondition_failed', 'unsupported']);

/** What stopped a step: a far one is wrapped in an ActivityFailure, a near one is not. */
const causeOf = (error: unknown): unknown => (error instanceof ActivityFailure ? error.cause : error);

/** The answer a step's owner refused with, if that is what stopped it. */
export function refusalOf(error: unknown): ApplicationFailure | undefined {
  const cause = causeOf(error);
  return cause instanceof ApplicationFailure && answers.has(cause.type ?? '') ? cause : undefined;
}

/** Whether another try, in the owner's own worker, can help. A bug in a step counts: it is tried until a build mends it. */
function goesFar(error: unknown): boolean {
  const cause = causeOf(error);
  return cause instanceof TimeoutFailure || (cause instanceof ApplicationFailure && !refusalOf(error));
}

type Options = {
  /** The longest pause between two far tries, in milliseconds. */
  retryInterval: number;
  /** Given a step that waits on its owner's queue, which can be long, and its answer. */
  whileFar: <T>(step: string, answer: Promise<T>) => Promise<T>;
};

/** Everything an order does to the world. Each step is tried in its owner's API first and then waits on its owner's queue. */
export function createSteps({ retryInterval, whileFar }: Options): Steps {
  const lane = createLane();

  function nearThenFar<C extends Calls>(names: readonly (keyof C & string)[], taskQueue: string): C {
    // One short attempt: a local activity that backs off holds a workflow-task slot and starves other orders.
    const near = proxyLocalActivities<C>({ startToCloseTimeout: '1 second', retry: { maximumAttempts: 1 } });
    // Retried without end: no outage of any length fails an order, and such retries add nothing to the history.
    const far = proxyActivities<C>({
      taskQueue,
      startToCloseTimeout: '30 seconds',
      retry: { initialInterval: Math.min(500, retryInterval), backoffCoefficient: 2, maximumInterval: retryInterval },
    });
    const step = (name: keyof C & string) => async (input: never) => {
      try {
        return await lane(() => call(near, name, input));
      } catch (error) {
        if (!goesFar(error)) throw error;
        const answer = call(far, name, input);
        return await (name === 'saveOrder' ? answer : whileFar(name, answer)); // the order cannot be shown to wait for its own writing
      }
    };
    return Object.fromEntries(names.map((name) => [name, step(name)])) as unknown as C; // one function per name, by construction
  }

  const of = <C extends Calls>({ names }: CallsDefinition<C>, queue: string) => nearThenFar<C>(names, queue);
  return {
    ...of(inventoryCalls, inventoryQueue),
    ...of(billingCalls, billingQueue),
    ...of(shippingCalls, shippingQueue),
    ...nearThenFar<OrderActivities>(['saveOrder'], ordersQueue),
  };
}

const call = (calls: unknown, name: string, input: never): Promise<unknown> =>
  (calls as Record<string, (input: never) => Promise<unknown>>)[name]?.(input) ?? Promise.reject(new Error(`no step ${name}`)); // a proxy has every name
