import { randomBytes } from 'node:crypto';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { WaybillError } from '@waybill/kernel/errors';
import { openEventStream } from '@waybill/kernel/event-stream';
import { closeHttp, createHttp } from '@waybill/kernel/http';
import { internalRoutes } from '@waybill/kernel/internal-routes';
import { silentLogger } from '@waybill/kernel/log';
import { createMetrics } from '@waybill/kernel/metrics';
import { createReadiness } from '@waybill/kernel/readiness';
import { Text } from '@waybill/kernel/schemas';
import { Secret } from '@waybill/kernel/secret';
import { bearerOf, createTokens } from '@waybill/kernel/tokens';
import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAuthentication, gatewayRoutes, type PublicService } from './service.ts';

const tokens = createTokens({ keys: new Secret(`k1:${randomBytes(32).toString('base64')}`) });
const key = 'wbk_test';
const authorization = `Bearer ${key}`;
const common = { log: silentLogger, meter: createMetrics().meter, readiness: createReadiness([]) };
const streams: AbortSignal[] = [];

/** A service in a process of its own, as the gateway sees it. */
const routes: FastifyPluginAsyncTypebox = async (app) => {
  const config = { permission: 'orders:write' } as const;
  const body = Type.Object({ note: Text({ max: 100 }) }, { additionalProperties: false });
  app.post(
    '/v1/orders',
    { config, schema: { body, querystring: Type.Object({ tag: Type.Optional(Text({ max: 9 })) }) } },
    async (request, reply) => {
      reply.code(201).header('location', '/v1/orders/ord_1').header('etag', '"1"');
      return {
        note: request.body.note,
        tag: request.query.tag ?? null,
        caller: request.principal,
        requestId: request.id,
        key: request.headers['idempotency-key'],
      };
    },
  );
  app.get('/v1/orders/:id', { config }, async () => {
    throw new WaybillError('not_found', 'order ord_2 does not exist');
  });
  app.get('/v1/orders/:id/stream', { config, exposeHeadRoute: false }, async (request, reply) => {
    const stream = openEventStream(reply);
    streams.push(stream.signal);
    stream.send({ id: String(request.headers['last-event-id'] ?? 1), event: 'order.placed', data: { n: 1 } });
    return reply;
  });
};

async function openUpstream(): Promise<FastifyInstance> {
  const app = await createHttp({
    ...common,
    name: 'upstream',
    authenticate: ({ headers }) => tokens.verifyCaller(bearerOf(headers.authorization)),
    trustRequestId: true,
  });
  await app.register(routes);
  await app.register(internalRoutes({ service: 'orders', calls: { secret: async () => 'secret' }, tokens }));
  return app;
}

async function openGateway(upstreams: Partial<Record<PublicService, string>>): Promise<FastifyInstance> {
  const authenticate = createAuthentication({ adminKey: new Secret(key) });
  const app = await createHttp({ ...common, readiness: createReadiness([]), name: 'gateway', authenticate });
  await app.register(gatewayRoutes({ document: '{"openapi":"3.1.0"}', upstreams, tokens, log: silentLogger }));
  return app;
}

const listen = (app: FastifyInstance): Promise<string> => app.listen({ host: '127.0.0.1', port: 0 });

let upstream: FastifyInstance;
let gateway: FastifyInstance;
let url: string;
beforeAll(async () => {
  upstream = await openUpstream();
  gateway = await openGateway({ orders: await listen(upstream), billing: 'http://127.0.0.1:1' });
  url = await listen(gateway);
});
afterAll(async () => {
  await closeHttp(gateway, 1_000);
  await closeHttp(upstream, 1_000);
});

const send = (path: string, init: RequestInit & { duplex?: 'half' } = {}): Promise<Response> =>
  fetch(`${url}${path}`, { ...init, headers: { authorization, ...init.headers } });
const post = (body: string | Uint8Array<ArrayBuffer>, type = 'application/json'): Promise<Response> =>
  send('/v1/orders', { method: 'POST', body, headers: { 'content-type': type } });

async function expectProblem(response: Response, status: number, code: string): Promise<{ requestId: string; detail: string }> {
  expect(response.status).toBe(status);
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  const problem = (await response.json()) as { requestId: string; detail: string };
  expect(problem).toMatchObject({ code, status, requestId: response.headers.get('x-request-id') });
  return problem;
}

test('a request reaches the service that owns its path, with a token for its caller and never with the key', async () => {
  const response = await send('/v1/orders?tag=a%20b', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': 'k-1' },
    body: '{"note":"naïve 👩‍👧"}',
  });
  expect(response.status).toBe(201);
  expect(response.headers.get('location')).toBe('/v1/orders/ord_1');
  expect(response.headers.get('etag')).toBe('"1"');
  expect(await response.json()).toEqual({
    note: 'naïve 👩‍👧',
    tag: 'a b',
    key: 'k-1',
    caller: { id: 'key_admin', roles: ['admin'], permissions: ['*'] },
    requestId: response.headers.get('x-request-id'),
  });
});

