import { createServer } from 'node:net';
import { seedCatalog } from '@waybill/catalog/seed';
import { runSql } from '@waybill/embedded/test-database';
import { openDatabase } from '@waybill/kernel/database';
import { silentLogger } from '@waybill/kernel/log';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningProcess, startProcess } from './process.ts';
import { parseRoles } from './roles.ts';
import { databaseUrlOf, loadServerSettings } from './settings.ts';
import { adminKey, type Installation, openInstallation } from './testing.ts';

let installation: Installation;
beforeAll(async () => {
  installation = openInstallation();
  await installation.migrate();
  const settings = loadServerSettings(parseRoles(['all']), { environment: installation.environment });
  const catalog: Parameters<typeof seedCatalog>[0] = openDatabase({
    url: databaseUrlOf(settings, 'catalog'),
    max: 1,
    name: 'seed',
    log: silentLogger,
  });
  await seedCatalog(catalog).finally(catalog.close);
});
afterAll(() => installation[Symbol.asyncDispose]());

type Started = RunningProcess & AsyncDisposable;

async function start(names: string[], extra: Record<string, string> = {}, from = installation): Promise<Started> {
  const roles = parseRoles(names);
  const settings = loadServerSettings(roles, { environment: { ...from.environment, ...extra } });
  const running = await startProcess({ roles, settings, log: silentLogger });
  return { ...running, [Symbol.asyncDispose]: running.close };
}

const get = (url: string, path: string, key = adminKey): Promise<Response> =>
  fetch(`${url}${path}`, { headers: { authorization: `Bearer ${key}` } });

const order = {
  currency: 'EUR',
  lines: [{ sku: 'MUG-BLUE', quantity: 2 }],
  delivery: {
    method: 'ship',
    shippingMethod: 'standard',
    address: { name: 'Ada', line1: '1 Way', postalCode: '10115', city: 'Berlin', country: 'DE' },
  },
  payment: { provider: 'simulated', token: 'tok_approve' },
};

const place = (url: string): Promise<Response> =>
  fetch(`${url}/v1/orders`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(order),
  });

type Report = { ready: boolean; draining: boolean; checks: { name: string; ok: boolean; needed: boolean; error?: string }[] };

async function readyz(url: string): Promise<{ status: number; report: Report }> {
  const response = await fetch(`${url}/readyz`);
  return { status: response.status, report: (await response.json()) as Report };
}

const untilReady = (url: string) => expect.poll(async () => (await readyz(url)).status, { timeout: 15_000 }).toBe(200);

test('with Temporal down every role starts, is ready, accepts orders and lists them', async () => {
  await using all = await start(['all']);
  await untilReady(all.url);
  const { report } = await readyz(all.url);
  expect(report.checks.find(({ name }) => name === 'temporal')).toMatchObject({ ok: false, needed: false });
  const answer = await place(all.url);
  expect(answer.status).toBe(201);
  const { id } = (await answer.json()) as { id: string };
  const list = (await (await get(all.url, '/v1/orders')).json()) as { items: { id: string; status: string }[] };
  expect(list.items).toContainEqual(expect.objectContaining({ id, status: 'pending' }));
  expect((await get(all.url, `/v1/orders/${id}`)).status).toBe(200);
});

test('the same request gets the same answer when gateway, APIs and callers are processes of their own', async () => {
  await using catalog = await start(['catalog-api']);
  await using others = await start(['inventory-api', 'billing-api', 'shipping-api'], { CATALOG_URL: catalog.url });
  const urls = { CATALOG_URL: catalog.url, INVENTORY_URL: others.url, BILLING_URL: others.url, SHIPPING_URL: others.url };
  await using orders = await start(['orders-api'], urls);
  await using gateway = await start(['gateway'], { ...urls, ORDERS_URL: orders.url });
  for (const { url } of [catalog, others, orders, gateway]) await untilReady(url);
  const answer = await place(gateway.url);
  expect(answer.status).toBe(201);
  expect(answer.headers.get('location')).toMatch(/^\/v1\/orders\/ord_/);
  const bad = await fetch(`${gateway.url}/v1/orders`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...order, lines: [{ sku: 'NO-SUCH-THING', quantity: 1 }] }),
  });
  expect(bad.status).toBe(400);
  expect(await bad.json()).toMatchObject({
    code: 'invalid',
    errors: [{ field: 'lines[0].sku' }],
    requestId: bad.headers.get('x-request-id'),
  });
  expect((await get(orders.url, '/v1/orders')).status).toBe(401); // the key is the gateway's; a service takes tokens only
  await catalog.close();
  const without = await place(gateway.url);
  expect(without.status).toBe(503);
  expect(await without.json()).toMatchObject({ code: 'unavailable' });
});

