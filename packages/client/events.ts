import { EventSourceParserStream } from 'eventsource-parser/stream';

/** One server-sent event; `data` is parsed JSON. */
export type ApiEvent = { id: string | undefined; event: string | undefined; data: unknown };

/**
 * Reads a stream of server-sent events until the server ends it, the connection breaks (throws) or the signal aborts. To go on
 * after a break, call it again with the id of the last event as `lastEventId`: nothing in between is missed.
 */
export async function* readEvents(options: {
  baseUrl: string;
  key: string;
  /** Such as `/v1/orders/ord_…/stream`. */
  path: string;
  lastEventId?: string;
  signal?: AbortSignal;
  fetch?: typeof globalThis.fetch;
}): AsyncGenerator<ApiEvent> {
  const { signal, lastEventId } = options;
  const response = await (options.fetch ?? fetch)(new URL(options.path, options.baseUrl), {
    headers: {
      authorization: `Bearer ${options.key}`,
      accept: 'text/event-stream',
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    },
    ...(signal ? { signal } : {}),
  });
  if (!response.ok || !response.body) throw new Error(`${options.path} answered ${response.status}: ${await response.text()}`);
  const events = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  for await (const { id, event, data } of events) yield { id, event, data: JSON.parse(data) };
}
