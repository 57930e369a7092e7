import { openTestDatabase } from '@waybill/embedded/test-database';
import { newId } from '@waybill/kernel/ids';
import { money } from '@waybill/kernel/money';
import { sql } from 'kysely';
import { expect, onTestFinished, test } from 'vitest';
import type { OrderChange, ToldEvent } from './contract.ts';
import { type Acceptance, insertOrder } from './store/accept.ts';
import { projectOrder } from './store/project.ts';
import { eventsAfter, findOrder } from './store/read.ts';
import type { OrdersTables } from './store/tables.ts';

async function setUp() {
  const bed = await openTestDatabase<OrdersTables>({ folders: [new URL('./migrations/', import.meta.url)] });
  onTestFinished(() => bed[Symbol.asyncDispose]());
  const { db } = bed.database;
  const id = newId('ord');
  const address = { name: 'Ada', line1: '1', postalCode: '1', city: 'B', country: 'DE' };
  const accepted: Acceptance = {
    id,
    customerId: null,
    currency: 'EUR',
    lines: [],
    totals: [],
    total: 0,
    delivery: { method: 'ship', shippingMethod: 'standard', address },
    payment: { provider: 'simulated', token: 'tok_approve' },
    externalId: null,
    placedBy: 'key_admin',
    placedAt: new Date(),
    key: null,
  };
  await insertOrder(db, accepted);
  const told = (key: string): ToldEvent => ({
    key,
    type: `order.${key}`,
    at: new Date().toISOString(),
    actor: 'workflow',
    reason: null,
    data: { orderId: id },
  });
  const change = (fence: number, status: OrderChange['status'], keys: string[]): OrderChange => ({
    orderId: id,
    fence,
    status,
    paymentStatus: 'none',
    lines: [],
    totals: [],
    total: money(0, 'EUR'),
    fulfillments: [],
    waitingFor: null,
    cancelRequested: false,
    dispatched: false,
    events: keys.map(told),
    tasks: [],
  });
  const events = async () => (await eventsAfter(db, id, 0, 100)).map(({ sequence, type }) => `${sequence} ${type}`);
  const published = async () =>
    (await sql<{ sequence: number }>`select sequence from outbox where aggregate_id = ${id} order by sequence`.execute(db)).rows.length;
  return { db, id, change, events, published };
}

test('a repeated write changes nothing, and the version grows by one with each write', async () => {
  const { db, id, change, events, published } = await setUp();
  expect(await projectOrder(db, change(10, 'processing', ['stockReserved']))).toEqual({ version: 2, written: true });
  expect(await projectOrder(db, change(10, 'processing', ['stockReserved']))).toEqual({ version: 2 });
  expect(await findOrder(db, id)).toMatchObject({ status: 'processing', version: 2, waitingFor: null });
  expect(await events()).toEqual(['1 order.placed', '2 order.stockReserved']);
  expect(await published()).toBe(2);
});

test('an end is final: a later telling hears of it and changes nothing', async () => {
  const { db, id, change, events } = await setUp();
  await projectOrder(db, change(10, 'completed', ['end']));
  expect(await projectOrder(db, change(10, 'completed', ['end']))).toEqual({ version: 2 });
  expect(await projectOrder(db, change(20, 'failed', ['end', 'paymentVoided']))).toEqual({ version: 2, ended: 'completed' });
  expect(await findOrder(db, id)).toMatchObject({ status: 'completed', version: 2 });
  expect(await events()).toEqual(['1 order.placed', '2 order.end']);
});

test('a late write of a lost workflow task changes nothing', async () => {
  const { db, id, change, events } = await setUp();
  await projectOrder(db, change(20, 'cancelled', ['end']));
  await projectOrder(db, change(10, 'processing', ['shipmentBooked']));
  expect(await findOrder(db, id)).toMatchObject({ status: 'cancelled', version: 2 });
  expect(await events()).toEqual(['1 order.placed', '2 order.end']);
});

test('a story told again in another order keeps what was stored, adds what is new, and leaves no gap', async () => {
  const { db, change, events, published } = await setUp();
  await projectOrder(db, change(10, 'processing', ['stockReserved', 'paymentAuthorized', 'shipmentBooked']));
  await projectOrder(db, change(20, 'processing', ['cancelRequested', 'stockReserved', 'paymentAuthorized', 'paymentVoided']));
  expect(await events()).toEqual([
    '1 order.placed',
    '2 order.stockReserved',
    '3 order.paymentAuthorized',
    '4 order.shipmentBooked',
    '5 order.cancelRequested',
    '6 order.paymentVoided',
  ]);
  expect(await published()).toBe(6);
});

test('writes that overlap are one after the other, without a gap or a repeat', async () => {
  const { db, change, events, published } = await setUp();
  await Promise.all([1, 2, 3, 4, 5, 6].map((n) => projectOrder(db, change(n, 'processing', ['shared', `own${n}`]))));
  const stored = await events();
  expect(stored.map((event) => Number(event.split(' ')[0]))).toEqual(stored.map((_, index) => index + 1));
  expect(stored.filter((event) => event.endsWith('order.shared'))).toHaveLength(1);
  expect(await published()).toBe(stored.length);
});
