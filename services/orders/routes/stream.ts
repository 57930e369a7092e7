import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { invalidField } from '@waybill/kernel/errors';
import { openEventStream } from '@waybill/kernel/event-stream';
import type { Logger } from '@waybill/kernel/log';
import Type from 'typebox';
import { isEnd } from '../states.ts';
import { eventsAfter } from '../store/read.ts';
import { eventView } from '../view.ts';
import type { OrderRouteDeps } from './orders.ts';
import { OrderParams } from './schemas.ts';

const batch = 100;

/** An order's events as they happen: everything after `Last-Event-ID` first. Ends after the order's end. */
export function streamRoutes({ db, commands, live, log }: OrderRouteDeps & { log: Logger }): FastifyPluginAsyncTypebox {
  return async (app) => {
    const schema = {
      tags: ['orders'],
      summary: "Follow an order's events (server-sent events)",
      params: OrderParams,
      headers: Type.Object({
        'last-event-id': Type.Optional(Type.String({ maxLength: 20, description: 'Sequence of the last event received' })),
      }),
      produces: ['text/event-stream'],
    };
    app.get('/v1/orders/:id/stream', { config: { permission: 'orders:read' }, schema }, async ({ params, headers }, reply) => {
      const order = await commands.load(params.id);
      let last = sequenceOf(headers['last-event-id']);
      // 204 tells an EventSource that there is nothing more to come back for.
      if (isEnd(order.status) && (await eventsAfter(db, order.id, last, 1)).length === 0) return reply.code(204).send();

      const stream = openEventStream(reply);
      let changed = Promise.withResolvers<void>();
      const stop = live.watch(order.id, () => changed.resolve());
      stream.signal.addEventListener('abort', () => changed.resolve(), { once: true });
      let ended = false;
      const follow = async () => {
        while (!stream.signal.aborted) {
          const events = await eventsAfter(db, order.id, last, batch);
          for (const event of events) {
            stream.send({ id: String(event.sequence), event: event.type, data: eventView(event) });
            last = event.sequence;
          }
          ended ||= events.some(({ data }) => isEnd(data['status'] as typeof order.status)); // every order event carries the status
          if (events.length === batch) continue;
          if (ended) return;
          await changed.promise;
          changed = Promise.withResolvers<void>();
        }
      };
      // A reader whose stream breaks off comes back with Last-Event-ID and misses nothing.
      follow()
        .catch((err: unknown) => log.warn('event stream broke off', { orderId: order.id, err }))
        .finally(() => {
          stop();
          stream.close();
        });
      return reply;
    });
  };
}

function sequenceOf(lastEventId: string | undefined): number {
  if (lastEventId === undefined || lastEventId === '') return 0;
  if (!/^\d{1,9}$/.test(lastEventId)) throw invalidField('last-event-id', `"${lastEventId}" is not the sequence of an event`);
  return Number(lastEventId);
}
