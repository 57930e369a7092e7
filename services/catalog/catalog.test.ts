import { metrics } from '@opentelemetry/api';
import { openTestDatabase } from '@waybill/embedded/test-database';
import { loadSettings } from '@waybill/kernel/config';
import { createHttp } from '@waybill/kernel/http';
import { silentLogger } from '@waybill/kernel/log';
import { createReadiness } from '@waybill/kernel/readiness';
import type { ServiceContext } from '@waybill/kernel/service';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createPriceCache } from './cache.ts';
import type { CatalogCalls } from './contract.ts';
import { seedCatalog } from './seed.ts';
import { catalog } from './service.ts';
import { createPriceStore } from './store/prices.ts';
import type { CatalogTables } from './tables.ts';

type Bed = Awaited<ReturnType<typeof openCatalog>>;
let bed: Bed;
beforeAll(async () => {
  bed = await openCatalog();
});
afterAll(() => bed.close());

async function openCatalog() {
  const opened = await openTestDatabase<CatalogTables>({ folders: [new URL('./migrations/', import.meta.url)] });
  const meter = metrics.getMeter('test');
  const context = {
    settings: loadSettings(catalog.settings, {}),
    log: silentLogger,
    meter,
    database: opened.database,
    wakeRelay: () => {},
  };
  const parts = catalog.create(context as unknown as ServiceContext<typeof catalog.settings, unknown>); // it uses nothing else
  const app = await createHttp({
    name: 'catalog',
    log: silentLogger,
    meter,
    authenticate: () => ({ id: 'key_admin', roles: [], permissions: ['*'] }),
    readiness: createReadiness([]),
  });
  await app.register(parts.routes!);
  const send = async (method: 'GET' | 'POST' | 'PUT', url: string, payload?: unknown, headers: Record<string, string> = {}) => {
    const body = payload === undefined ? {} : { payload: JSON.stringify(payload) };
    const response = await app.inject({
      method,
      url,
      headers: payload === undefined ? headers : { 'content-type': 'application/json', ...headers },
      ...body,
    });
    return { status: response.statusCode, headers: response.headers, body: response.json() };
  };
  return {
    database: opened.database,
    calls: parts.calls as unknown as CatalogCalls, // the service's own calls
    send,
    async close() {
      await app.close();
      await opened[Symbol.asyncDispose]();
    },
  };
}

let next = 0;
const product = (changes: object = {}) => ({
  name: 'Tea',
  variants: [{ sku: `TEA-${++next}`, prices: [{ amount: 450, currency: 'EUR' }] }],
  ...changes,
});
const fieldsOf = (response: { body: { errors?: { field: string }[] } }) => response.body.errors?.map(({ field }) => field);
const quoteOf = (sku: string, currency = 'EUR') => ({ currency, lines: [{ sku, quantity: 1 }] });

test('a product is added, read, replaced and listed, with a version that guards the change', async () => {
  const body = product({
    description: 'Leaves\nand more',
    variants: [{ sku: 'OOLONG', name: 'Oolong 100 g', prices: [{ amount: 999, currency: 'EUR' }] }],
  });
  const added = await bed.send('POST', '/v1/products', body);
  expect(added.status).toBe(201);
  expect(added.body).toMatchObject({ ...body, categoryId: null, version: 1 });
  const url = `/v1/products/${added.body.id}`;
  expect(added.headers['location']).toBe(url);
  expect((await bed.send('GET', url)).body).toEqual(added.body);

  const changed = {
    name: 'Green tea',
    variants: [
      { sku: 'SENCHA', prices: [] },
      {
        sku: 'OOLONG',
        prices: [
          { amount: 1_099, currency: 'EUR' },
          { amount: 1_200, currency: 'USD' },
        ],
      },
    ],
  };
  const replaced = await bed.send('PUT', url, changed, { 'if-match': '"1"' });
  expect(replaced).toMatchObject({ status: 200, body: { name: 'Green tea', description: '', version: 2 } });
  expect(replaced.headers['etag']).toBe('"2"');
  expect(replaced.body.variants).toEqual([
    { sku: 'SENCHA', name: 'Green tea', prices: [] },
    { sku: 'OOLONG', name: 'Green tea', prices: changed.variants[1]?.prices },
  ]);
  expect(await bed.send('PUT', url, changed, { 'if-match': '"1"' })).toMatchObject({ status: 412, body: { code: 'precondition_failed' } });
  expect((await bed.send('GET', '/v1/products?sku=SENCHA')).body.items).toEqual([replaced.body]);
  const events = await bed.database.db
    .selectFrom('outbox' as never)
    .selectAll()
    .where('aggregate_id' as never, '=', added.body.id as never)
    .orderBy('sequence' as never)
    .execute();
  expect(events).toMatchObject([
    { sequence: 1, type: 'product.created', data: { productId: added.body.id, skus: ['OOLONG'] } },
    { sequence: 2, type: 'product.updated', data: { skus: ['SENCHA', 'OOLONG'] } },
  ]);
});

