import { createHash, randomUUID } from 'node:crypto';
import { type Client, WorkflowUpdateFailedError } from '@temporalio/client';
import type { UpdateDefinition } from '@temporalio/common';
import { WaybillError } from '@waybill/kernel/errors';
import { fromTemporalError } from '@waybill/kernel/temporal-failure';
import type { Kysely } from 'kysely';
import { type CommandAnswer, cancelOrder, chooseForOrder, decideTask, orderIdOfPart, workflowId } from './contract.ts';
import { settle } from './reconcile-tasks.ts';
import type { Starter } from './start.ts';
import { isEnd } from './states.ts';
import { findOrder, findTask } from './store/read.ts';
import { findAccepted } from './store/starts.ts';
import type { OrdersTables, StoredOrder } from './store/tables.ts';

type Deps = { db: Kysely<OrdersTables>; temporal: Client; starter: Starter };

/** Who asks and what version they have read, for the order to hear; and the key, if there is one. */
export type Asking = { idempotencyKey: string | undefined; told: { actor: string; expectedVersion: number | null; asked: string } };

/** Commands to a running order. Each is a validated update of its workflow: the answer is the workflow's yes or no, and why. */
export function createCommands({ db, temporal, starter }: Deps) {
  async function load(id: string): Promise<StoredOrder> {
    const order = await findOrder(db, id);
    if (!order) throw new WaybillError('not_found', `order ${id} does not exist`);
    return order;
  }

  /** `what` is what the caller asks for, without who asks: the same key must not be used for two things. */
  async function update<What extends object>(
    order: StoredOrder,
    definition: UpdateDefinition<CommandAnswer, [What & Asking['told']]>,
    what: What,
    asking: Asking,
  ): Promise<void> {
    const updateId = updateIdOf(definition.name, asking);
    const asked = hash([what]);
    const arg = { ...what, ...asking.told, asked };
    try {
      const accepted = order.status === 'pending' ? await findAccepted(db, order.id) : undefined;
      const answer = accepted
        ? await temporal.workflow.executeUpdateWithStart(definition, {
            startWorkflowOperation: starter.withStart(accepted),
            args: [arg],
            updateId,
          })
        : await temporal.workflow.getHandle(workflowId(order.id)).executeUpdate(definition, { args: [arg], updateId });
      if (answer.asked === asked) return;
    } catch (error) {
      const known = fromTemporalError(error instanceof WorkflowUpdateFailedError ? error.cause : error) ?? fromTemporalError(error);
      if (known?.code === 'not_found' && !(error instanceof WorkflowUpdateFailedError)) {
        // It has ended, perhaps between our reading and our asking.
        throw new WaybillError('conflict', `order ${order.id} is ${(await load(order.id)).status} and takes no more commands`, {
          cause: error,
        });
      }
      throw known ?? error;
    }
    throw new WaybillError('conflict', 'this Idempotency-Key was used to ask for something else; use a new one', {
      errors: [{ field: 'idempotency-key', message: 'was used with another body' }],
    });
  }

  return {
    load,

    async cancel(id: string, reason: string, asking: Asking): Promise<StoredOrder> {
      const order = await load(id);
      refuseEnded(order, 'it can no longer be cancelled', asking);
      await update(order, cancelOrder, { reason }, asking);
      return load(id);
    },

    async choose(id: string, choice: 'amend' | 'cancel', asking: Asking): Promise<StoredOrder> {
      const order = await load(id);
      refuseEnded(order, 'it asks for no choice', asking);
      await update(order, chooseForOrder, { choice }, asking);
      return load(id);
    },

    async decide(taskId: string, decision: string, note: string | null, asking: Asking) {
      const task = await findTask(db, taskId);
      if (!task) throw new WaybillError('not_found', `task ${taskId} does not exist`);
      if (task.kind === 'reconciliation') return settle(db, task, decision, note, asking.told.actor);
      const order = await load(orderIdOfPart(taskId));
      refuseEnded(order, `task ${taskId} is ${task.status}`, asking);
      await update(order, decideTask, { taskId, decision, note }, asking);
      return (await findTask(db, taskId)) ?? task;
    },
  };
}

export type Commands = ReturnType<typeof createCommands>;

/** With a key it may be the repeat of a command that ended the order: Temporal remembers what it was answered. */
function refuseEnded(order: StoredOrder, consequence: string, { idempotencyKey }: Asking): void {
  if (idempotencyKey !== undefined || !isEnd(order.status)) return;
  throw new WaybillError('conflict', `order ${order.id} is ${order.status}, so ${consequence}`);
}

const hash = (value: readonly unknown[]): string => createHash('sha256').update(JSON.stringify(value)).digest('hex');

/** The same key asks the same thing once. Hashed, since Temporal shows update ids in plain text. */
function updateIdOf(command: string, { told, idempotencyKey }: Asking): string {
  return idempotencyKey === undefined ? randomUUID() : hash([command, told.actor, idempotencyKey]);
}
