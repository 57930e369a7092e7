import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { createTestRoot } from './testing.ts';

type Seen = { method: string; url: string; headers: IncomingMessage['headers']; body: unknown };
type Answer = { status?: number; type?: string; body: string };

/** Stands for the API: what is tested here is what the command sends and how it shows answers. */
async function apiThatAnswers(answer: (seen: Seen) => Answer) {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const one = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body: body ? JSON.parse(body) : undefined,
      };
      seen.push(one);
      const { status = 200, type = 'application/json', body: reply } = answer(one);
      response.writeHead(status, { 'content-type': type }).end(reply);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    seen,
    env: { API_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, ADMIN_API_KEY: 'wbk_test' },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const order = {
  id: 'ord_1',
  number: 1001,
  status: 'processing',
  paymentStatus: 'authorized',
  version: 3,
  placedAt: '2026-01-02T03:04:05.000Z',
  total: { amount: 4990, currency: 'EUR' },
  totals: [
    { code: 'subtotal', amount: { amount: 3750, currency: 'EUR' } },
    { code: 'tax', amount: { amount: 1240, currency: 'EUR' } },
  ],
  lines: [
    {
      id: 'lin_1-1',
      sku: 'MUG-BLUE',
      name: 'Blue mug',
      quantity: 2,
      unitPrice: { amount: 1875, currency: 'EUR' },
      total: { amount: 3750, currency: 'EUR' },
    },
  ],
  fulfillments: [
    { id: 'ful_1-1', status: 'processing', locationId: 'loc_north', lines: [{ lineId: 'lin_1-1', quantity: 2 }], shipmentId: 'shp_1' },
  ],
  waitingFor: { kind: 'carrier', since: '2026-01-02T03:04:06.000Z' },
  actions: ['cancel'],
};

