import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { unsupportedField, WaybillError } from '@waybill/kernel/errors';
import { decodeCursor, pageOf } from '@waybill/kernel/paging';
import { PageOf } from '@waybill/kernel/schemas';
import type { Kysely } from 'kysely';
import Type from 'typebox';
import type { createAcceptance } from '../acceptance.ts';
import type { Commands } from '../commands.ts';
import type { Live } from '../live.ts';
import { planCancel, planChoice } from '../plans.ts';
import { eventsAfter, findOrder, listOrders } from '../store/read.ts';
import type { OrdersTables } from '../store/tables.ts';
import { eventView, orderView } from '../view.ts';
import { askingOf, CommandHeaders, etagOf, PlaceHeaders, waitOf } from './headers.ts';
import { CancelBody, ChoiceBody, DryRun, EventSchema, OrderParams, OrderQuery, OrderSchema, PlaceOrder, PlanSchema } from './schemas.ts';

export type OrderRouteDeps = { db: Kysely<OrdersTables>; accept: ReturnType<typeof createAcceptance>; commands: Commands; live: Live };

const read = { permission: 'orders:read' } as const;
const write = { permission: 'orders:write' } as const;
const tags = ['orders'];

export function orderRoutes({ db, accept, commands, live }: OrderRouteDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    const place = { tags, summary: 'Place an order', body: PlaceOrder, headers: PlaceHeaders, response: { 201: OrderSchema } };
    app.post('/v1/orders', { config: write, schema: place }, async (request, reply) => {
      const { body, headers, principal } = request;
      let { order, replayed } = await accept(body, principal.id, headers['idempotency-key']);
      const seconds = replayed ? 0 : waitOf(headers.prefer);
      if (seconds > 0) {
        const moved = (row: Awaited<ReturnType<typeof findOrder>>) => row !== undefined && row.status !== 'pending';
        // Accepted is accepted: when it cannot be looked at, the answer is that of the acceptance.
        const row = await live.waitUntil(order.id, () => findOrder(db, order.id), moved, seconds * 1_000).catch(() => undefined);
        if (row) order = orderView(row);
        reply.header('preference-applied', `wait=${seconds}`);
      }
      return reply.code(201).header('location', `/v1/orders/${order.id}`).header('etag', etagOf(order.version)).send(order);
    });

    const list = { tags, summary: 'List orders', querystring: OrderQuery, response: { 200: PageOf(OrderSchema) } };
    app.get('/v1/orders', { config: read, schema: list }, async ({ query }) => {
      const { cursor, limit, sort, placedAfter, placedBefore, status, customerId, q } = query;
      const rows = await listOrders(db, {
        limit,
        ascending: sort === 'placedAt',
        ...(status === undefined ? {} : { status }),
        ...(customerId === undefined ? {} : { customerId }),
        ...(q === undefined ? {} : { q }),
        ...(placedAfter === undefined ? {} : { placedAfter: new Date(placedAfter) }),
        ...(placedBefore === undefined ? {} : { placedBefore: new Date(placedBefore) }),
        ...(cursor === undefined ? {} : { after: decodeCursor(cursor, ['string'])[0] }),
      });
      return pageOf(rows, limit, { item: orderView, keyset: ({ id }) => [id] });
    });

    const show = { tags, summary: 'Show an order', params: OrderParams, response: { 200: OrderSchema } };
    app.get('/v1/orders/:id', { config: read, schema: show }, async ({ params }, reply) => {
      const order = await commands.load(params.id);
      return reply.header('etag', etagOf(order.version)).send(orderView(order));
    });

    const timeline = { tags, summary: "An order's events, oldest first", params: OrderParams, response: { 200: PageOf(EventSchema) } };
    app.get('/v1/orders/:id/timeline', { config: read, schema: timeline }, async ({ params }) => {
      await commands.load(params.id);
      // An order has tens of events; the bound keeps one that misbehaves from filling an answer.
      return { items: (await eventsAfter(db, params.id, 0, 1_000)).map(eventView) };
    });

    const command = {
      tags,
      params: OrderParams,
      headers: CommandHeaders,
      querystring: DryRun,
      response: { 200: Type.Union([OrderSchema, PlanSchema]) },
    };
    app.post(
      '/v1/orders/:id/cancel',
      { config: write, schema: { ...command, summary: 'Cancel an order', body: CancelBody } },
      async (request, reply) => {
        const { params, body, query, headers } = request;
        if (body.lines !== undefined)
          throw unsupportedField('lines', 'cancelling single lines is not supported yet; leave it out to cancel the order');
        if (query.dryRun) return planCancel(await commands.load(params.id));
        const order = await commands.cancel(params.id, body.reason, askingOf(request, headers));
        return reply.header('etag', etagOf(order.version)).send(orderView(order));
      },
    );

    app.post(
      '/v1/orders/:id/choice',
      { config: write, schema: { ...command, summary: "Make the customer's choice", body: ChoiceBody } },
      async (request, reply) => {
        const { params, body, query, headers } = request;
        if (body.choice === 'wait') throw unsupportedField('choice', '"wait" is not supported yet; use "amend" or "cancel"');
        if (query.dryRun) return planChoice(await commands.load(params.id), body.choice);
        const order = await commands.choose(params.id, body.choice, askingOf(request, headers));
        return reply.header('etag', etagOf(order.version)).send(orderView(order));
      },
    );

    // Named in the wire shapes and not there yet: refused, so that nobody believes they were obeyed.
    const later = { tags, params: OrderParams, querystring: DryRun };
    for (const name of ['amend', 'hold', 'release']) {
      app.post(`/v1/orders/:id/${name}`, { config: write, schema: { ...later, summary: 'Not supported yet' } }, async ({ params }) => {
        await commands.load(params.id);
        throw new WaybillError('unsupported', `${name} is not supported yet; order ${params.id} is as it was`, {
          errors: [{ field: name, message: 'is not supported yet' }],
        });
      });
    }
    app.get(
      '/v1/orders/:id/diagnosis',
      { config: read, schema: { tags, params: OrderParams, summary: 'Not supported yet' } },
      async ({ params }) => {
        await commands.load(params.id);
        throw new WaybillError('unsupported', `diagnosis is not supported yet; see waitingFor in GET /v1/orders/${params.id}`, {
          errors: [{ field: 'diagnosis', message: 'is not supported yet' }],
        });
      },
    );
  };
}
