import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { WaybillError } from '@waybill/kernel/errors';
import { decodeCursor, pageOf } from '@waybill/kernel/paging';
import { PageOf } from '@waybill/kernel/schemas';
import type { Kysely } from 'kysely';
import type { Commands } from '../commands.ts';
import { findTask, listTasks } from '../store/read.ts';
import type { OrdersTables } from '../store/tables.ts';
import { taskView } from '../view.ts';
import { askingOf, CommandHeaders } from './headers.ts';
import { DecisionBody, TaskParams, TaskQuery, TaskSchema } from './schemas.ts';

const tags = ['tasks'];

/** Decisions that wait for a person. */
export function taskRoutes({ db, commands }: { db: Kysely<OrdersTables>; commands: Commands }): FastifyPluginAsyncTypebox {
  return async (app) => {
    const list = { tags, summary: 'List tasks, newest first', querystring: TaskQuery, response: { 200: PageOf(TaskSchema) } };
    app.get('/v1/tasks', { config: { permission: 'tasks:read' }, schema: list }, async ({ query }) => {
      const { cursor, limit, status, kind, orderId } = query;
      const rows = await listTasks(db, {
        limit,
        ...(status === undefined ? {} : { status }),
        ...(kind === undefined ? {} : { kind }),
        ...(orderId === undefined ? {} : { orderId }),
        ...(cursor === undefined ? {} : { after: decodeCursor(cursor, ['string'])[0] }),
      });
      return pageOf(rows, limit, { item: taskView, keyset: ({ id }) => [id] });
    });

    const show = { tags, summary: 'Show a task', params: TaskParams, response: { 200: TaskSchema } };
    app.get('/v1/tasks/:id', { config: { permission: 'tasks:read' }, schema: show }, async ({ params }) => {
      const task = await findTask(db, params.id);
      if (!task) throw new WaybillError('not_found', `task ${params.id} does not exist`);
      return taskView(task);
    });

    const decide = {
      tags,
      summary: 'Decide a task',
      params: TaskParams,
      headers: CommandHeaders,
      body: DecisionBody,
      response: { 200: TaskSchema },
    };
    app.post('/v1/tasks/:id/decision', { config: { permission: 'tasks:write' }, schema: decide }, async (request) => {
      const { params, body, headers } = request;
      return taskView(await commands.decide(params.id, body.decision, body.note ?? null, askingOf(request, headers)));
    });
  };
}