describe('orders', () => {
  test('place sends lines, key and an idempotency key, and shows the order', async () => {
    await using api = await apiThatAnswers(() => ({ status: 201, body: JSON.stringify(order) }));
    using root = createTestRoot(api.env);
    const { code, out } = await root.run(['orders', 'place', '--sku', 'MUG-BLUE:2', '--sku', 'TEE-M', '--key', 'once']);
    expect(code).toBe(0);
    expect(out).toMatchInlineSnapshot(`
      "ord_1 is placed
      ord_1  number 1001  processing  payment authorized
      placed 2026-01-02T03:04:05.000Z

        2 × MUG-BLUE  Blue mug  37.50 EUR
        subtotal                37.50 EUR
        tax                     12.40 EUR
        total                   49.90 EUR

        processing: 2 × MUG-BLUE from loc_north, shp_1
      waiting for carrier since 2026-01-02T03:04:06.000Z
      allowed now: cancel"
    `);
    expect(api.seen[0]).toMatchObject({
      method: 'POST',
      url: '/v1/orders',
      headers: { authorization: 'Bearer wbk_test', 'idempotency-key': 'once' },
      body: {
        currency: 'EUR',
        lines: [
          { sku: 'MUG-BLUE', quantity: 2 },
          { sku: 'TEE-M', quantity: 1 },
        ],
        delivery: { method: 'ship' },
      },
    });
  });

  test('place takes a whole order from standard input, and makes a new key for each', async () => {
    await using api = await apiThatAnswers(() => ({ status: 201, body: JSON.stringify(order) }));
    using root = createTestRoot(api.env);
    for (let i = 0; i < 2; i++) await root.run(['orders', 'place', '--file', '-', '--json'], { input: '{"lines":[]}' });
    expect(api.seen[0]?.body).toEqual({ lines: [] });
    expect(api.seen[0]?.headers['idempotency-key']).not.toBe(api.seen[1]?.headers['idempotency-key']);
  });

  test('place with --dry-run shows the request and sends nothing', async () => {
    await using api = await apiThatAnswers(() => ({ body: '{}' }));
    using root = createTestRoot({ ...api.env, API_URL: 'http://127.0.0.1:9' });
    const { out } = await root.run(['--dry-run', 'orders', 'place', '--sku', 'MUG-BLUE', '--key', 'k']);
    expect(out).toMatchInlineSnapshot(`
      "POST http://127.0.0.1:9/v1/orders
      idempotency-key: k
      {
        "currency": "EUR",
        "lines": [
          {
            "sku": "MUG-BLUE",
            "quantity": 1
          }
        ],
        "delivery": {
          "method": "ship",
          "shippingMethod": "standard",
          "address": {
            "name": "Ada Lovelace",
            "line1": "Kanalstraße 1",
            "postalCode": "10115",
            "city": "Berlin",
            "country": "DE"
          }
        },
        "payment": {
          "provider": "simulated",
          "token": "tok_approve"
        }
      }"
    `);
    expect(api.seen).toEqual([]);
  });

  test('a refusal names each field and the way out, with the exit code of its kind', async () => {
    await using api = await apiThatAnswers(() => ({
      status: 400,
      type: 'application/problem+json',
      body: JSON.stringify({
        code: 'invalid',
        detail: 'the body has 2 problems',
        errors: [
          { field: 'lines[0].sku', message: 'there is no SKU "MUG-BLEU"' },
          { field: 'currency', message: 'must be a currency' },
        ],
      }),
    }));
    using root = createTestRoot(api.env);
    const refused = await root.run(['orders', 'place', '--sku', 'MUG-BLEU']);
    expect(refused.code).toBe(2);
    expect(refused.err).toMatchInlineSnapshot(`
      "waybill: the body has 2 problems
        lines[0].sku: there is no SKU "MUG-BLEU"
        currency: must be a currency
        how to fix: correct the fields named above and send it again"
    `);
    expect(JSON.parse((await root.run(['--json', 'orders', 'place', '--sku', 'MUG-BLEU'])).err).error).toMatchObject({ code: 'invalid' });
  });

  test('a quantity that is no number is refused before anything is sent', async () => {
    using root = createTestRoot({ ADMIN_API_KEY: 'wbk_test' });
    for (const sku of ['MUG-BLUE:', 'MUG-BLUE:two', ':2']) expect((await root.run(['orders', 'place', '--sku', sku])).code).toBe(2);
    const { code, err } = await root.run(['orders', 'place']);
    expect(code).toBe(2);
    expect(err).toMatchInlineSnapshot(`
      "waybill: an order needs at least one line
        how to fix: add --sku SKU[:QUANTITY], or give the whole order with --file"
    `);
  });

  test('an API that is not there, or no key, is said with how to start or find it', async () => {
    using root = createTestRoot({ API_URL: 'http://127.0.0.1:9' });
    const without = await root.run(['orders', 'list']);
    expect(without.code).toBe(3);
    expect(without.err).toMatchInlineSnapshot(`
      "waybill: there is no ADMIN_API_KEY in $ROOT
        how to fix: start this machine’s installation once ("waybill local start -d"), name its root folder with -r, or set ADMIN_API_KEY"
    `);
    const away = await root.run(['orders', 'list'], { env: { ADMIN_API_KEY: 'wbk_test' } });
    expect(away.code).toBe(6);
    expect(away.err).toMatchInlineSnapshot(`
      "waybill: the API at http://127.0.0.1:9 does not answer
        how to fix: start it with "waybill local start -d", look with "waybill local status", or set API_URL to where it is"
    `);
  });

  test('list passes its filters on and shows how to go on', async () => {
    await using api = await apiThatAnswers(() => ({ body: JSON.stringify({ items: [order], nextCursor: 'abc' }) }));
    using root = createTestRoot(api.env);
    const { out } = await root.run(['orders', 'list', '--status', 'processing', '--limit', '1']);
    expect(out).toMatchInlineSnapshot(`
      "ord_1  1001  processing  authorized  49.90 EUR  2026-01-02T03:04:05.000Z
      more: --cursor abc"
    `);
    expect(api.seen[0]?.url).toBe('/v1/orders?limit=1&status=processing');
  });

  test('show prints lines, totals, parcels and what it waits for', async () => {
    await using api = await apiThatAnswers(() => ({ body: JSON.stringify(order) }));
    using root = createTestRoot(api.env);
    expect((await root.run(['orders', 'show', 'ord_1'])).out).toMatchInlineSnapshot(`
      "ord_1  number 1001  processing  payment authorized
      placed 2026-01-02T03:04:05.000Z

        2 × MUG-BLUE  Blue mug  37.50 EUR
        subtotal                37.50 EUR
        tax                     12.40 EUR
        total                   49.90 EUR

        processing: 2 × MUG-BLUE from loc_north, shp_1
      waiting for carrier since 2026-01-02T03:04:06.000Z
      allowed now: cancel"
    `);
  });

  test('watch prints every event once, also when the stream breaks in between', async () => {
    const event = (sequence: number, type: string) => ({
      sequence,
      type,
      at: '2026-01-02T03:04:05.500Z',
      actor: 'workflow',
      data: { n: sequence },
    });
    const events = [event(1, 'order.placed'), event(2, 'order.reserved'), event(3, 'order.completed')];
    let ended = false;
    await using api = await apiThatAnswers(({ url, headers }) => {
      if (url.endsWith('/timeline')) return { body: JSON.stringify({ items: events }) };
      if (!url.endsWith('/stream')) return { body: JSON.stringify({ ...order, status: ended ? 'completed' : 'processing' }) };
      const after = Number(headers['last-event-id']);
      const upTo = after === 0 ? 2 : 3; // the first stream breaks off
      ended = upTo === 3;
      const sent = events.filter(({ sequence }) => sequence <= upTo);
      return {
        type: 'text/event-stream',
        body: sent.map((item) => `id: ${item.sequence}\nevent: ${item.type}\ndata: ${JSON.stringify(item)}\n\n`).join(''),
      };
    });
    using root = createTestRoot(api.env);
    const { code, out } = await root.run(['orders', 'watch', 'ord_1']);
    expect(code).toBe(0);
    expect(out).toMatchInlineSnapshot(`
      "    0.50 s  order.placed              n 1
          0.50 s  order.reserved            n 2
          0.50 s  order.completed           n 3
      ord_1 is completed"
    `);
  });

  test('cancel sends the reason; with --dry-run it asks for the plan', async () => {
    await using api = await apiThatAnswers(() => ({ body: JSON.stringify({ voided: 1 }) }));
    using root = createTestRoot(api.env);
    await root.run(['orders', 'cancel', 'ord_1', '--reason', 'ordered twice']);
    expect((await root.run(['orders', 'cancel', 'ord_1', '--dry-run'])).out).toMatchInlineSnapshot(`
      "a cancel would do this:
      {
        "voided": 1
      }"
    `);
    expect(api.seen.map(({ url, body }) => ({ url, body }))).toEqual([
      { url: '/v1/orders/ord_1/cancel?dryRun=false', body: { reason: 'ordered twice' } },
      { url: '/v1/orders/ord_1/cancel?dryRun=true', body: { reason: 'cancelled by an operator' } },
    ]);
  });
});
