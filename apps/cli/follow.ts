import { setTimeout as delay } from 'node:timers/promises';
import { unwrap } from '@waybill/client';
import type { Api, Order, TimelineItem } from './api.ts';
import { CommandError } from './failure.ts';
import { hasEnded } from './order-text.ts';

/**
 * Calls `onEvent` for every event of an order, old ones first and once each, until the order has ended or the signal
 * aborts. A stream that breaks (a restart of the server) is opened again where it stopped, for up to `patienceMs`.
 */
export async function followOrder(
  api: Api,
  orderId: string,
  options: { signal: AbortSignal; patienceMs?: number; onEvent(item: TimelineItem): Promise<void> | void },
): Promise<Order> {
  const { signal, onEvent } = options;
  const params = { path: { id: orderId } };
  let last = 0;
  let failingSince: number | undefined;
  for (;;) {
    try {
      const order = unwrap(await api.client.GET('/v1/orders/{id}', { params }));
      if (hasEnded(order)) {
        // Whatever the stream had not brought yet.
        const { items } = unwrap(await api.client.GET('/v1/orders/{id}/timeline', { params }));
        for (const item of items) {
          if (item.sequence <= last) continue;
          last = item.sequence;
          await onEvent(item);
        }
        return order;
      }
      signal.throwIfAborted();
      for await (const item of readUntilEnd(api, orderId, last, signal)) {
        failingSince = undefined;
        last = item.sequence;
        await onEvent(item);
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (!isPassing(error)) throw error;
      failingSince ??= Date.now();
      if (Date.now() - failingSince > (options.patienceMs ?? 60_000)) throw error;
      await delay(300, undefined, { signal }).catch(() => {});
    }
  }
}

/** Live events up to the one that ends the order; the caller makes sure of the end. */
async function* readUntilEnd(api: Api, orderId: string, after: number, signal: AbortSignal): AsyncGenerator<TimelineItem> {
  const closing = new AbortController();
  try {
    for await (const item of api.events(orderId, after, AbortSignal.any([signal, closing.signal]))) {
      yield item;
      if (/^order\.(completed|partiallyCompleted|cancelled|timedOut|failed)$/.test(item.type)) return;
    }
  } finally {
    closing.abort();
  }
}

/** A broken connection, or a server that says it will be back. */
const isPassing = (error: unknown): boolean => (error instanceof CommandError ? error.code === 'unavailable' : error instanceof TypeError);
