import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { allowedActions, isEnd, mayMove, orderMoves, orderStatuses, type PaymentPart, paymentStatusOf } from './states.ts';

const part = (outcome: PaymentPart['outcome']): PaymentPart => ({ outcome, amount: 100 });

test('an end has no way out, and every open status has a way to an end', () => {
  for (const status of orderStatuses) {
    expect(orderMoves[status].length === 0).toBe(isEnd(status));
    const reach = new Set([status]);
    for (const from of reach) for (const to of orderMoves[from]) reach.add(to);
    expect([...reach].some(isEnd), status).toBe(true);
  }
});

test('nothing moves to pending, and nothing moves to itself', () => {
  for (const status of orderStatuses) {
    expect(mayMove(orderMoves, status, 'pending')).toBe(false);
    expect(mayMove(orderMoves, status, status)).toBe(false);
  }
});

test('the payment status of an order follows from its parcels', () => {
  expect(paymentStatusOf([])).toBe('none');
  expect(paymentStatusOf([part('authorized'), part('declined')])).toBe('authorized');
  expect(paymentStatusOf([part('declined')])).toBe('declined');
  expect(paymentStatusOf([part('captured'), part('authorized')])).toBe('partiallyCaptured');
  expect(paymentStatusOf([part('captured'), part('declined')])).toBe('captured');
  expect(paymentStatusOf([part('voided'), part('voided')])).toBe('voided');
  expect(paymentStatusOf([part('refunded'), part('captured')])).toBe('partiallyRefunded');
  expect(paymentStatusOf([part('refunded')])).toBe('refunded');
});

test('the order of parcels does not change the payment status', () => {
  const outcome = fc.constantFrom('none', 'authorized', 'declined', 'captured', 'voided', 'refunded');
  fc.assert(
    fc.property(fc.array(outcome.map(part), { maxLength: 6 }), (parts) => {
      expect(paymentStatusOf(parts.toReversed())).toBe(paymentStatusOf(parts));
    }),
  );
});

test('an ended order offers no action, and one that has left cannot be cancelled', () => {
  expect(allowedActions({ status: 'completed', dispatched: true, cancelRequested: false })).toEqual([]);
  expect(allowedActions({ status: 'processing', dispatched: true, cancelRequested: false })).toEqual([]);
  expect(allowedActions({ status: 'processing', dispatched: false, cancelRequested: false })).toEqual(['cancel']);
  expect(allowedActions({ status: 'customerActionRequired', dispatched: false, cancelRequested: false })).toEqual(['choice', 'cancel']);
});

test('the database takes the same statuses for an end as the workflow does', () => {
  const folder = new URL('./migrations/', import.meta.url);
  const texts = readdirSync(folder)
    .toSorted()
    .map((name) => readFileSync(new URL(name, folder), 'utf8'));
  const lists = texts.flatMap((text) => [...text.matchAll(/known\.status in \(([^)]*)\)/g)].map(([, list]) => list ?? ''));
  const latest =
    lists
      .at(-1)
      ?.split(',')
      .map((status) => status.trim().replaceAll("'", '')) ?? [];
  expect(latest.toSorted()).toEqual(orderStatuses.filter(isEnd).toSorted());
});
