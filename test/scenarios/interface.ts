import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { address, type Order, orderBody } from '../platform/api.ts';
import type { Platform } from '../platform/platform.ts';
import { followEvents } from '../platform/stream.ts';

/** What every caller of the orders' interface may rely on. */
export function defineInterface(platform: () => Platform): void {
  const api = () => platform().api;

  test('the same key and body get the same answer, another body a conflict, and racers one order', async () => {
    const key = randomUUID();
    const first = await api().post('/v1/orders', orderBody(), { 'idempotency-key': key });
    await api().untilBooked(String(first.body['id']));
    const again = await api().post('/v1/orders', orderBody(), { 'idempotency-key': key });
    expect([again.status, again.body]).toEqual([201, first.body]);
    expect(again.headers.get('location')).toBe(`/v1/orders/${first.body['id']}`);
    const other = await api().post('/v1/orders', orderBody({ lines: [{ sku: 'TEE-M', quantity: 1 }] }), { 'idempotency-key': key });
    expect([other.status, other.body['code']]).toEqual([409, 'conflict']);

    const shared = randomUUID();
    const racers = await Promise.all(
      Array.from({ length: 20 }, () => api().post('/v1/orders', orderBody(), { 'idempotency-key': shared })),
    );
    expect(racers.map(({ status }) => status)).toEqual(racers.map(() => 201));
    expect(new Set(racers.map(({ body }) => body['id'])).size).toBe(1);
  });

  test('an external id belongs to one order for ever', async () => {
    const externalId = `shop-${randomUUID()}`;
    const placed = await api().place({ externalId });
    const second = await api().post('/v1/orders', orderBody({ externalId }));
    expect([second.status, second.body['errors']]).toMatchObject([409, [{ field: 'externalId' }]]);
    const found = await api().get<{ items: Order[] }>(`/v1/orders?q=${externalId}`);
    expect(found.body.items.map(({ id }) => id)).toEqual([placed.id]);
  });

  test('with Prefer: wait the answer comes when the order has left pending', async () => {
    const answer = await api().post('/v1/orders', orderBody(), { prefer: 'wait=10' });
    expect(answer.status).toBe(201);
    expect(answer.body['status']).toBe('processing');
  });

  test('a total that is not the expected one refuses the order', async () => {
    const quote = await api().post<{ total: { amount: number } }>('/v1/quotes', {
      currency: 'EUR',
      lines: [{ sku: 'MUG-BLUE', quantity: 3 }],
      delivery: { method: 'ship', shippingMethod: 'standard', country: 'DE' },
    });
    const body = { lines: [{ sku: 'MUG-BLUE', quantity: 3 }], expectedTotal: quote.body.total };
    const placed = await api().place(body);
    expect(placed.total).toEqual(quote.body.total);
    const wrong = await api().post(
      '/v1/orders',
      orderBody({ ...body, expectedTotal: { amount: quote.body.total.amount - 1, currency: 'EUR' } }),
    );
    expect([wrong.status, wrong.body['errors']]).toMatchObject([409, [{ field: 'expectedTotal' }]]);
  });

  test("an order's events stream as they happen, and a reader that comes back misses nothing", async () => {
    const placed = await api().place();
    const seen: { id: string; event: string }[] = [];
    const first = await followEvents(api(), placed.id, (event) => {
      seen.push(event);
      return event.event !== 'order.shipmentBooked';
    });
    expect(first.contentType).toContain('text/event-stream');
    await api().deliver(await api().untilBooked(placed.id));
    await followEvents(
      api(),
      placed.id,
      (event) => {
        seen.push(event);
        return true;
      },
      seen.at(-1)?.id,
    );
    const stored = await api().events(placed.id);
    expect(seen.map(({ id, event }) => [Number(id), event])).toEqual(stored.map(({ sequence, type }) => [sequence, type]));
    const over = await api().request('GET', `/v1/orders/${placed.id}/stream`, undefined, { 'last-event-id': String(stored.length) });
    expect(over.status).toBe(204);
  });

  test('lists page by keyset without gaps or repeats, filtered by customer, status and time', async () => {
    const customerId = `cus_${randomUUID()}`;
    const before = new Date(Date.now() - 1).toISOString();
    const ids: string[] = [];
    for (let i = 0; i < 7; i++) ids.push((await api().place({ customerId, lines: [{ sku: 'VINYL-OLD', quantity: 1 }] })).id);
    const read: string[] = [];
    let cursor: string | undefined;
    do {
      const path = `/v1/orders?customerId=${customerId}&limit=3&placedAfter=${before}${cursor ? `&cursor=${cursor}` : ''}`;
      const page = await api().get<{ items: Order[]; nextCursor?: string }>(path);
      expect(page.body.items.length).toBeLessThanOrEqual(3);
      read.push(...page.body.items.map(({ id }) => id));
      cursor = page.body.nextCursor;
    } while (cursor);
    expect(read).toEqual(ids.toReversed());
    const oldest = await api().get<{ items: Order[] }>(`/v1/orders?customerId=${customerId}&sort=placedAt&limit=2`);
    expect(oldest.body.items.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    await api().untilStatus(ids[0] ?? '', 'customerActionRequired');
    const asked = await api().get<{ items: Order[] }>(
      `/v1/orders?customerId=${customerId}&status=customerActionRequired&sort=placedAt&limit=1`,
    );
    expect(asked.body.items.map(({ id }) => id)).toEqual(ids.slice(0, 1));
    expect((await api().get<{ items: Order[] }>(`/v1/orders?customerId=${customerId}&placedBefore=${before}`)).body.items).toEqual([]);
  });

  test('a command for a version that is no longer the current one changes nothing', async () => {
    const placed = await api().place();
    await api().untilBooked(placed.id);
    const stale = await api().post(`/v1/orders/${placed.id}/cancel`, { reason: 'x' }, { 'if-match': '"1"' });
    expect([stale.status, stale.body['code']]).toEqual([412, 'precondition_failed']);
    const { version } = await api().order(placed.id);
    expect((await api().post(`/v1/orders/${placed.id}/cancel`, { reason: 'x' }, { 'if-match': `"${version}"` })).status).toBe(200);
  });

  test('text of every kind comes back as it was, or is refused by name', async () => {
    const names = [
      `Robert'); drop table orders;--`,
      '<script>alert(1)</script>',
      '山田 太郎 🏺',
      'ß ﷽ ‮evil',
      'e\u0301\u0327',
      '{{7*7}} %s %n $(id)',
      '\\u0000 \\x00',
      "' or 1=1 --",
    ];
    for (const name of names) {
      const externalId = `${name} ${randomUUID()}`.slice(0, 190);
      const placed = await api().post<{ id: string; externalId: string }>(
        '/v1/orders',
        orderBody({ externalId, delivery: { method: 'ship', shippingMethod: 'standard', address: { ...address, name } } }),
      );
      expect(placed.status, name).toBe(201);
      const read = await api().get(`/v1/orders/${placed.body.id}`);
      expect(read.body['externalId']).toBe(externalId);
      const [shipment = ''] = await api().untilBooked(placed.body.id);
      expect((await api().get(`/v1/shipments/${shipment}`)).body).toMatchObject({ address: { name } });
    }
    for (const name of ['a\u0000b', 'a\u0007b', 'line\nbreak', '\ud800 alone', '']) {
      const refused = await api().post(
        '/v1/orders',
        orderBody({ delivery: { method: 'ship', shippingMethod: 'standard', address: { ...address, name } } }),
      );
      expect([refused.status, refused.body['errors']], JSON.stringify(name)).toMatchObject([400, [{ field: 'delivery.address.name' }]]);
    }
  });

  const line = (changes: Record<string, unknown>) => ({ lines: [{ sku: 'MUG-BLUE', quantity: 1, ...changes }] });
  const bad: [string, unknown, number, string][] = [
    ['an unknown SKU', line({ sku: 'NO-SUCH' }), 400, 'lines[0].sku'],
    ['quantity 0', line({ quantity: 0 }), 400, 'lines[0].quantity'],
    ['quantity -3', line({ quantity: -3 }), 400, 'lines[0].quantity'],
    ['quantity 1.5', line({ quantity: 1.5 }), 400, 'lines[0].quantity'],
    ['quantity 10^12', line({ quantity: 1e12 }), 400, 'lines[0].quantity'],
    ['quantity as text', line({ quantity: '1' }), 400, 'lines[0].quantity'],
    ['a price of the caller', line({ unitPrice: { amount: -1, currency: 'EUR' } }), 400, 'lines[0].unitPrice'],
    ['no lines', { lines: [] }, 400, 'lines'],
    ['10,000 lines', { lines: Array.from({ length: 10_000 }, () => ({ sku: 'MUG-BLUE', quantity: 1 })) }, 400, 'lines'],
    ['a currency without prices', { currency: 'CHF' }, 400, 'currency'],
    ['no currency at all', { currency: 'ZZZ' }, 400, 'currency'],
    ['a negative expected total', { expectedTotal: { amount: -5, currency: 'EUR' } }, 400, 'expectedTotal.amount'],
    ['an unknown field', { surprise: true }, 400, 'surprise'],
    ['an unknown shipping method', { delivery: { method: 'ship', shippingMethod: 'teleport', address } }, 400, 'delivery.shippingMethod'],
    ['an unknown provider', { payment: { provider: 'barter', token: 'tok_approve' } }, 400, 'payment.provider'],
    ['pickup, which comes later', { delivery: { method: 'pickup', locationId: 'loc_north' } }, 422, 'delivery.method'],
    ['a coupon, which comes later', { couponCode: 'TENOFF' }, 422, 'couponCode'],
  ];
  test.each(bad)('refused by field, with nothing changed: %s', async (_name, changes, status, field) => {
    const key = randomUUID();
    const refused = await api().post<{ errors: { field: string }[] }>('/v1/orders', orderBody(changes as Record<string, unknown>), {
      'idempotency-key': key,
    });
    expect(refused.headers.get('content-type')).toContain('application/problem+json');
    expect([refused.status, refused.body.errors?.[0]?.field]).toEqual([status, field]);
    expect((await api().post('/v1/orders', orderBody(), { 'idempotency-key': key })).status).toBe(201); // the key was not used up
  });

  test('garbage is answered with a problem document and never with a 5xx', async () => {
    const post = (body: string, headers: Record<string, string>) =>
      fetch(`${api().url}/v1/orders`, { method: 'POST', headers: { authorization: `Bearer ${api().key}`, ...headers }, body });
    const json = { 'content-type': 'application/json' };
    const cases: [Promise<Response>, number][] = [
      [post('{"lines": [', json), 400],
      [post('[]', json), 400],
      [post('null', json), 400],
      [post('', json), 400],
      [post('a=b', { 'content-type': 'application/x-www-form-urlencoded' }), 415],
    ];
    for (const [answer, status] of cases) {
      const response = await answer;
      expect(response.status).toBe(status);
      expect(response.headers.get('content-type')).toContain('application/problem+json');
      await response.text();
    }
    // The answer comes before the body is through; a client that is still writing may find the connection closed first.
    const large = JSON.stringify({ big: 'x'.repeat(5_000_000) });
    await expect.poll(async () => (await post(large, json)).status, { timeout: 20_000 }).toBe(413);
  });

  test('what is not there or not open is said so', async () => {
    const ghost = 'ord_01k0000000000000000000000e';
    expect((await api().get(`/v1/orders/${ghost}`)).status).toBe(404);
    expect((await api().post(`/v1/orders/${ghost}/cancel`, { reason: 'x' })).status).toBe(404);
    expect((await api().get('/v1/orders/%27%20or%201=1')).status).toBe(400);
    expect((await api().get('/v1/nothing')).status).toBe(404);
    expect((await api().report('shp_01k0000000000000000000000e', 'dispatched')).status).toBe(404);
    const placed = await api().place();
    const [shipment = ''] = await api().untilBooked(placed.id);
    const unknown = await api().report(shipment, 'teleported');
    expect([unknown.status, unknown.body['errors']]).toMatchObject([400, [{ field: 'status' }]]);
    for (const name of ['hold', 'release', 'amend']) expect((await api().post(`/v1/orders/${placed.id}/${name}`, {})).status).toBe(422);
    const lines = await api().post(`/v1/orders/${placed.id}/cancel`, { reason: 'x', lines: [] });
    expect([lines.status, lines.body['errors']]).toMatchObject([422, [{ field: 'lines' }]]);
  });

  test('nothing answers without a key, or with a wrong one', async () => {
    for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: 'Basic d3JvbmcK' }]) {
      for (const path of [
        '/v1/orders',
        '/v1/stock',
        '/v1/payments',
        '/v1/shipments',
        '/v1/products',
        '/v1/fraud/settings',
        '/v1/tasks',
        '/internal/inventory/reserveStock',
      ]) {
        const { status } = await fetch(`${api().url}${path}`, { headers });
        expect([401, 404], `${path} with ${JSON.stringify(headers)}`).toContain(status);
      }
    }
    expect(
      (await fetch(`${api().url}/internal/inventory/reserveStock`, { method: 'POST', headers: { authorization: `Bearer ${api().key}` } }))
        .status,
    ).toBe(404);
  });
}
