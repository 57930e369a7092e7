import { createHash } from 'node:crypto';
import { WaybillError } from '@waybill/kernel/errors';
import { type Kysely, sql } from 'kysely';
import { partId } from './contract.ts';
import { findTask, type TaskRow } from './store/read.ts';
import type { OrdersTables } from './store/tables.ts';

const choices = ['settled'];

/** Task ids of an order count from 1; these are far above, and the same difference has the same one. */
function taskIdOf(orderId: string, summary: string): string {
  const number = createHash('sha256').update(summary).digest().readUInt32BE(0) % 900_000;
  return partId('tsk', orderId, 100_000 + number);
}

/** Raises a task about an order, which need not exist here. The same one is raised once. Returns its id. */
export async function raise(db: Kysely<OrdersTables>, orderId: string, summary: string): Promise<string> {
  const id = taskIdOf(orderId, summary);
  await db
    .insertInto('task')
    .values({
      id,
      order_id: orderId,
      kind: 'reconciliation',
      status: 'open',
      summary,
      choices: JSON.stringify(choices),
      opened_at: sql`now()`,
      deadline: null,
      decision: null,
      decided_by: null,
      decided_at: null,
      note: null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return id;
}

/** Somebody has seen to it. */
export async function settle(
  db: Kysely<OrdersTables>,
  task: TaskRow,
  decision: string,
  note: string | null,
  actor: string,
): Promise<TaskRow> {
  if (!task.choices.includes(decision))
    throw new WaybillError('invalid', `task ${task.id} can be ${task.choices.join(' or ')}, not ${decision}`);
  await db
    .updateTable('task')
    .set({ status: 'decided', decision, note, decided_by: actor, decided_at: sql`now()` })
    .where('id', '=', task.id)
    .where('status', '=', 'open')
    .execute();
  const now = (await findTask(db, task.id)) ?? task;
  if (now.decision === decision) return now;
  throw new WaybillError('conflict', `task ${task.id} is ${now.status}`);
}
