import { connect } from 'node:net';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { metrics } from '@opentelemetry/api';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import Type from 'typebox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WaybillError } from './errors.ts';
import { openEventStream } from './event-stream.ts';
import { closeHttp, createHttp } from './http.ts';
import { type LogFields, type Logger, silentLogger } from './log.ts';
import { createMetrics } from './metrics.ts';
import { createReadiness } from './readiness.ts';
import { Code, Id, MoneySchema, Nullable, pageQuery, Text, Variants } from './schemas.ts';
import { bearerOf } from './tokens.ts';

const Body = Type.Object(
  {
    lines: Type.Array(
      Type.Object({ sku: Code(), quantity: Type.Integer({ minimum: 1, maximum: 1_000 }) }, { additionalProperties: false }),
      { minItems: 1, maxItems: 5 },
    ),
    note: Type.Optional(Text({ max: 20 })),
    limit: Type.Optional(Nullable(MoneySchema)),
    delivery: Type.Optional(
      Variants('method', [
        Type.Object({ method: Type.Literal('ship'), country: Text({ max: 2 }) }, { additionalProperties: false }),
        Type.Object({ method: Type.Literal('pickup'), locationId: Text({ max: 30 }) }, { additionalProperties: false }),
      ]),
    ),
    choice: Type.Optional(
      Type.Union([
        Type.Object({ kind: Type.Literal('a'), size: Type.Integer() }, { additionalProperties: false }),
        Type.Object({ kind: Type.Literal('b'), name: Type.String() }, { additionalProperties: false }),
      ]),
    ),
  },
  { additionalProperties: false },
);

let release: (() => void) | undefined;
const routes: FastifyPluginAsyncTypebox = async (app) => {
  const config = { permission: 'orders:write' } as const;
  app.post('/v1/things', { config, schema: { body: Body } }, async ({ body }, reply) => {
    reply.code(201);
    return { total: body.lines.reduce((sum, { quantity }) => sum + quantity, 0), note: body.note ?? null };
  });
  app.get(
    '/v1/things',
    { config, schema: { querystring: Type.Object(pageQuery, { additionalProperties: false }) } },
    async ({ query }) => ({
      limit: query.limit,
    }),
  );
  app.get('/v1/things/:id', { config, schema: { params: Type.Object({ id: Id('thg') }) } }, async ({ params }) => params);
  app.get('/v1/broken', { config }, async () => {
    throw new Error('password=hunter2 at db.internal:5432');
  });
  app.get('/v1/busy', { config }, async () => {
    throw new WaybillError('unavailable', 'the warehouse is closed', { retryAfter: 1.2 });
  });
  app.get('/v1/database', { config }, async () => {
    throw Object.assign(new Error('connect ECONNREFUSED 10.0.0.7:5432'), { code: 'ECONNREFUSED' });
  });
  app.get('/v1/slow', { config }, async () => {
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    return { done: true };
  });
  app.get('/v1/stream', { config }, async (_request, reply) => {
    const stream = openEventStream(reply);
    stream.send({ id: '1', event: 'hello', data: { text: 'line\nbreak' } });
    return reply;
  });
  app.get('/v1/secret', { config: { permission: 'secrets:read' } }, async () => ({ secret: true }));
};

const logged: { level: string; message: string; fields: LogFields | undefined }[] = [];
const log: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: (message, fields) => void logged.push({ level: 'error', message, fields }),
  child: () => log,
};

async function open(): Promise<FastifyInstance> {
  const measured = createMetrics();
  const app = await createHttp({
    name: 'test',
    log,
    meter: measured.meter,
    authenticate: ({ headers }) => {
      if (bearerOf(headers.authorization) !== 'key') throw new WaybillError('unauthenticated', 'the key is not known');
      return { id: 'key_test', roles: [], permissions: ['orders:write', 'orders:read'] };
    },
    readiness: createReadiness([]),
    metrics: { text: measured.text, allow: () => true },
  });
  await app.register(routes);
  await app.ready();
  return app;
}

let app: FastifyInstance;
beforeAll(async () => {
  app = await open();
});
afterAll(() => app.close());