test('a negative price is refused by name, and nothing is added', async () => {
  const body = product({
    variants: [
      {
        sku: 'CHEAP',
        prices: [
          { amount: 1, currency: 'USD' },
          { amount: -1, currency: 'EUR' },
        ],
      },
    ],
  });
  const refused = await bed.send('POST', '/v1/products', body);
  expect(refused.status).toBe(400);
  expect(fieldsOf(refused)).toEqual(['variants[0].prices[1].amount']);
  expect((await bed.send('GET', '/v1/products?sku=CHEAP')).body.items).toEqual([]);
});

test('what a product cannot be is refused, each bad field by its name', async () => {
  const euro = { amount: 1, currency: 'EUR' };
  const cases: [object, string[]][] = [
    [{ variants: [] }, ['variants']],
    [{ variants: [{ sku: 'a b', prices: [] }] }, ['variants[0].sku']],
    [{ variants: [{ sku: 'X', prices: [{ amount: 1.5, currency: 'EUR' }] }] }, ['variants[0].prices[0].amount']],
    [{ variants: [{ sku: 'X', prices: [{ amount: 1e15, currency: 'EUR' }] }] }, ['variants[0].prices[0].amount']],
    [
      {
        variants: [
          { sku: 'X', prices: [{ amount: 1, currency: 'ZZZ' }, euro, euro] },
          { sku: 'X', prices: [] },
        ],
      },
      ['variants[0].prices[0].currency', 'variants[0].prices[2].currency', 'variants[1].sku'],
    ],
    [{ name: 'a\u0000b' }, ['name']],
    [{ colour: 'red' }, ['colour']],
    [{ categoryId: 'cat_00000000000000000000000000' }, ['categoryId']],
  ];
  for (const [changes, fields] of cases) {
    const refused = await bed.send('POST', '/v1/products', product(changes));
    expect([refused.status, fieldsOf(refused)]).toEqual([400, fields]);
  }
  expect((await bed.send('PUT', '/v1/products/prd_00000000000000000000000000', product())).status).toBe(404);
  expect((await bed.send('GET', '/v1/products/prd_00000000000000000000000000')).status).toBe(404);
  expect((await bed.send('GET', '/v1/products?cursor=abc')).status).toBe(400);
});

test('text comes back as it went in, whatever it says', async () => {
  const name = `Robert'); DROP TABLE product;-- <script>alert(1)</script> ${'🫖'} عربى \\u0000 %s`;
  const added = await bed.send('POST', '/v1/products', product({ name }));
  expect(added.body.name).toBe(name);
  expect((await bed.send('GET', `/v1/products/${added.body.id}`)).body.name).toBe(name);
});

