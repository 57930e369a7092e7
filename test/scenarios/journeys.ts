import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Order } from '../platform/api.ts';
import type { Platform } from '../platform/platform.ts';

const typesOf = (events: { type: string }[]): string[] => events.map(({ type }) => type);
const codeOf = (body: Record<string, unknown>): unknown => body['code'];

/** Orders from placement to each of their ends. */
export function defineJourneys(platform: () => Platform): void {
  const api = () => platform().api;

  test('an order of one parcel is reserved, paid, booked, dispatched, captured and delivered', async () => {
    const sku = await platform().makeSku({ price: 1_250, stock: { loc_north: 5 } });
    const placed = await api().place({ lines: [{ sku, quantity: 2 }] });
    expect(placed).toMatchObject({ status: 'pending', paymentStatus: 'none', version: 1, fulfillments: [] });
    const shipments = await api().untilBooked(placed.id);
    await expect.poll(async () => (await api().order(placed.id)).paymentStatus).toBe('authorized');
    expect(await api().stock(sku)).toEqual(new Map([['loc_north', { onHand: 5, reserved: 2 }]]));
    await api().deliver(shipments);
    const done = await api().untilStatus(placed.id, 'completed');
    expect(done).toMatchObject({
      paymentStatus: 'captured',
      actions: [],
      fulfillments: [{ status: 'completed', locationId: 'loc_north' }],
    });
    expect(await api().stock(sku)).toEqual(new Map([['loc_north', { onHand: 3, reserved: 0 }]]));
    expect(await api().payments(placed.id)).toMatchObject([{ status: 'captured', amount: placed.total, captured: placed.total }]);
    const events = await api().events(placed.id);
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
    const types = typesOf(events);
    expect(types.slice(0, 5)).toEqual([
      'order.placed',
      'order.stockReserved',
      'order.paymentAuthorized',
      'order.shipmentBooked',
      'order.dispatched',
    ]);
    expect(types.slice(5).toSorted()).toEqual(['order.completed', 'order.delivered', 'order.paymentCaptured']);
    expect(types.at(-1)).toBe('order.completed');
  });

  test('an order of three lines at two locations is split, and its payments add up to its total', async () => {
    const placed = await api().place({ lines: ['MUG-BLUE', 'TEE-M', 'CAP-RED'].map((sku, index) => ({ sku, quantity: index + 1 })) });
    const shipments = await api().untilBooked(placed.id, 2);
    await api().deliver(shipments);
    const done = await api().untilStatus(placed.id, 'completed');
    expect(done.fulfillments.map(({ locationId }) => locationId).toSorted()).toEqual(['loc_north', 'loc_south']);
    const payments = await api().payments(placed.id);
    expect(payments).toHaveLength(2);
    expect(payments.reduce((sum, { captured }) => sum + captured.amount, 0)).toBe(placed.total.amount);
    const listed = await api().get<{ items: Order[] }>(`/v1/orders?q=${placed.number}`);
    expect(listed.body.items.map(({ id }) => id)).toEqual([placed.id]);
  });

  test('a cancel before dispatch gives back stock and money, calls the parcel off, and cannot be asked twice', async () => {
    const sku = await platform().makeSku({ stock: { loc_north: 2 } });
    const placed = await api().place({ lines: [{ sku, quantity: 2 }] });
    const [shipment = ''] = await api().untilBooked(placed.id);
    const plan = await api().post(`/v1/orders/${placed.id}/cancel?dryRun=true`, { reason: 'just looking' });
    expect(plan.body).toMatchObject({
      allowed: true,
      effects: [{ effect: 'recall' }, { effect: 'void', amount: placed.total }, { effect: 'release' }],
    });
    expect((await api().order(placed.id)).status).toBe('processing');

    const answer = await api().post(`/v1/orders/${placed.id}/cancel`, { reason: 'changed my mind' });
    expect(answer.status).toBe(200);
    const done = await api().untilStatus(placed.id, 'cancelled');
    expect(done).toMatchObject({ paymentStatus: 'voided', fulfillments: [{ status: 'cancelled' }], actions: [] });
    expect(await api().stock(sku)).toEqual(new Map([['loc_north', { onHand: 2, reserved: 0 }]]));
    expect(await api().payments(placed.id)).toMatchObject([{ status: 'voided', captured: { amount: 0 } }]);
    const last = (await api().events(placed.id)).at(-1);
    expect(last).toMatchObject({ type: 'order.cancelled', reason: 'changed my mind' });

    expect((await api().report(shipment, 'dispatched')).status).toBe(409);
    const again = await api().post(`/v1/orders/${placed.id}/cancel`, { reason: 'again' });
    expect([again.status, codeOf(again.body)]).toEqual([409, 'conflict']);
  });

  test('an order cancelled the moment it was placed ends cancelled, whether or not it had started', async () => {
    const sku = await platform().makeSku({ stock: { loc_north: 5 } });
    const placed = await api().place({ lines: [{ sku, quantity: 1 }] });
    expect((await api().post(`/v1/orders/${placed.id}/cancel`, { reason: 'oops' })).status).toBe(200);
    await api().untilStatus(placed.id, 'cancelled');
    expect(await api().stock(sku)).toEqual(new Map([['loc_north', { onHand: 5, reserved: 0 }]]));
  });

  test('after dispatch a cancel is refused, and the order goes on', async () => {
    const placed = await api().place();
    const [shipment = ''] = await api().untilBooked(placed.id);
    await api().report(shipment, 'dispatched');
    await api().until(placed.id, ({ actions }) => !actions.includes('cancel'));
    const refused = await api().post(`/v1/orders/${placed.id}/cancel`, { reason: 'too late' });
    expect([refused.status, codeOf(refused.body)]).toEqual([409, 'conflict']);
    expect(refused.body['detail']).toContain('already left');
    await api().deliver([shipment]);
    await api().untilStatus(placed.id, 'completed');
  });

  test('the customer amends an order that is partly out of stock, and pays for what is sent', async () => {
    const [here, gone] = await Promise.all([
      platform().makeSku({ price: 1_000, stock: { loc_south: 3 } }),
      platform().makeSku({ price: 700, stock: {} }),
    ]);
    const placed = await api().place({
      lines: [
        { sku: here, quantity: 4 },
        { sku: gone, quantity: 1 },
      ],
    });
    const asked = await api().untilStatus(placed.id, 'customerActionRequired');
    expect(asked.waitingFor).toMatchObject({ kind: 'customerChoice', choices: ['amend', 'cancel'] });
    expect(asked.waitingFor?.deadline).toBeDefined();
    expect(asked.fulfillments.map(({ status }) => status)).toEqual(['pending', 'unavailable']);
    expect((await api().post(`/v1/orders/${placed.id}/choice`, { choice: 'wait' })).status).toBe(422);
    expect((await api().post(`/v1/orders/${placed.id}/choice`, { choice: 'amend' })).status).toBe(200);
    await api().deliver(await api().untilBooked(placed.id));
    const done = await api().untilStatus(placed.id, 'completed');
    expect(done.lines.map(({ quantity }) => quantity)).toEqual([3, 0]);
    expect(done.totals.reduce((sum, { amount }) => sum + amount.amount, 0)).toBe(done.total.amount);
    expect(done.total.amount).toBeLessThan(placed.total.amount);
    expect(await api().payments(placed.id)).toMatchObject([{ captured: done.total }]);
  });

  test('an amended order that the fraud check then declines fails, and its stock comes back', async () => {
    const sku = await platform().makeSku({ price: 40_000_000, stock: { loc_north: 1 } });
    const placed = await api().place({ lines: [{ sku, quantity: 2 }], customerId: `cus_${randomUUID()}` });
    await api().untilStatus(placed.id, 'customerActionRequired');
    await api().post(`/v1/orders/${placed.id}/choice`, { choice: 'amend' });
    const done = await api().untilStatus(placed.id, 'failed');
    expect(done.fulfillments.map(({ status }) => status)).toEqual(['failed', 'cancelled']);
    expect(await api().stock(sku)).toEqual(new Map([['loc_north', { onHand: 1, reserved: 0 }]]));
  });

  test('a command repeated with its key gets its answer again, also after it ended the order; with another body, a conflict', async () => {
    const placed = await api().place();
    await api().untilBooked(placed.id);
    const key = { 'idempotency-key': randomUUID() };
    const path = `/v1/orders/${placed.id}/cancel`;
    expect((await api().post(path, { reason: 'first' }, key)).status).toBe(200);
    await api().untilStatus(placed.id, 'cancelled');
    expect((await api().post(path, { reason: 'first' }, key)).status).toBe(200);
    const other = await api().post(path, { reason: 'second' }, key);
    expect([other.status, other.body['errors']]).toMatchObject([409, [{ field: 'idempotency-key' }]]);
  });

  test('the customer cancels an order that is partly out of stock', async () => {
    const sku = await platform().makeSku({ stock: { loc_north: 1 } });
    const placed = await api().place({ lines: [{ sku, quantity: 2 }] });
    await api().untilStatus(placed.id, 'customerActionRequired');
    expect((await api().post(`/v1/orders/${placed.id}/choice`, { choice: 'cancel' })).status).toBe(200);
    await api().untilStatus(placed.id, 'cancelled');
    expect(await api().stock(sku)).toEqual(new Map([['loc_north', { onHand: 1, reserved: 0 }]]));
  });

  test('an order of which nothing is there offers only to cancel, and times out at its deadline', async () => {
    const placed = await api().place({ lines: [{ sku: 'VINYL-OLD', quantity: 1 }] });
    const asked = await api().untilStatus(placed.id, 'customerActionRequired');
    expect(asked.waitingFor?.choices).toEqual(['cancel']);
    expect((await api().events(placed.id)).map(({ type }) => type)).toEqual(['order.placed', 'order.customerActionRequired']);
    const refused = await api().post(`/v1/orders/${placed.id}/choice`, { choice: 'amend' });
    expect([refused.status, codeOf(refused.body)]).toEqual([409, 'conflict']);
    const done = await api().untilStatus(placed.id, 'timedOut');
    expect(done).toMatchObject({ paymentStatus: 'none', fulfillments: [{ status: 'cancelled' }] });
    expect((await api().post(`/v1/orders/${placed.id}/choice`, { choice: 'cancel' })).status).toBe(409);
  });

  test('a declined payment fails the order and gives its stock back', async () => {
    const sku = await platform().makeSku({ stock: { loc_north: 1 } });
    const placed = await api().place({ lines: [{ sku, quantity: 1 }], payment: { provider: 'simulated', token: 'tok_decline' } });
    const done = await api().untilStatus(placed.id, 'failed');
    expect(done).toMatchObject({ paymentStatus: 'declined', fulfillments: [{ status: 'failed' }] });
    expect(await api().stock(sku)).toEqual(new Map([['loc_north', { onHand: 1, reserved: 0 }]]));
  });

  test('when one of two parcels cannot be paid, the other is delivered and the order is partially completed', async () => {
    const [dear, cheap] = await Promise.all([
      platform().makeSku({ price: 50_000, stock: { loc_north: 1 } }),
      platform().makeSku({ price: 100, stock: { loc_south: 1 } }),
    ]);
    const lines = [dear, cheap].map((sku) => ({ sku, quantity: 1 }));
    const placed = await api().place({ lines, payment: { provider: 'simulated', token: 'tok_decline_above_20000' } });
    await api().deliver(await api().untilBooked(placed.id, 1));
    const done = await api().untilStatus(placed.id, 'partiallyCompleted');
    expect(done.fulfillments.map(({ status }) => status).toSorted()).toEqual(['completed', 'failed']);
    expect(await api().stock(dear)).toEqual(new Map([['loc_north', { onHand: 1, reserved: 0 }]]));
  });

  test('a capture declined after dispatch becomes a task: tried again it succeeds', async () => {
    const placed = await api().place({ payment: { provider: 'simulated', token: 'tok_decline_capture_once' } });
    await api().deliver(await api().untilBooked(placed.id));
    const waiting = await api().until(placed.id, ({ waitingFor }) => waitingFor?.kind === 'paymentException');
    expect(waiting.waitingFor?.choices).toEqual(['retry', 'writeOff']);
    const tasks = await api().get<{ items: { id: string }[] }>(`/v1/tasks?orderId=${placed.id}&status=open`);
    const task = tasks.body.items[0]?.id ?? '';
    const wrong = await api().post(`/v1/tasks/${task}/decision`, { decision: 'shrug' });
    expect([wrong.status, codeOf(wrong.body)]).toEqual([400, 'invalid']);
    expect((await api().post(`/v1/tasks/${task}/decision`, { decision: 'retry' })).body).toMatchObject({
      status: 'decided',
      decision: 'retry',
    });
    expect(await api().untilStatus(placed.id, 'completed')).toMatchObject({ paymentStatus: 'captured' });
    expect((await api().post(`/v1/tasks/${task}/decision`, { decision: 'retry' })).status).toBe(409);
  });

  test('a capture that stays declined can be written off, and nothing is charged', async () => {
    const placed = await api().place({ payment: { provider: 'simulated', token: 'tok_decline_capture' } });
    await api().deliver(await api().untilBooked(placed.id));
    await api().until(placed.id, ({ waitingFor }) => waitingFor?.kind === 'paymentException');
    const tasks = await api().get<{ items: { id: string }[] }>(`/v1/tasks?orderId=${placed.id}&kind=paymentException`);
    await api().post(`/v1/tasks/${tasks.body.items[0]?.id}/decision`, { decision: 'writeOff', note: 'a good customer' });
    expect(await api().untilStatus(placed.id, 'completed')).toMatchObject({ paymentStatus: 'voided' });
    expect(await api().payments(placed.id)).toMatchObject([{ captured: { amount: 0 } }]);
  });

  test.each(['tok_slow', 'tok_outage'])('a provider that is slow or out delays an order and charges it once (%s)', async (token) => {
    const placed = await api().place({ payment: { provider: 'simulated', token } });
    const { waitingFor } = await api().until(placed.id, (order) => order.waitingFor?.kind === 'step');
    expect(waitingFor).toMatchObject({ step: 'authorizePayment' });
    await api().deliver(await api().untilBooked(placed.id));
    await api().untilStatus(placed.id, 'completed');
    expect(await api().payments(placed.id)).toMatchObject([{ status: 'captured', captured: placed.total }]);
  });

  test('a parcel the carrier loses is refunded, and the order fails', async () => {
    const placed = await api().place();
    const [shipment = ''] = await api().untilBooked(placed.id);
    await api().report(shipment, 'dispatched');
    await api().until(placed.id, ({ paymentStatus }) => paymentStatus === 'captured');
    await api().report(shipment, 'lost');
    const done = await api().untilStatus(placed.id, 'failed');
    expect(done).toMatchObject({ paymentStatus: 'refunded', fulfillments: [{ status: 'failed' }] });
    expect(await api().payments(placed.id)).toMatchObject([{ status: 'refunded', refunded: placed.total }]);
  });

  test('carrier reports in the wrong order, twice and at once end in one delivery', async () => {
    const placed = await api().place();
    const [shipment = ''] = await api().untilBooked(placed.id);
    const reports = ['delivered', 'dispatched', 'delivered', 'dispatched'].map((status) => api().report(shipment, status, `evt-${status}`));
    expect((await Promise.all(reports)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    await api().untilStatus(placed.id, 'completed');
    const types = typesOf(await api().events(placed.id));
    expect(types.filter((type) => type === 'order.dispatched' || type === 'order.delivered')).toEqual([
      'order.dispatched',
      'order.delivered',
    ]);
  });

  test('an order above the review limit waits on hold for a person, who approves it', async () => {
    const sku = await platform().makeSku({ price: 2_700_000, stock: { loc_north: 10 } });
    const placed = await api().place({ lines: [{ sku, quantity: 10 }] });
    const held = await api().untilStatus(placed.id, 'onHold');
    expect(held.waitingFor).toMatchObject({ kind: 'fraudReview', choices: ['approve', 'reject'] });
    const tasks = await api().get<{ items: { id: string }[] }>(`/v1/tasks?orderId=${placed.id}&kind=fraudReview`);
    await api().post(`/v1/tasks/${tasks.body.items[0]?.id}/decision`, { decision: 'approve' });
    await api().deliver(await api().untilBooked(placed.id));
    await api().untilStatus(placed.id, 'completed');
  });

  test('a rejected review fails the order, gives the stock back, and an order on hold can be cancelled', async () => {
    const sku = await platform().makeSku({ price: 2_700_000, stock: { loc_north: 20 } });
    const [rejected, cancelled] = await Promise.all([
      api().place({ lines: [{ sku, quantity: 10 }] }),
      api().place({ lines: [{ sku, quantity: 10 }] }),
    ]);
    await Promise.all([rejected, cancelled].map(({ id }) => api().untilStatus(id, 'onHold')));
    const tasks = await api().get<{ items: { id: string }[] }>(`/v1/tasks?orderId=${rejected.id}`);
    await api().post(`/v1/tasks/${tasks.body.items[0]?.id}/decision`, { decision: 'reject' });
    await api().untilStatus(rejected.id, 'failed');
    await api().post(`/v1/orders/${cancelled.id}/cancel`, { reason: 'no patience' });
    await api().untilStatus(cancelled.id, 'cancelled');
    const closed = await api().get<{ items: { status: string }[] }>(`/v1/tasks?orderId=${cancelled.id}`);
    expect(closed.body.items).toMatchObject([{ status: 'closed' }]);
    expect(await api().stock(sku)).toEqual(new Map([['loc_north', { onHand: 20, reserved: 0 }]]));
  });

  test("a customer's limit holds when orders race for it, and a cancel makes room again", async () => {
    const sku = await platform().makeSku({ price: 15_000_000, stock: { loc_north: 50 } });
    const customerId = `cus_${randomUUID()}`;
    const body = { customerId, lines: [{ sku, quantity: 1 }] };
    const placed = await Promise.all(Array.from({ length: 6 }, () => api().place(body)));
    const settled = await Promise.all(
      placed.map(({ id }) =>
        api().until(id, ({ status, fulfillments }) => status === 'failed' || fulfillments.some((part) => part.shipmentId)),
      ),
    );
    const paid = settled.filter(({ status }) => status !== 'failed');
    expect(paid).toHaveLength(2); // the limit is 40,000,000, and each costs more than a third of it
    await api().post(`/v1/orders/${paid[0]?.id}/cancel`, { reason: 'room for another' });
    await api().untilStatus(paid[0]?.id ?? '', 'cancelled');
    await api().untilBooked((await api().place(body)).id);
  });
}
