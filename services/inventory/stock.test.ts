import { metrics } from '@opentelemetry/api';
import type { CatalogCalls } from '@waybill/catalog/contract';
import { openTestDatabase } from '@waybill/embedded/test-database';
import { loadSettings } from '@waybill/kernel/config';
import { createHttp } from '@waybill/kernel/http';
import { silentLogger } from '@waybill/kernel/log';
import { createReadiness } from '@waybill/kernel/readiness';
import type { ServiceContext } from '@waybill/kernel/service';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { InventoryCalls } from './contract.ts';
import { seedInventory } from './seed.ts';
import { inventory } from './service.ts';
import type { InventoryTables } from './tables.ts';

const migrations = [new URL('./migrations/', import.meta.url)];

type Bed = Awaited<ReturnType<typeof openInventory>>;
let bed: Bed;
beforeAll(async () => {
  bed = await openInventory();
});
afterAll(() => bed.close());

async function openInventory() {
  const opened = await openTestDatabase<InventoryTables>({ folders: migrations });
  const meter = metrics.getMeter('test');
  // The catalogue of this test knows every SKU but those that say otherwise.
  const catalog: Pick<CatalogCalls, 'findSkus'> = {
    findSkus: async ({ skus }) => ({ known: skus.filter((sku) => !sku.startsWith('NO-')) }),
  };
  const context = {
    settings: loadSettings(inventory.settings, {}),
    log: silentLogger,
    meter,
    database: opened.database,
    calls: () => catalog,
    wakeRelay: () => {},
  };
  const parts = inventory.create(context as unknown as ServiceContext<typeof inventory.settings, unknown>); // it uses nothing else
  const app = await createHttp({
    name: 'inventory',
    log: silentLogger,
    meter,
    authenticate: ({ headers }) => ({ id: String(headers['x-caller'] ?? 'key_admin'), roles: [], permissions: ['*'] }),
    readiness: createReadiness([]),
  });
  await app.register(parts.routes!);
  const send = async (method: 'GET' | 'POST', url: string, payload?: unknown, headers: Record<string, string> = {}) => {
    const json = payload === undefined ? {} : { payload: JSON.stringify(payload) };
    const type: Record<string, string> = payload === undefined ? {} : { 'content-type': 'application/json' };
    const response = await app.inject({ method, url, headers: { ...type, ...headers }, ...json });
    return { status: response.statusCode, body: response.json() };
  };
  return {
    database: opened.database,
    calls: parts.calls as unknown as InventoryCalls, // the service's own calls
    send,
    adjust: (body: object, headers?: Record<string, string>) => send('POST', '/v1/stock/adjustments', body, headers),
    async location(changes: object = {}) {
      const body = { name: 'Shop', country: 'DE', postalCode: '10115', ...changes };
      return (await send('POST', '/v1/locations', body)).body as { id: string };
    },
    async close() {
      await app.close();
      await opened[Symbol.asyncDispose]();
    },
  };
}

const fieldsOf = (response: { body: { errors?: { field: string }[] } }) => response.body.errors?.map(({ field }) => field);

test('locations are added, with an id of the caller or of ours, and listed page by page', async () => {
  const added = await bed.send('POST', '/v1/locations', {
    id: 'loc_berlin',
    name: 'Berlin',
    country: 'DE',
    postalCode: '10115',
    priority: 5,
  });
  expect(added).toEqual({ status: 201, body: { id: 'loc_berlin', name: 'Berlin', country: 'DE', postalCode: '10115', priority: 5 } });
  expect((await bed.location()).id).toMatch(/^loc_[0-9a-z]{26}$/);
  expect(fieldsOf(await bed.send('POST', '/v1/locations', { ...added.body, name: 'Again' }))).toEqual(['id']);
  const first = (await bed.send('GET', '/v1/locations?limit=1')).body;
  expect(first.items).toHaveLength(1);
  const rest = (await bed.send('GET', `/v1/locations?cursor=${first.nextCursor}`)).body;
  expect([...first.items, ...rest.items]).toContainEqual(added.body);
  expect(fieldsOf(await bed.send('POST', '/v1/locations', { id: 'Berlin', name: '', country: 'de', postalCode: '1' }))).toEqual([
    'id',
    'name',
    'country',
  ]);
});

