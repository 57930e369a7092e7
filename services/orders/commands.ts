import { createHash, randomUUID } from 'node:crypto';
import { type Client, WorkflowUpdateFailedError } from '@temporalio/client';
import type { UpdateDefinition } from '@temporalio/common';
import { WaybillError } from '@waybill/kernel/errors';
import { fromTemporalError } from '@waybill/kernel/temporal-failure';
import type { Kysely } from 'kysely';
import { cancelOrder, chooseForOrder, decideTask, orderIdOfPart, workflowId } from './contract.ts';
import type { Starter } from './start.ts';
import { isEnd } from './states.ts';
import { findOrder, findTask } from './store/read.ts';
import { findAccepted } from './store/starts.ts';
import type { OrdersTables, StoredOrder } from './store/tables.ts';

type Deps = { db: Kysely<OrdersTables>; temporal: Client; starter: Starter };

/** Who asks, under which key; and the version the caller has read, if it says so. */
export type Asking = { actor: string; idempotencyKey: string | undefined; expectedVersion: number | null };

/** Commands to a running order. Each is a validated update of its workflow: the answer is the workflow's yes or no, and why. */
export function createCommands({ db, temporal, starter }: Deps) {
  async function load(id: string): Promise<StoredOrder> {
    const order = await findOrder(db, id);
    if (!order) throw new WaybillError('not_found', `order ${id} does not exist`);
    return order;
  }

  async function update<Arg>(
    order: StoredOrder,
    definition: UpdateDefinition<{ version: number }, [Arg]>,
    arg: Arg,
    asking: Asking,
  ): Promise<void> {
    const updateId = updateIdOf(definition.name, asking);
    try {
      const accepted = order.status === 'pending' ? await findAccepted(db, order.id) : undefined;
      if (accepted) {
        await temporal.workflow.executeUpdateWithStart(definition, {
          startWorkflowOperation: starter.withStart(accepted),
          args: [arg],
          updateId,
        });
        return;
      }
      await temporal.workflow.getHandle(workflowId(order.id)).executeUpdate(definition, { args: [arg], updateId });
    } catch (error) {
      const known = fromTemporalError(error instanceof WorkflowUpdateFailedError ? error.cause : error) ?? fromTemporalError(error);
      if (known?.code === 'not_found' && !(error instanceof WorkflowUpdateFailedError)) {
        // It ended between our reading and our asking.
        throw new WaybillError('conflict', `order ${order.id} is ${(await load(order.id)).status} and takes no more commands`, {
          cause: error,
        });
      }
      throw known ?? error;
    }
  }

  return {
    load,

    async cancel(id: string, reason: string, asking: Asking): Promise<StoredOrder> {
      const order = await load(id);
      refuseEnded(order, 'it can no longer be cancelled');
      await update(order, cancelOrder, { actor: asking.actor, reason, expectedVersion: asking.expectedVersion }, asking);
      return load(id);
    },

    async choose(id: string, choice: 'amend' | 'cancel', asking: Asking): Promise<StoredOrder> {
      const order = await load(id);
      refuseEnded(order, 'it asks for no choice');
      await update(order, chooseForOrder, { choice, actor: asking.actor, expectedVersion: asking.expectedVersion }, asking);
      return load(id);
    },

    async decide(taskId: string, decision: string, note: string | null, asking: Asking) {
      const task = await findTask(db, taskId);
      if (!task) throw new WaybillError('not_found', `task ${taskId} does not exist`);
      const order = await load(orderIdOfPart(taskId));
      refuseEnded(order, `task ${taskId} is ${task.status}`);
      await update(order, decideTask, { taskId, decision, actor: asking.actor, note }, asking);
      return (await findTask(db, taskId)) ?? task;
    },
  };
}

export type Commands = ReturnType<typeof createCommands>;

function refuseEnded(order: StoredOrder, consequence: string): void {
  if (isEnd(order.status)) throw new WaybillError('conflict', `order ${order.id} is ${order.status}, so ${consequence}`);
}

/** The same key asks the same thing once. Hashed, since Temporal shows update ids in plain text. */
function updateIdOf(command: string, { actor, idempotencyKey }: Asking): string {
  if (idempotencyKey === undefined) return randomUUID();
  return createHash('sha256')
    .update(JSON.stringify([command, actor, idempotencyKey]))
    .digest('hex');
}