test("a service's refusal passes through as it is", async () => {
  const missing = await expectProblem(await send('/v1/orders/ord_2'), 404, 'not_found');
  expect(missing.detail).toBe('order ord_2 does not exist');
  await expectProblem(await post('{"note":'), 400, 'invalid');
  await expectProblem(await post('{"note":1}'), 400, 'invalid');
  await expectProblem(await post('note=1', 'text/plain'), 415, 'unsupported_media_type');
  await expectProblem(await post(Buffer.from([0x7b, 0xff, 0x7d])), 400, 'invalid');
});

test('a body over the limit is refused before it is passed on', async () => {
  await expectProblem(await post(Buffer.alloc(50_000_000, 'x')), 413, 'too_large');
});

test('a service that is out is a 503 that says when to try again', async () => {
  const response = await send('/v1/payments');
  expect(response.headers.get('retry-after')).toBe('1');
  const { detail } = await expectProblem(response, 503, 'unavailable');
  expect(detail).toBe('the billing service does not answer right now');
  expect(detail).not.toContain('127.0.0.1');
});

test('internal routes cannot be reached, in whatever spelling', async () => {
  await expectProblem(
    await send('/internal/orders/secret', { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }),
    404,
    'not_found',
  );
  for (const path of [
    '/v1/orders/../../internal/orders/secret',
    '/v1/orders/%2e%2e/%2e%2e/internal/orders/secret',
    '/v1/orders/..%2f..%2finternal',
  ]) {
    const response = await gateway.inject({
      method: 'POST',
      url: path,
      headers: { authorization, 'content-type': 'application/json' },
      payload: '{}',
    });
    expect([400, 404]).toContain(response.statusCode);
  }
});

test('an internal route wants a service token: neither the key nor a caller token opens it', async () => {
  const address = `http://127.0.0.1:${(upstream.server.address() as { port: number }).port}/internal/orders/secret`;
  const call = (token: string) =>
    fetch(address, { method: 'POST', body: '{}', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' } });
  await expectProblem(await call(key), 401, 'unauthenticated');
  await expectProblem(await call(await tokens.mintCaller({ id: 'x', roles: [], permissions: ['*'] })), 401, 'unauthenticated');
  const answer = await call(await tokens.mintService('billing'));
  expect(await answer.json()).toEqual({ result: 'secret' });
  const asCaller = await fetch(address.replace('/internal/orders/secret', '/v1/orders/ord_2'), {
    headers: { authorization: `Bearer ${await tokens.mintService('billing')}` },
  });
  await expectProblem(asCaller, 401, 'unauthenticated');
});

test('only the right key opens anything but health and the documentation', async () => {
  for (const path of ['/v1/orders', '/v1/payments', '/', '/v2', '/internal/orders/secret']) {
    await expectProblem(await fetch(`${url}${path}`), 401, 'unauthenticated');
    await expectProblem(await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${key}x` } }), 401, 'unauthenticated');
  }
  for (const path of ['/healthz', '/readyz', '/openapi.json', '/docs', '/docs/js/scalar.js'])
    expect((await fetch(`${url}${path}`)).status).toBe(200);
  await expectProblem(await send('/v1/nothing'), 404, 'not_found');
});

test('the documentation page comes from here alone, and its policy lets it ask nobody else', async () => {
  const response = await fetch(`${url}/docs/`);
  const page = await response.text();
  expect(page).toContain('"url": "/openapi.json"');
  expect(page).not.toMatch(/(src|href)="(https?:)?\/\//);
  expect(response.headers.get('content-security-policy')).toContain("connect-src 'self'");
});

test('events flow through one by one, and a reader that leaves is missed upstream too', async () => {
  const reader = new AbortController();
  const response = await send('/v1/orders/ord_1/stream', { signal: reader.signal, headers: { 'last-event-id': '7' } });
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  const chunks = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (!text.includes('data: {"n":1}')) text += (await chunks.read()).value ?? '';
  expect(text).toContain('id: 7\nevent: order.placed\n');
  expect(streams.at(-1)?.aborted).toBe(false);
  reader.abort();
  await expect.poll(() => streams.at(-1)?.aborted).toBe(true);
});

test('a gateway that drains ends its event streams', async () => {
  const other = await openGateway({ orders: `http://127.0.0.1:${(upstream.server.address() as { port: number }).port}` });
  const response = await fetch(`${await listen(other)}/v1/orders/ord_1/stream`, { headers: { authorization } });
  const text = response.text();
  const startedAt = performance.now();
  await closeHttp(other, 10_000);
  expect(await text).toContain('order.placed');
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});