const authorization = 'Bearer key';
const post = (payload: unknown, headers: Record<string, string> = {}): Promise<LightMyRequestResponse> =>
  app.inject({
    method: 'POST',
    url: '/v1/things',
    headers: { authorization, 'content-type': 'application/json', ...headers },
    payload: typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload),
  });
const get = (url: string): Promise<LightMyRequestResponse> => app.inject({ url, headers: { authorization } });
const good = { lines: [{ sku: 'MUG-BLUE', quantity: 2 }] };

function expectProblem(response: LightMyRequestResponse, status: number, code: string, fields: string[] = []): void {
  expect(response.statusCode).toBe(status);
  expect(response.headers['content-type']).toContain('application/problem+json');
  const problem = response.json();
  expect(problem).toMatchObject({ type: `urn:waybill:problem:${code}`, code, status, requestId: expect.stringMatching(/^req_/) });
  expect(problem.requestId).toBe(response.headers['x-request-id']);
  expect((problem.errors ?? []).map(({ field }: { field: string }) => field)).toEqual(fields);
}

test('a good request is answered, and its answer carries a request id', async () => {
  const response = await post(good);
  expect(response.statusCode).toBe(201);
  expect(response.json()).toEqual({ total: 2, note: null });
  expect(response.headers['x-request-id']).toMatch(/^req_/);
});

test.each([
  ['quantity 0', { lines: [{ sku: 'A', quantity: 0 }] }, ['lines[0].quantity']],
  ['quantity -3', { lines: [{ sku: 'A', quantity: -3 }] }, ['lines[0].quantity']],
  ['quantity 1.5', { lines: [{ sku: 'A', quantity: 1.5 }] }, ['lines[0].quantity']],
  ['quantity 10^12', { lines: [{ sku: 'A', quantity: 1e12 }] }, ['lines[0].quantity']],
  ['quantity as text', { lines: [{ sku: 'A', quantity: '2' }] }, ['lines[0].quantity']],
  ['quantity true', { lines: [{ sku: 'A', quantity: true }] }, ['lines[0].quantity']],
  ['one line instead of a list', { lines: { sku: 'A', quantity: 1 } }, ['lines']],
  ['no lines', { lines: [] }, ['lines']],
  ['10,000 lines', { lines: Array.from({ length: 10_000 }, () => ({ sku: 'A', quantity: 1 })) }, ['lines']],
  ['lines missing', {}, ['lines']],
  ['an unknown field', { ...good, extra: 1 }, ['extra']],
  ['an unknown field in a line', { lines: [{ sku: 'A', quantity: 1, price: -1 }] }, ['lines[0].price']],
  ['two problems', { lines: [{ sku: '', quantity: 0 }] }, ['lines[0].sku', 'lines[0].quantity']],
  ['a NUL', { ...good, note: 'a\u0000b' }, ['note']],
  ['a control character', { ...good, note: 'a\u001bb' }, ['note']],
  ['half a surrogate pair', { ...good, note: 'a\ud800' }, ['note']],
  ['text that is too long', { ...good, note: 'x'.repeat(21) }, ['note']],
  ['a negative price', { ...good, limit: { amount: -1, currency: 'EUR' } }, ['limit.amount']],
  ['a currency in small letters', { ...good, limit: { amount: 1, currency: 'eur' } }, ['limit.currency']],
  ['an unknown variant', { ...good, delivery: { method: 'drone' } }, ['delivery.method']],
  ['a variant without its field', { ...good, delivery: { method: 'pickup' } }, ['delivery.locationId']],
  ['a field of the other alternative', { ...good, choice: { kind: 'b', name: 'x', size: 1 } }, ['choice.size']],
  ['a control character where no pattern was declared', { ...good, choice: { kind: 'b', name: '\u0001' } }, ['choice.name']],
  ['an array as the body', [], ['body']],
  ['null as the body', null, ['body']],
])('%s is a 400 that names the field', async (_name, payload, fields) => {
  const response = await post(payload);
  expectProblem(
    response,
    400,
    'invalid',
    response.json().errors.map(({ field }: { field: string }) => field),
  );
  expect([...new Set(response.json().errors.map(({ field }: { field: string }) => field))]).toEqual(fields);
});