test('a SKU belongs to one product: a second claim is refused and changes nothing', async () => {
  const first = (await bed.send('POST', '/v1/products', product())).body;
  const second = (await bed.send('POST', '/v1/products', product())).body;
  const [{ sku }] = first.variants;
  const claim = product({
    variants: [
      { sku: 'NEW-ONE', prices: [] },
      { sku, prices: [] },
    ],
  });
  expect(fieldsOf(await bed.send('POST', '/v1/products', claim))).toEqual(['variants[1].sku']);
  const refused = await bed.send('PUT', `/v1/products/${second.id}`, claim);
  expect([refused.status, fieldsOf(refused)]).toEqual([409, ['variants[1].sku']]);
  expect((await bed.send('GET', `/v1/products/${second.id}`)).body).toEqual(second);
  expect((await bed.send('GET', '/v1/products?sku=NEW-ONE')).body.items).toEqual([]);
});

test('products that claim the same SKUs at once never wait for each other', async () => {
  const skus = ['RACE-1', 'RACE-2', 'RACE-3'];
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, index) =>
      bed.send('POST', '/v1/products', product({ variants: (index % 2 ? skus : skus.toReversed()).map((sku) => ({ sku, prices: [] })) })),
    ),
  );
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
  expect(answers.filter(({ status }) => status === 409)).toHaveLength(11);
});

test('the list of products pages without gaps or repeats, by category too', async () => {
  const category = (await bed.send('POST', '/v1/categories', { name: 'Paged' })).body;
  const ids: string[] = [];
  for (let index = 0; index < 5; index++) ids.push((await bed.send('POST', '/v1/products', product({ categoryId: category.id }))).body.id);
  const seen: string[] = [];
  for (let cursor = ''; ; ) {
    const { items, nextCursor } = (await bed.send('GET', `/v1/products?categoryId=${category.id}&limit=2${cursor}`)).body;
    seen.push(...items.map(({ id }: { id: string }) => id));
    if (!nextCursor) break;
    cursor = `&cursor=${nextCursor}`;
  }
  expect(seen).toEqual(ids);
  expect((await bed.send('GET', '/v1/categories')).body.items).toContainEqual(category);
});

test('the demo catalogue is there after seeding, twice is once, and a changed price stays', async () => {
  await using opened = await openTestDatabase<CatalogTables>({ folders: [new URL('./migrations/', import.meta.url)] });
  const { database } = opened;
  await seedCatalog(database);
  await database.db.updateTable('price').set({ amount: 1 }).where('sku', '=', 'TEE-M').where('currency', '=', 'EUR').execute();
  await database.db.deleteFrom('price').where('sku', '=', 'CAP-RED').where('currency', '=', 'USD').execute();
  await seedCatalog(database);
  const rows = await database.db.selectFrom('price').selectAll().orderBy('sku').orderBy('currency').execute();
  expect(rows.map(({ sku, currency, amount }) => `${sku} ${amount} ${currency}`)).toEqual([
    'CAP-RED 1590 EUR',
    'MUG-BLUE 1875 EUR',
    'MUG-BLUE 1990 USD',
    'PRINT-LTD 9900 EUR',
    'PRINT-LTD 10900 USD',
    'TEE-M 1 EUR',
    'TEE-M 2690 USD',
    'VINYL-OLD 3200 EUR',
    'VINYL-OLD 3500 USD',
  ]);
});

test('the order in the wire shapes costs what it says there: two blue mugs by standard shipping are 49.90 EUR', async () => {
  await seedCatalog(bed.database);
  const body = {
    currency: 'EUR',
    lines: [{ sku: 'MUG-BLUE', quantity: 2 }],
    delivery: { method: 'ship', shippingMethod: 'standard', country: 'DE' },
  };
  const quote = await bed.send('POST', '/v1/quotes', body);
  expect(quote).toMatchObject({ status: 200, body: { total: { amount: 4_990, currency: 'EUR' } } });
  expect(await bed.calls.quote(body as never)).toEqual(quote.body);
  expect(await bed.calls.findSkus({ skus: ['MUG-BLUE', 'NOPE'] })).toEqual({ known: ['MUG-BLUE'] });
});

