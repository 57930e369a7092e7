import { ApplicationFailure, CancellationScope, setHandler, sleep } from '@temporalio/workflow';
import { cancelOrder, chooseForOrder, decideTask } from '../contract.ts';
import { isEnd } from '../states.ts';
import type { OpenOrder } from './open-order.ts';
import { hasLeft } from './parcel.ts';

const refuse = (code: 'conflict' | 'not_found' | 'invalid' | 'precondition_failed', message: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(message, code);

/**
 * Ends the workflow task, so that the command stands in the history before anything follows from it. What is done in the task that
 * brings a command outlives that task when it is lost, and the command does not: told again, the order would wait for what its
 * lost telling had called off.
 */
const kept = (): Promise<void> => CancellationScope.nonCancellable(() => sleep(1));

/** What people may ask of a running order. Validators answer at once and are synchronous: the SDK does not await them. */
export function handleCommands(order: OpenOrder): void {
  const { id } = order.input;

  function expectOpen(what: string, expectedVersion: number | null): void {
    if (isEnd(order.status)) throw refuse('conflict', `order ${id} is ${order.status}, so ${what}`);
    if (expectedVersion !== null && expectedVersion !== order.version) {
      throw refuse('precondition_failed', `order ${id} is at version ${order.version}, not ${expectedVersion}: read it again`);
    }
  }

  // Each is asked before a command is accepted, and again once it is kept: the order may have gone on in between.
  function checkCancel(expectedVersion: number | null): void {
    expectOpen('it can no longer be cancelled', expectedVersion);
    const gone = order.parcels.find(hasLeft);
    if (gone) throw refuse('conflict', `fulfillment ${gone.id} of order ${id} has already left, so the order can no longer be cancelled`);
  }

  function checkChoice(choice: string, expectedVersion: number | null): void {
    expectOpen('it asks for no choice', expectedVersion);
    const waiting = order.waitingFor();
    if (waiting?.kind !== 'customerChoice') throw refuse('conflict', `order ${id} is ${order.status} and asks for no choice`);
    if (order.cancel) throw refuse('conflict', `order ${id} is being cancelled and asks for no choice`);
    if (order.choice) throw refuse('conflict', `the choice for order ${id} was already made: ${order.choice.choice}`);
    if (waiting.choices?.includes(choice)) return;
    throw refuse('conflict', `choice "${choice}" is not offered for order ${id}; it offers ${waiting.choices?.join(', ')}`);
  }

  function checkDecision(taskId: string, decision: string, expectedVersion: number | null): void {
    expectOpen(`task ${taskId} cannot be decided`, expectedVersion);
    if (order.cancel) throw refuse('conflict', `order ${id} is being cancelled, so task ${taskId} cannot be decided`);
    const task = order.tasks.get(taskId);
    if (!task) throw refuse('not_found', `task ${taskId} does not exist`);
    if (task.status !== 'open') throw refuse('conflict', `task ${taskId} is ${task.status}, so there is nothing to decide`);
    if (task.choices.includes(decision)) return;
    throw refuse('invalid', `decision "${decision}" is not one of ${task.choices.join(', ')}`);
  }

  setHandler(
    cancelOrder,
    async ({ actor, reason, asked }) => {
      await kept();
      checkCancel(null);
      if (!order.cancel) {
        order.cancel = { actor, reason };
        order.record('cancelRequested', { actor, reason });
      }
      await order.flush();
      return { version: order.version, asked };
    },
    { validator: ({ expectedVersion }) => checkCancel(expectedVersion) },
  );

  setHandler(
    chooseForOrder,
    async ({ choice, actor, asked }) => {
      await kept();
      checkChoice(choice, null);
      order.choice = { choice, actor };
      await order.flush();
      return { version: order.version, asked };
    },
    { validator: ({ choice, expectedVersion }) => checkChoice(choice, expectedVersion) },
  );

  setHandler(
    decideTask,
    async ({ taskId, decision, actor, note, asked }) => {
      await kept();
      checkDecision(taskId, decision, null);
      order.decide(taskId, { decision, actor, note });
      await order.flush();
      return { version: order.version, asked };
    },
    { validator: ({ taskId, decision, expectedVersion }) => checkDecision(taskId, decision, expectedVersion) },
  );
}