test('text of every script, markup and SQL comes back as it was', async () => {
  for (const note of ["Robert'); DROP", '<script>&amp;', '日本語 עברית', '👩‍👩‍👧 e\u0301', '\u202Ertl \uFEFF']) {
    expect((await post({ ...good, note })).json()).toMatchObject({ note });
  }
});

test('malformed, empty, poisoned and wrongly encoded JSON is a 400', async () => {
  for (const body of ['{"lines":', 'nonsense', '', '{"__proto__": {"admin": true}}', '{"constructor":{"prototype":{}}}']) {
    expectProblem(await post(body), 400, 'invalid', ['body']);
  }
  expectProblem(await post(Buffer.from([0x22, 0xff, 0xfe, 0x22])), 400, 'invalid', ['body']);
});

test('a content type that is not JSON is a 415', async () => {
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/xml', 'nonsense']) {
    expectProblem(await post('lines=1', { 'content-type': type }), 415, 'unsupported_media_type');
  }
});

test('a body over the limit is a 413, declared or streamed, and the listener stays well', async () => {
  expectProblem(await post(`"${'x'.repeat(1_048_576)}"`), 413, 'too_large');
  await using server = await listening();
  const headers = { authorization, 'content-type': 'application/json' };
  const big = await fetch(`${server.url}/v1/things`, { method: 'POST', headers, body: Buffer.alloc(50_000_000, 'x') });
  expect(big.status).toBe(413);
  const chunks = new ReadableStream({
    start(controller) {
      for (let i = 0; i < 40; i++) controller.enqueue(Buffer.alloc(65_536, 'x'));
      controller.close();
    },
  });
  const streamed = await fetch(`${server.url}/v1/things`, { method: 'POST', headers, body: chunks, duplex: 'half' });
  expect(streamed.status).toBe(413);
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
});

test('query fields are read as text: a number is one, an unknown or repeated field is refused', async () => {
  expect((await get('/v1/things?limit=7')).json()).toEqual({ limit: 7 });
  expect((await get('/v1/things')).json()).toEqual({ limit: 50 });
  for (const query of ['limit=0', 'limit=201', 'limit=x', 'limit=1&limit=2', 'limit=']) {
    expectProblem(await get(`/v1/things?${query}`), 400, 'invalid', ['limit']);
  }
  expectProblem(await get('/v1/things?cursor=%00'), 400, 'invalid', ['cursor']);
  expectProblem(await get('/v1/things?colour=red'), 400, 'invalid', ['colour']);
});

test('a route that takes no query fields refuses all', async () => {
  expectProblem(await get('/v1/busy?dryrun=true'), 400, 'invalid', ['dryrun']);
});

test('a malformed id or path is a 400, an unknown path a 404', async () => {
  expectProblem(await get('/v1/things/thg_%00'), 400, 'invalid', ['id']);
  expectProblem(await get('/v1/things/%zz'), 400, 'invalid');
  expectProblem(await get('/v1/nothing?x=1'), 404, 'not_found');
  expectProblem(await app.inject({ method: 'DELETE', url: '/v1/things', headers: { authorization } }), 404, 'not_found');
});

test('a route for GET is none for HEAD', async () => {
  for (const url of ['/v1/things', '/healthz']) {
    expect((await app.inject({ method: 'HEAD', url, headers: { authorization } })).statusCode).toBe(404);
  }
});

test('nothing but health answers without a key, not even an unknown path', async () => {
  for (const url of ['/v1/things', '/v1/nothing', '/', '/healthz/']) expectProblem(await app.inject(url), 401, 'unauthenticated');
  for (const header of ['key', 'Basic key', 'Bearer', 'Bearer other', 'Bearer key extra']) {
    expectProblem(await app.inject({ url: '/v1/things', headers: { authorization: header } }), 401, 'unauthenticated');
  }
  for (const url of ['/healthz', '/readyz', '/metrics']) expect((await app.inject(url)).statusCode).toBe(200);
});

test('a principal without the permission gets a 403', async () => {
  expectProblem(await get('/v1/secret'), 403, 'forbidden');
});