test('bad quotes name every field, before and after the schema', async () => {
  await seedCatalog(bed.database);
  const good = { currency: 'EUR', lines: [{ sku: 'MUG-BLUE', quantity: 1 }] };
  const line = (quantity: unknown, sku: unknown = 'MUG-BLUE') => ({ ...good, lines: [{ sku, quantity }] });
  const cases: [unknown, string[]][] = [
    [line(0), ['lines[0].quantity']],
    [line(-3), ['lines[0].quantity']],
    [line(1.5), ['lines[0].quantity']],
    [line(1e12), ['lines[0].quantity']],
    [line('1'), ['lines[0].quantity']],
    [{ ...good, lines: [...good.lines, { sku: 'NOPE', quantity: 1 }, { sku: 'NADA', quantity: 1 }] }, ['lines[1].sku', 'lines[2].sku']],
    [{ ...good, lines: [] }, ['lines']],
    [{ ...good, lines: Array.from({ length: 10_000 }, () => good.lines[0]) }, ['lines']],
    [{ ...good, currency: 'eur' }, ['currency']],
    [{ ...good, currency: 'XYZ' }, ['currency', 'lines[0].sku']],
    [{ ...good, delivery: { method: 'ship', shippingMethod: 'drone', country: 'DE' } }, ['delivery.shippingMethod']],
    [{ ...good, delivery: { method: 'ship', shippingMethod: 'standard', country: 'Germany' } }, ['delivery.country']],
    [{ ...good, gift: true }, ['gift']],
  ];
  for (const [body, fields] of cases) {
    const refused = await bed.send('POST', '/v1/quotes', body);
    expect([refused.status, fieldsOf(refused)]).toEqual([400, expect.arrayContaining(fields)]);
  }
});

test('a changed price shows within a second, and until then no quote asks the database', async () => {
  const body = product();
  const [{ sku, prices }] = body.variants as [{ sku: string; prices: { amount: number; currency: string }[] }];
  const { id } = (await bed.send('POST', '/v1/products', body)).body;
  const amount = async () => (await bed.send('POST', '/v1/quotes', quoteOf(sku))).body.lines[0].unitPrice.amount;
  expect(await amount()).toBe(450);
  await bed.send('PUT', `/v1/products/${id}`, { ...body, variants: [{ sku, prices: prices.map((price) => ({ ...price, amount: 475 })) }] });
  const changedAt = performance.now();
  await expect.poll(amount, { interval: 20, timeout: 3_000 }).toBe(475);
  expect(performance.now() - changedAt).toBeLessThan(1_000);
});

test('quotes at once share one query for what is missing, and one asks for all its SKUs together', async () => {
  const skus = Array.from({ length: 20 }, (_, index) => `CACHE-${String.fromCharCode(65 + index)}`);
  await bed.send('POST', '/v1/products', product({ variants: skus.map((sku) => ({ sku, prices: [] })) }));
  const store = createPriceStore(bed.database.db);
  const read = vi.spyOn(store, 'read');
  const cache = createPriceCache({ store, max: 10 });
  const lists = await Promise.all(Array.from({ length: 30 }, () => cache.priceList([...skus, 'GHOST'])));
  expect(read).toHaveBeenCalledTimes(1);
  for (const { entries, shippingFees } of lists) {
    expect(entries.size).toBe(20);
    expect([...shippingFees.keys()]).toEqual(['express', 'standard']);
  }
  await cache.priceList(skus.slice(15));
  expect(read).toHaveBeenCalledTimes(1);
  await cache.priceList(skus.slice(0, 5));
  expect(read).toHaveBeenLastCalledWith(skus.slice(0, 5), false);
});

test('a failed query fails its quotes and is forgotten', async () => {
  const store = createPriceStore(bed.database.db);
  vi.spyOn(store, 'read').mockRejectedValueOnce(new Error('gone'));
  const cache = createPriceCache({ store, max: 10 });
  const answers = await Promise.allSettled([cache.priceList(['MUG-BLUE']), cache.priceList(['MUG-BLUE'])]);
  expect(answers[0]?.status).toBe('rejected');
  expect((await cache.priceList(['MUG-BLUE'])).shippingFees.size).toBe(2);
});