test('a first adjustment makes the stock row, later ones change it, and each is a movement', async () => {
  const { id: locationId } = await bed.location();
  const first = await bed.adjust({ sku: 'PEN', locationId, delta: 10, reason: 'delivery' });
  expect(first).toMatchObject({
    status: 201,
    body: { sku: 'PEN', locationId, delta: 10, reason: 'delivery', orderId: null, onHand: 10, reserved: 0 },
  });
  expect((await bed.adjust({ sku: 'PEN', locationId, delta: -4, reason: 'broken' })).body).toMatchObject({ onHand: 6 });
  expect((await bed.send('GET', `/v1/stock?sku=PEN`)).body.items).toEqual([{ sku: 'PEN', locationId, onHand: 6, reserved: 0 }]);
  const { items } = (await bed.send('GET', `/v1/stock/movements?sku=PEN&locationId=${locationId}`)).body;
  expect(items.map(({ delta, onHand }: { delta: number; onHand: number }) => [delta, onHand])).toEqual([
    [-4, 6],
    [10, 10],
  ]);
});

test('an adjustment never goes below what is reserved, and says how far it can go', async () => {
  const { id: locationId } = await bed.location();
  await bed.adjust({ sku: 'INK', locationId, delta: 5, reason: 'delivery' });
  await bed.calls.reserveStock({
    orderId: 'o1',
    generation: 1,
    lines: [{ lineId: 'l1', sku: 'INK', quantity: 3 }],
    destination: { locationId },
  });
  const refused = await bed.adjust({ sku: 'INK', locationId, delta: -3, reason: 'count' });
  expect(refused).toMatchObject({ status: 409, body: { code: 'conflict', errors: [{ field: 'delta' }] } });
  expect(refused.body.detail).toBe(`${locationId} has 5 of INK, 3 of them reserved, so at most 2 can go, not 3`);
  expect((await bed.adjust({ sku: 'INK', locationId, delta: -2, reason: 'count' })).body).toMatchObject({ onHand: 3, reserved: 3 });
  expect((await bed.adjust({ sku: 'INK', locationId, delta: 1_000_000_000, reason: 'slip' })).status).toBe(409);
});

test('the same key and body is one adjustment, also from many at once; another body with it is refused', async () => {
  const { id: locationId } = await bed.location();
  const body = { sku: 'CUP', locationId, delta: 7, reason: 'delivery' };
  const key = { 'idempotency-key': 'delivery 1' };
  const answers = await Promise.all(Array.from({ length: 20 }, () => bed.adjust(body, key)));
  for (const answer of answers) expect(answer).toEqual(answers[0]);
  expect(answers[0]).toMatchObject({ status: 201, body: { onHand: 7 } });
  await bed.adjust({ ...body, delta: 1 });
  expect(await bed.adjust(body, key)).toEqual(answers[0]);
  for (const change of [{ delta: 8 }, { sku: 'MUG' }, { reason: 'gift' }]) {
    expect(await bed.adjust({ ...body, ...change }, key)).toMatchObject({ status: 409, body: { errors: [{ field: 'idempotency-key' }] } });
  }
  expect((await bed.adjust(body, { ...key, 'x-caller': 'key_other' })).body).toMatchObject({ onHand: 15 });
});