test('a bug is a bare 500, and its cause is in the log under the request id', async () => {
  const response = await get('/v1/broken');
  expectProblem(response, 500, 'internal');
  expect(response.body).not.toContain('hunter2');
  expect(response.body).not.toContain('.ts');
  expect(logged.at(-1)).toMatchObject({ level: 'error', fields: { requestId: response.json().requestId, route: '/v1/broken' } });
});

test('an outage is a 503 that says when to try again and nothing about the machinery', async () => {
  const busy = await get('/v1/busy');
  expectProblem(busy, 503, 'unavailable');
  expect(busy.headers['retry-after']).toBe('2');
  const database = await get('/v1/database');
  expectProblem(database, 503, 'unavailable');
  expect(database.body).not.toContain('10.0.0.7');
});

test('a route without a permission stops the start', async () => {
  const other = await createHttp({
    name: 'test',
    log: silentLogger,
    meter: metrics.getMeter('none'),
    authenticate: () => ({ id: 'nobody', roles: [], permissions: [] }),
    readiness: createReadiness([]),
  });
  expect(() => other.get('/v1/open', async () => ({}))).toThrow('the route GET /v1/open declares no permission');
  await other.close();
});

test('a header that must be single is refused when it comes twice', async () => {
  await using server = await listening();
  const lines = ['POST /v1/things HTTP/1.1', 'host: x', 'authorization: Bearer key', 'content-type: application/json', 'content-length: 2'];
  const answer = await raw(server.port, [...lines, 'idempotency-key: a', 'Idempotency-Key: b', '', '{}'].join('\r\n'));
  expect(answer).toContain('400 Bad Request');
  expect(answer).toContain('"field":"idempotency-key"');
  const twoKeys = await raw(server.port, [...lines, 'Authorization: Bearer other', '', '{}'].join('\r\n'));
  expect(twoKeys).toContain('400 Bad Request');
});

test('what is not HTTP gets a problem document and a closed connection', async () => {
  await using server = await listening();
  const answer = await raw(server.port, 'NONSENSE\r\n\r\n');
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(answer).toContain('application/problem+json');
  expect(await raw(server.port, `GET / HTTP/1.1\r\nhost: x\r\nx-long: ${'x'.repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
});

test('requests are counted by route, method and status', async () => {
  await get('/v1/things');
  const { body } = await app.inject('/metrics');
  expect(body).toMatch(/http_server_request_duration_seconds_count\{.*route="\/v1\/things".*method="GET".*status="200".*\} \d+/);
  expect(body).toContain('process_resident_memory_bytes');
});

test('closing finishes the request in progress, ends event streams and is not ready from then on', async () => {
  const server = await listening();
  const headers = { authorization };
  const slow = fetch(`${server.url}/v1/slow`, { headers });
  const stream = await fetch(`${server.url}/v1/stream`, { headers });
  expect(stream.headers.get('content-type')).toContain('text/event-stream');
  await expect.poll(() => release).toBeDefined();
  const closed = closeHttp(server.app, 10_000);
  expect(await stream.text()).toBe(': open\n\nid: 1\nevent: hello\ndata: {"text":"line\\nbreak"}\n\n');
  await expect
    .poll(() =>
      fetch(`${server.url}/healthz`).then(
        () => 'open',
        () => 'closed',
      ),
    )
    .toBe('closed');
  release?.();
  const answer = await slow;
  expect(answer.status).toBe(200);
  expect(await answer.json()).toEqual({ done: true });
  await closed;
});

async function listening(): Promise<AsyncDisposable & { app: FastifyInstance; url: string; port: number }> {
  const server = await open();
  const url = await server.listen({ port: 0, host: '127.0.0.1' });
  return { app: server, url, port: Number(new URL(url).port), [Symbol.asyncDispose]: () => closeHttp(server, 1_000) };
}

/** Sends bytes as they are and returns all that comes back until the other side closes, or a second of silence. */
function raw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    let answer = '';
    socket.setTimeout(1_000, () => socket.destroy());
    socket.on('data', (chunk) => {
      answer += chunk.toString();
      if (answer.includes('"requestId"')) socket.destroy();
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}
