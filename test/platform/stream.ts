import type { Api } from './api.ts';

type StreamEvent = { id: string; event: string; data: string };

/** Reads an order's event stream until `each` returns false or the stream ends. */
export async function followEvents(
  api: Api,
  orderId: string,
  each: (event: StreamEvent) => boolean,
  lastEventId?: string,
): Promise<{ contentType: string }> {
  const abort = new AbortController();
  const response = await fetch(`${api.url}/v1/orders/${orderId}/stream`, {
    headers: { authorization: `Bearer ${api.key}`, ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) },
    signal: AbortSignal.any([abort.signal, AbortSignal.timeout(60_000)]),
  });
  if (response.status !== 200 || !response.body) throw new Error(`the stream of ${orderId} was answered ${response.status}`);
  const contentType = response.headers.get('content-type') ?? '';
  let text = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const fields = new Map(
        text
          .slice(0, end)
          .split('\n')
          .map((row): [string, string] => [row.slice(0, row.indexOf(':')), row.slice(row.indexOf(':') + 1).trim()]),
      );
      text = text.slice(end + 2);
      if (!fields.has('data')) continue;
      if (each({ id: fields.get('id') ?? '', event: fields.get('event') ?? '', data: fields.get('data') ?? '' })) continue;
      abort.abort();
      return { contentType };
    }
  }
  return { contentType };
}
