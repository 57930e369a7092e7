import { metrics } from '@opentelemetry/api';
import { createHttp } from '@waybill/kernel/http';
import { silentLogger } from '@waybill/kernel/log';
import { createReadiness } from '@waybill/kernel/readiness';
import { expect, test } from 'vitest';
import { billingRoutes } from './routes.ts';
import { newPayment, openBillingBed } from './testing/bed.ts';

async function openRoutes(permissions = ['*']) {
  const bed = await openBillingBed();
  const http = await createHttp({
    name: 'test',
    log: silentLogger,
    meter: metrics.getMeter('test'),
    authenticate: () => ({ id: 'key_test', roles: [], permissions }),
    readiness: createReadiness([]),
  });
  await http.register(billingRoutes(bed));
  const send = async (method: 'GET' | 'PUT', url: string, payload?: object, headers: Record<string, string> = {}) => {
    const response = await http.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) });
    return { status: response.statusCode, body: response.json(), etag: response.headers.etag };
  };
  return {
    ...bed,
    send,
    async [Symbol.asyncDispose]() {
      await http.close();
      await bed[Symbol.asyncDispose]();
    },
  };
}

const eur = (amount: number) => ({ amount, currency: 'EUR' });
const open = { limitPerCustomer: null, reviewAbove: null, maintenance: false };

test('the fraud settings are read and replaced, and hold from the next check on', async () => {
  await using bed = await openRoutes();
  expect(await bed.send('GET', '/v1/fraud/settings')).toEqual({ status: 200, body: open, etag: '"1"' });
  const wanted = { limitPerCustomer: eur(0), reviewAbove: eur(99_999), maintenance: false };
  expect(await bed.send('PUT', '/v1/fraud/settings', wanted)).toEqual({ status: 200, body: wanted, etag: '"2"' });
  expect(await bed.send('GET', '/v1/fraud/settings')).toEqual({ status: 200, body: wanted, etag: '"2"' });
  expect(await bed.calls.checkFraud(newPayment())).toMatchObject({ outcome: 'decline' });
});

test('settings that changed since they were read are not overwritten', async () => {
  await using bed = await openRoutes();
  const put = (ifMatch: string) => bed.send('PUT', '/v1/fraud/settings', { ...open, maintenance: true }, { 'if-match': ifMatch });
  const both = await Promise.all([put('"1"'), put('"1"')]);
  expect(both.map(({ status }) => status).toSorted()).toEqual([200, 412]);
  expect(await put('"1"')).toMatchObject({ status: 412, body: { code: 'precondition_failed' } });
  expect(await put('"2"')).toMatchObject({ status: 200, etag: '"3"' });
  expect(await put('*')).toMatchObject({ status: 200 });
  expect(await put('two')).toMatchObject({ status: 400, body: { errors: [{ field: 'if-match' }] } });
});

test.each([
  [{ ...open, limitPerCustomer: eur(-1) }, 'limitPerCustomer.amount'],
  [{ ...open, limitPerCustomer: eur(1.5) }, 'limitPerCustomer.amount'],
  [{ ...open, reviewAbove: eur(1e12) }, 'reviewAbove.amount'],
  [{ ...open, reviewAbove: { amount: 1, currency: 'XQQ' } }, 'reviewAbove.currency'],
  [{ ...open, reviewAbove: { amount: 1 } }, 'reviewAbove.currency'],
  [{ ...open, maintenance: 'yes' }, 'maintenance'],
  [{ limitPerCustomer: null, reviewAbove: null }, 'maintenance'],
  [{ ...open, colour: 'blue' }, 'colour'],
])('settings that make no sense are refused by field: %j', async (body, field) => {
  await using bed = await openRoutes();
  expect(await bed.send('PUT', '/v1/fraud/settings', body)).toMatchObject({ status: 400, body: { code: 'invalid', errors: [{ field }] } });
  expect((await bed.send('GET', '/v1/fraud/settings')).body).toEqual(open);
});

test('payments are shown, filtered and paged, newest first', async () => {
  await using bed = await openRoutes();
  const [kept, declined, other] = [newPayment(), newPayment('tok_decline'), newPayment()];
  for (const input of [kept, declined, other]) await bed.calls.authorizePayment(input);
  await bed.calls.capturePayment({ key: kept.key, attempt: 1 });
  const { body } = await bed.send('GET', `/v1/payments?orderId=${kept.orderId}`);
  expect(body).toEqual({
    items: [
      {
        id: expect.stringMatching(/^pay_/),
        orderId: kept.orderId,
        fulfillmentId: kept.fulfillmentId,
        status: 'captured',
        amount: eur(2_500),
        captured: eur(2_500),
        refunded: eur(0),
        provider: 'simulated',
        reference: expect.stringMatching(/^ch_/),
        expiresAt: expect.any(String),
        createdAt: expect.any(String),
        updatedAt: expect.any(String),
      },
    ],
  });
  expect(await bed.send('GET', `/v1/payments/${body.items[0].id}`)).toMatchObject({ status: 200, body: body.items[0] });
  const ordersOf = async (query: string) =>
    (await bed.send('GET', `/v1/payments?${query}`)).body.items.map(({ orderId }: { orderId: string }) => orderId);
  expect(await ordersOf('')).toEqual([other.orderId, declined.orderId, kept.orderId]);
  expect(await ordersOf('status=declined')).toEqual([declined.orderId]);
  const first = (await bed.send('GET', '/v1/payments?limit=2')).body;
  expect(await ordersOf(`limit=2&cursor=${first.nextCursor}`)).toEqual([kept.orderId]);
  expect(await bed.send('GET', '/v1/payments?status=banana')).toMatchObject({ status: 400, body: { errors: [{ field: 'status' }] } });
  expect(await bed.send('GET', '/v1/payments?orderId=a%00b')).toMatchObject({ status: 400, body: { errors: [{ field: 'orderId' }] } });
  expect(await bed.send('GET', '/v1/payments/pay_none')).toMatchObject({ status: 404 });
});

test('reading and changing the fraud settings are different permissions', async () => {
  await using bed = await openRoutes(['fraud:read']);
  expect(await bed.send('GET', '/v1/fraud/settings')).toMatchObject({ status: 200 });
  expect(await bed.send('PUT', '/v1/fraud/settings', open)).toMatchObject({ status: 403 });
  expect(await bed.send('GET', '/v1/payments')).toMatchObject({ status: 403 });
});
