import { createServer, type IncomingMessage, type Server } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { ApiError, createClient, readEvents, unwrap } from './index.ts';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

type Answer = { status: number; type: string; body: string | string[] };

async function serve(answer: (request: IncomingMessage) => Answer): Promise<string> {
  const listener = createServer((request, response) => {
    const { status, type, body } = answer(request);
    response.writeHead(status, { 'content-type': type });
    for (const part of [body].flat()) response.write(part);
    response.end();
  });
  server = listener;
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(listener.address() as { port: number }).port}`;
}

test('a call sends the key and has typed data or a typed problem', async () => {
  const problem = {
    type: 'urn:waybill:problem:not_found',
    title: 'x',
    status: 404,
    detail: 'order ord_2 does not exist',
    code: 'not_found',
    requestId: 'r',
  };
  const baseUrl = await serve(({ url, headers }) =>
    headers.authorization !== 'Bearer k'
      ? { status: 401, type: 'application/problem+json', body: '{}' }
      : url === '/v1/orders/ord_1'
        ? { status: 200, type: 'application/json', body: '{"id":"ord_1","status":"pending"}' }
        : { status: 404, type: 'application/problem+json', body: JSON.stringify(problem) },
  );
  const client = createClient({ baseUrl, key: 'k' });
  const order = unwrap(await client.GET('/v1/orders/{id}', { params: { path: { id: 'ord_1' } } }));
  expect(order.status).toBe('pending');
  const missing = await client.GET('/v1/orders/{id}', { params: { path: { id: 'ord_2' } } });
  expect(missing.error?.code).toBe('not_found');
  expect(() => unwrap(missing)).toThrow(ApiError);
});

test('events are read one by one, in whatever pieces they arrive, from where the reader left off', async () => {
  let lastEventId: unknown;
  const body = [': open\n\nid: 2\nevent: order.', 'placed\ndata: {"a"', ':1}\n\n: still here\n\nid: 3\ndata: "ü"\n\n', 'id: 4\ndata: half'];
  const baseUrl = await serve(({ headers }) => {
    lastEventId = headers['last-event-id'];
    return { status: 200, type: 'text/event-stream', body };
  });
  const seen = await all(readEvents({ baseUrl, key: 'k', path: '/v1/orders/ord_1/stream', lastEventId: '1' }));
  expect(seen).toEqual([
    { id: '2', event: 'order.placed', data: { a: 1 } },
    { id: '3', event: undefined, data: 'ü' },
  ]);
  expect(lastEventId).toBe('1');
});

test('a stream that is refused throws what the server said', async () => {
  const baseUrl = await serve(() => ({ status: 404, type: 'application/problem+json', body: '{"detail":"no such order"}' }));
  await expect(all(readEvents({ baseUrl, key: 'k', path: '/x' }))).rejects.toThrow('no such order');
});