test('what cannot be adjusted is refused by field, and nothing changes', async () => {
  const { id: locationId } = await bed.location();
  const good = { sku: 'BOX', locationId, delta: 1, reason: 'delivery' };
  const cases: [object, number, string[]][] = [
    [{ locationId: 'loc_nowhere' }, 400, ['locationId']],
    [{ sku: 'NO-SUCH' }, 400, ['sku']],
    [{ sku: 'a b' }, 400, ['sku']],
    [{ delta: 0 }, 400, ['delta']],
    [{ delta: 0.5 }, 400, ['delta']],
    [{ delta: 1e12 }, 400, ['delta']],
    [{ delta: '1' }, 400, ['delta']],
    [{ delta: -1 }, 409, ['delta']],
    [{ reason: '' }, 400, ['reason']],
    [{ reason: 'a\u0000b' }, 400, ['reason']],
    [{ reason: '\ud800' }, 400, ['reason']],
    [{ user: 'me' }, 400, ['user']],
  ];
  for (const [change, status, fields] of cases) {
    const refused = await bed.adjust({ ...good, ...change });
    expect([refused.status, fieldsOf(refused)]).toEqual([status, fields]);
  }
  expect((await bed.send('GET', `/v1/stock?locationId=${locationId}`)).body.items).toEqual([]);
  const reason = `Robert'); DROP TABLE stock;-- <b>${'🫖'}</b>`;
  expect((await bed.adjust({ ...good, reason })).body.reason).toBe(reason);
});

test('lists of stock and movements page without gaps or repeats', async () => {
  const { id: locationId } = await bed.location();
  const skus = ['PAGE-1', 'PAGE-2', 'PAGE-3', 'PAGE-4', 'PAGE-5'];
  for (const sku of skus) await bed.adjust({ sku, locationId, delta: 1, reason: 'delivery' });
  for (const [list, expected] of [
    ['/v1/stock', skus],
    ['/v1/stock/movements', skus.toReversed()],
  ] as const) {
    const seen: string[] = [];
    for (let cursor = ''; ; ) {
      const { items, nextCursor } = (await bed.send('GET', `${list}?locationId=${locationId}&limit=2${cursor}`)).body;
      seen.push(...items.map(({ sku }: { sku: string }) => sku));
      if (!nextCursor) break;
      cursor = `&cursor=${nextCursor}`;
    }
    expect(seen).toEqual(expected);
    expect(fieldsOf(await bed.send('GET', `${list}?cursor=e30`))).toEqual(['cursor']);
  }
});

test('the demo stock is there after seeding, and what was sold or moved stays so', async () => {
  await using opened = await openTestDatabase<InventoryTables>({ folders: migrations });
  const { db } = opened.database;
  await seedInventory(opened.database);
  await db.updateTable('stock').set({ on_hand: 0 }).where('sku', '=', 'PRINT-LTD').execute();
  await db.updateTable('location').set({ name: 'Mine' }).where('id', '=', 'loc_south').execute();
  await seedInventory(opened.database);
  const rows = await db.selectFrom('stock').select(['sku', 'location_id', 'on_hand']).orderBy('sku').execute();
  expect(rows).toEqual([
    { sku: 'CAP-RED', location_id: 'loc_south', on_hand: 1_000_000 },
    { sku: 'MUG-BLUE', location_id: 'loc_north', on_hand: 1_000_000 },
    { sku: 'PRINT-LTD', location_id: 'loc_north', on_hand: 0 },
    { sku: 'TEE-M', location_id: 'loc_north', on_hand: 1_000_000 },
    { sku: 'VINYL-OLD', location_id: 'loc_north', on_hand: 0 },
  ]);
  expect(await db.selectFrom('location').select(['id', 'name']).where('id', '=', 'loc_south').execute()).toEqual([
    { id: 'loc_south', name: 'Mine' },
  ]);
  expect(await db.selectFrom('movement').select(['sku', 'delta']).orderBy('sku').execute()).toEqual([
    { sku: 'CAP-RED', delta: 1_000_000 },
    { sku: 'MUG-BLUE', delta: 1_000_000 },
    { sku: 'PRINT-LTD', delta: 1 },
    { sku: 'TEE-M', delta: 1_000_000 },
  ]);
});
