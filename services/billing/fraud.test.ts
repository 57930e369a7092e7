import { expect, test } from 'vitest';
import type { AuthorizePaymentInput } from './contract.ts';
import { newPayment, openBillingBed, untilAnswered } from './testing/bed.ts';

const eur = (amount: number) => ({ amount, currency: 'EUR' });
const cancelOf = ({ key, orderId, customerId, amount }: AuthorizePaymentInput) => ({ key, orderId, customerId, amount });

test('without settings every order is approved, and its amount is counted for its customer', async () => {
  await using bed = await openBillingBed();
  const input = newPayment();
  expect(await bed.calls.checkFraud(input)).toEqual({ outcome: 'approve', reason: null });
  expect(await bed.calls.checkFraud({ ...input, amount: eur(1) })).toEqual({ outcome: 'approve', reason: null });
  expect(await bed.tally(input.customerId ?? '')).toBe(2_500);
});

test('orders that race for the rest of a limit never pass it together', async () => {
  await using bed = await openBillingBed();
  await bed.settings({ limitPerCustomer: eur(10_000) });
  const orders = Array.from({ length: 12 }, () => ({ ...newPayment(), customerId: 'cus_racer' }));
  const decisions = await Promise.all(orders.map((order) => bed.calls.checkFraud(order)));
  expect(decisions.filter(({ outcome }) => outcome === 'approve')).toHaveLength(4);
  expect(decisions.filter(({ outcome }) => outcome === 'decline')).toHaveLength(8);
  expect(await bed.tally('cus_racer')).toBe(10_000);
});

test('many checks of one order at once count it once and agree', async () => {
  await using bed = await openBillingBed();
  await bed.settings({ limitPerCustomer: eur(10_000) });
  for (let round = 0; round < 20; round++) {
    // Two checks of the first would pass the limit; a guest's have no tally on which to wait for each other.
    const member = { ...newPayment(), amount: eur(9_000) };
    const guest = { ...newPayment(), customerId: null };
    for (const order of [member, guest]) {
      const decisions = await Promise.all(Array.from({ length: 8 }, () => bed.calls.checkFraud(order)));
      expect(decisions).toEqual(Array(8).fill({ outcome: 'approve', reason: null }));
    }
    expect(await bed.tally(member.customerId ?? '')).toBe(9_000);
  }
});

test('an order above the review amount, or in a currency the settings do not speak of, goes to a person', async () => {
  await using bed = await openBillingBed();
  await bed.settings({ reviewAbove: eur(2_499) });
  expect(await bed.calls.checkFraud(newPayment())).toMatchObject({ outcome: 'review', reason: expect.stringContaining('above') });
  expect(await bed.calls.checkFraud({ ...newPayment(), amount: eur(2_499) })).toMatchObject({ outcome: 'approve' });
  await bed.settings({ limitPerCustomer: eur(5_000) });
  expect(await bed.calls.checkFraud({ ...newPayment(), amount: { amount: 1, currency: 'JPY' } })).toMatchObject({ outcome: 'review' });
});

test('a guest has no history, so only the order itself is held against the limit', async () => {
  await using bed = await openBillingBed();
  await bed.settings({ limitPerCustomer: eur(2_500) });
  for (const amount of [2_500, 2_500]) {
    expect(await bed.calls.checkFraud({ ...newPayment(), customerId: null, amount: eur(amount) })).toMatchObject({ outcome: 'approve' });
  }
  expect(await bed.calls.checkFraud({ ...newPayment(), customerId: null, amount: eur(2_501) })).toMatchObject({ outcome: 'decline' });
});

test.each([
  ['declined', 'tok_decline', false],
  ['voided', 'tok_approve', false],
  ['refunded', 'tok_approve', true],
] as const)('a %s payment gives its amount back to the limit exactly once', async (_end, token, capture) => {
  await using bed = await openBillingBed();
  const input = newPayment(token);
  const customer = input.customerId ?? '';
  const kept = { ...newPayment(), customerId: input.customerId };
  await bed.calls.checkFraud(kept);
  await bed.calls.checkFraud(input);
  await bed.calls.authorizePayment(kept);
  await bed.calls.authorizePayment(input);
  if (capture) await bed.calls.capturePayment({ key: input.key, attempt: 1 });
  for (let times = 0; times < 3; times++) await bed.calls.cancelPayment(cancelOf(input));
  expect(await bed.tally(customer)).toBe(2_500);
});

test('a parcel called off before its payment gives back its part, and parcels that end together give back all', async () => {
  await using bed = await openBillingBed();
  const [orderId, customerId] = ['ord_parcels', 'cus_parcels'];
  const parcels = Array.from({ length: 5 }, () => ({ ...newPayment('tok_approve', 1_000), orderId, customerId }));
  await bed.calls.checkFraud({ orderId, customerId, amount: eur(5_000) });
  await bed.calls.cancelPayment(cancelOf(parcels[0]!));
  expect(await bed.tally(customerId)).toBe(4_000);
  await Promise.all(parcels.slice(1).map((parcel) => bed.calls.authorizePayment(parcel)));
  await Promise.all(parcels.map((parcel) => untilAnswered(() => bed.calls.cancelPayment(cancelOf(parcel)))));
  expect(await bed.tally(customerId)).toBe(0);
});

test('a renewed authorization keeps counting while the old one is voided', async () => {
  await using bed = await openBillingBed();
  const first = newPayment();
  const customer = first.customerId ?? '';
  const second = { ...first, key: `${first.fulfillmentId}/2` };
  const third = { ...first, key: `${first.fulfillmentId}/3` };
  await bed.calls.checkFraud(first);
  await bed.calls.authorizePayment(first);
  await bed.calls.authorizePayment(second);
  await bed.calls.cancelPayment(cancelOf(first));
  expect(await bed.tally(customer)).toBe(2_500);
  await bed.calls.cancelPayment(cancelOf(second));
  expect(await bed.tally(customer)).toBe(0);
  await bed.calls.authorizePayment(third);
  expect(await bed.tally(customer)).toBe(2_500);
});

test('in maintenance every step waits and says so, and goes on afterwards', async () => {
  await using bed = await openBillingBed();
  const input = newPayment();
  await bed.calls.authorizePayment(input);
  await bed.settings({ maintenance: true });
  const steps = [
    () => bed.calls.checkFraud(input),
    () => bed.calls.authorizePayment(newPayment()),
    () => bed.calls.capturePayment({ key: input.key, attempt: 1 }),
    () => bed.calls.cancelPayment(cancelOf(input)),
    () => bed.calls.cancelPayment(cancelOf(newPayment())),
  ];
  for (const step of steps)
    await expect(step()).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('maintenance') });
  expect(await bed.events()).toHaveLength(1);
  await bed.settings({ maintenance: false });
  for (const step of steps) await step();
});