test('a process waits for its schema, says so, and begins by itself when it is there', async () => {
  await using fresh = openInstallation();
  await using all = await start(['all'], {}, fresh);
  expect((await fetch(`${all.url}/healthz`)).status).toBe(200);
  const before = await readyz(all.url);
  expect(before.status).toBe(503);
  expect(before.report.checks[0]).toMatchObject({ name: 'postgres catalog', ok: false, needed: true });
  const refused = await get(all.url, '/v1/orders');
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('2');
  await fresh.migrate();
  await untilReady(all.url);
  expect((await get(all.url, '/v1/orders')).status).toBe(200);
});

test('a process is not ready while PostgreSQL is out, and ready again by itself', async () => {
  await using own = openInstallation();
  await own.migrate();
  await using running = await start(['catalog-api'], {}, own);
  await untilReady(running.url);
  const login = `${own.environment['DATABASE_PREFIX']}_catalog`;
  const admin = own.environment['DATABASE_URL'] ?? '';
  await runSql(admin, `alter role ${login} nologin`, `select pg_terminate_backend(pid) from pg_stat_activity where usename = '${login}'`);
  await expect.poll(async () => (await readyz(running.url)).status, { timeout: 10_000 }).toBe(503);
  await runSql(admin, `alter role ${login} login`);
  await untilReady(running.url);
});

test('a process with nothing but workers is not ready without Temporal', async () => {
  await using workers = await start(['catalog-worker', 'inventory-worker', 'orders-worker', 'billing-worker', 'shipping-worker']);
  const { status, report } = await readyz(workers.url);
  expect(status).toBe(503);
  expect(report.checks.find(({ name }) => name === 'temporal')).toMatchObject({ ok: false, needed: true });
  expect((await get(workers.url, '/v1/orders')).status).toBe(401);
});

test('what a process lacks stops its start with a sentence', async () => {
  await expect(start(['gateway'])).rejects.toThrow('CATALOG_URL is missing: the gateway passes requests on to the catalog service');
  await expect(start(['orders-worker'])).rejects.toThrow(/KAFKA_BROKERS is missing: catalog-worker, .* run in another process/);
  expect(() => loadServerSettings(parseRoles(['all']), { environment: {} })).toThrow(
    /ADMIN_API_KEY is missing[\s\S]*SERVICE_TOKEN_KEYS is missing/,
  );
  await expect(start(['catalog-api'], { DATABASE_URL: '' })).rejects.toThrow('DATABASE_URL is missing');
  await expect(start(['catalog-api'], { SERVICE_TOKEN_KEYS: 'k1:c2hvcnQ=' })).rejects.toThrow('SERVICE_TOKEN_KEYS must be');
  expect(() => parseRoles(['order-api'])).toThrow('order-api is not a role; did you mean orders-api?');
});

test('a taken port stops the start with a sentence that says what to do', async () => {
  const blocker = createServer().listen(0, '127.0.0.1');
  await expect.poll(() => blocker.listening).toBe(true);
  const { port } = blocker.address() as { port: number };
  await expect(start(['catalog-api'], { PORT: String(port) })).rejects.toThrow(`port ${port} on 127.0.0.1 is taken`);
  await new Promise((resolve) => blocker.close(resolve));
});

test('the internal listener beside the gateway takes tokens and no key, and the public one has no internal routes', async () => {
  await using all = await start(['all'], { INTERNAL_PORT: '0' });
  expect(all.internalUrl).toBeUndefined();
  const { freePort } = await import('@waybill/embedded/ports');
  await using both = await start(['all'], { INTERNAL_PORT: String(await freePort()) });
  const internal = both.internalUrl ?? '';
  await untilReady(internal);
  expect((await get(internal, '/v1/orders')).status).toBe(401);
  const call = { method: 'POST', headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' }, body: '{}' };
  expect((await fetch(`${internal}/internal/catalog/quote`, call)).status).toBe(401);
  expect((await fetch(`${both.url}/internal/catalog/quote`, call)).status).toBe(404);
});

test('metrics of the process are open to this machine, unless a proxy asks for somebody else', async () => {
  await using all = await start(['all']);
  const text = await (await fetch(`${all.url}/metrics`)).text();
  expect(text).toContain('process_resident_memory_bytes');
  expect((await fetch(`${all.url}/metrics`, { headers: { 'x-forwarded-for': '203.0.113.9' } })).status).toBe(401);
  const withKey = { authorization: `Bearer ${adminKey}`, 'x-forwarded-for': '203.0.113.9' };
  expect((await fetch(`${all.url}/metrics`, { headers: withKey })).status).toBe(200);
});
