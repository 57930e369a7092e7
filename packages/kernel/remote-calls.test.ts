import { createServer, type Server } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import type { CallsDefinition } from './calls.ts';
import { WaybillError } from './errors.ts';
import { createHttp } from './http.ts';
import { internalRoutes } from './internal-routes.ts';
import { silentLogger } from './log.ts';
import { createMetrics } from './metrics.ts';
import { createReadiness } from './readiness.ts';
import { remoteCalls } from './remote-calls.ts';
import { Secret } from './secret.ts';
import { createTokens } from './tokens.ts';

type StockCalls = {
  count(input: { sku: string }): Promise<{ onHand: number }>;
  forget(input: { sku: string }): Promise<null>;
  break(input: { how: string }): Promise<never>;
};
const stockCalls: CallsDefinition<StockCalls> = { service: 'stock', names: ['count', 'forget', 'break'] };

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const tokens = createTokens({ keys: new Secret(`k1:${Buffer.alloc(32, 7).toString('base64')}`) });

async function startStock(calls: StockCalls): Promise<string> {
  const metrics = createMetrics();
  const app = await createHttp({
    name: 'stock',
    log: silentLogger,
    meter: metrics.meter,
    authenticate: () => ({ id: 'nobody', roles: [], permissions: [] }),
    readiness: createReadiness([]),
  });
  await app.register(internalRoutes({ service: 'stock', calls, tokens }));
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  closing.push(() => app.close());
  return url;
}

const calls: StockCalls = {
  count: async ({ sku }) => ({ onHand: sku.length }),
  forget: async () => null,
  break: async ({ how }) => {
    if (how === 'conflict')
      throw new WaybillError('conflict', 'stock is short', { errors: [{ field: 'lines[0].quantity', message: 'is too much' }] });
    if (how === 'unavailable') throw new WaybillError('unavailable', 'the database is away', { retryAfter: 7 });
    throw new Error('a bug with a secret in it');
  },
};

const client = (baseUrl: string, timeoutMs = 2_000) =>
  remoteCalls(stockCalls, { baseUrl, token: () => tokens.mintService('orders'), timeoutMs });

async function raw(handler: Parameters<typeof createServer>[1]): Promise<string> {
  const server: Server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('no address');
  return `http://127.0.0.1:${address.port}`;
}

test('a remote call gives what the implementation gives', async () => {
  const remote = client(await startStock(calls));
  expect(await remote.count({ sku: 'MUG-BLUE' })).toEqual({ onHand: 8 });
  expect(await remote.forget({ sku: 'x' })).toBeNull();
});

test('what the implementation throws comes back with its code, its message and its fields', async () => {
  const remote = client(await startStock(calls));
  await expect(remote.break({ how: 'conflict' })).rejects.toMatchObject({
    name: 'WaybillError',
    code: 'conflict',
    message: 'stock is short',
    errors: [{ field: 'lines[0].quantity', message: 'is too much' }],
  });
  await expect(remote.break({ how: 'unavailable' })).rejects.toMatchObject({ code: 'unavailable', retryAfter: 7 });
});

test('a bug over there is a bug here, not an answer, and tells nothing of its cause', async () => {
  const error = await client(await startStock(calls))
    .break({ how: 'bug' })
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Error);
  expect(error).not.toBeInstanceOf(WaybillError);
  expect(String(error)).not.toContain('secret');
});

test('a service that does not listen, hangs up or hangs is unavailable', async () => {
  const gone = client('http://127.0.0.1:1');
  await expect(gone.count({ sku: 'a' })).rejects.toMatchObject({ code: 'unavailable' });
  const rude = client(await raw((request) => request.socket.destroy()));
  await expect(rude.count({ sku: 'a' })).rejects.toMatchObject({ code: 'unavailable' });
  const slow = client(await raw(() => undefined), 50);
  await expect(slow.count({ sku: 'a' })).rejects.toMatchObject({ code: 'unavailable', message: 'stock did not answer within 50 ms' });
});

test('a proxy that answers for a missing service, and a token that is refused, are unavailable', async () => {
  const proxy = client(await raw((_request, response) => response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>bad</h1>')));
  await expect(proxy.count({ sku: 'a' })).rejects.toMatchObject({ code: 'unavailable' });
  const url = await startStock(calls);
  const wrong = remoteCalls(stockCalls, { baseUrl: url, token: async () => 'not-a-token', timeoutMs: 2_000 });
  await expect(wrong.count({ sku: 'a' })).rejects.toMatchObject({ code: 'unavailable' });
});
