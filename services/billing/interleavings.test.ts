import { WaybillError } from '@waybill/kernel/errors';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PaymentProvider } from './provider.ts';
import { newPayment, openBillingBed, untilAnswered } from './testing/bed.ts';

const leaseMs = 60;
const faults = ['none', 'none', 'refused', 'lostAnswer', 'late'] as const;
const ops = ['authorize', 'capture', 'cancel'] as const;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const unavailable = () => new WaybillError('unavailable', 'the line is down');

/** A line to the provider that loses requests, loses answers, and delivers requests after everybody has given up on them. */
function badLine(provider: PaymentProvider, next: () => (typeof faults)[number], underWay: Promise<unknown>[]): PaymentProvider {
  const over =
    <A extends unknown[], R>(call: (...input: A) => Promise<R>) =>
    async (...input: A): Promise<R> => {
      const fault = next();
      if (fault === 'refused') throw unavailable();
      const arrives = fault === 'late' ? pause(leaseMs * 2) : Promise.resolve();
      // The provider gets a signal of its own: that our side stopped listening does not stop what is on its way.
      const request = input.map((part) =>
        typeof part === 'object' && part !== null && 'signal' in part ? { ...part, signal: neverAborted } : part,
      ) as A;
      const answer = arrives.then(() => call(...request));
      underWay.push(answer.catch(() => {}));
      const value = await answer;
      if (fault === 'lostAnswer') throw unavailable();
      return value;
    };
  return {
    name: provider.name,
    authorize: over(provider.authorize),
    capture: over(provider.capture),
    void: over(provider.void),
    refund: over(provider.refund),
    find: (key) => provider.find(key, neverAborted),
    changedSince: provider.changedSince,
  };
}
const neverAborted = new AbortController().signal;

const plan = fc.record({
  token: fc.constantFrom('tok_approve', 'tok_approve', 'tok_decline', 'tok_decline_capture_once', 'tok_decline_above_1000'),
  amount: fc.integer({ min: 0, max: 2_000 }),
  steps: fc.array(
    fc.record({ op: fc.constantFrom(...ops), attempt: fc.integer({ min: 1, max: 2 }), afterMs: fc.integer({ min: 0, max: 40 }) }),
    {
      minLength: 1,
      maxLength: 8,
    },
  ),
  faults: fc.array(fc.constantFrom(...faults), { maxLength: 12 }),
  crashes: fc.array(fc.boolean(), { maxLength: 8 }),
});

test('whatever the order of steps, crashes and lost messages: our rows and the provider’s book agree, and nothing moves twice', async () => {
  await using bed = await openBillingBed({ leaseMs });
  await fc.assert(
    fc.asyncProperty(plan, async ({ token, amount, steps, faults: planned, crashes }) => {
      const input = newPayment(token, amount);
      const cancel = { key: input.key, orderId: input.orderId, customerId: input.customerId, amount: input.amount };
      const [pendingFaults, pendingCrashes] = [[...planned], [...crashes]];
      const underWay: Promise<unknown>[] = [];
      const calls = bed.callsWith({
        providerTimeoutMs: leaseMs - 20,
        provider: badLine(bed.provider, () => pendingFaults.shift() ?? 'none', underWay),
        payments: {
          ...bed.payments,
          // A crash: the provider has answered, and neither the record nor the end of the lease is written.
          finish: (...input) => (pendingCrashes.shift() ? Promise.reject(unavailable()) : bed.payments.finish(...input)),
          letGo: (taken) => (pendingCrashes.shift() ? Promise.reject(unavailable()) : bed.payments.letGo(taken)),
        },
      });
      const takeStep = async ({ op, attempt, afterMs }: (typeof steps)[number]) => {
        await pause(afterMs);
        const call = {
          authorize: () => calls.authorizePayment(input),
          capture: () => calls.capturePayment({ key: input.key, attempt }),
          cancel: () => calls.cancelPayment(cancel),
        }[op];
        return untilAnswered<unknown>(call).catch((error: unknown) => {
          if (!(error instanceof WaybillError) || error.code !== 'conflict') throw error;
        });
      };
      await bed.calls.checkFraud(input).catch(() => {});
      await Promise.all(steps.map(takeStep));
      await Promise.all(underWay);

      const row = await bed.payment(input.key);
      const charges = (await bed.book()).filter(({ key }) => key === input.key);
      const moved = (kind: string) => charges.flatMap(({ entries }) => entries).filter((entry) => entry.kind === kind);
      for (const kind of ['authorize', 'capture', 'void', 'refund']) expect(moved(kind).length).toBeLessThanOrEqual(1);
      const sum = (kind: string) => moved(kind).reduce((total, entry) => total + entry.amount, 0);
      expect(sum('capture')).toBe(row?.captured ?? 0);
      expect(sum('refund')).toBe(row?.refunded ?? 0);
      expect(moved('void').length + moved('capture').length).toBeLessThanOrEqual(moved('authorize').length);
      const left = moved('authorize').length - moved('void').length - moved('refund').length;
      expect(left).toBe(['authorized', 'captured'].includes(row?.status ?? '') ? 1 : 0);
      if (steps.some(({ op }) => op === 'cancel')) expect(['voided', 'refunded', 'declined']).toContain(row?.status);
      expect(await bed.tally(input.customerId ?? '')).toBe(row && ['voided', 'refunded', 'declined'].includes(row.status) ? 0 : amount);
      const sequences = (await bed.events()).filter(({ aggregate_id }) => aggregate_id === row?.id).map(({ sequence }) => sequence);
      expect(sequences).toEqual(sequences.map((_, index) => index + 1));
    }),
    { numRuns: 60, endOnFailure: true },
  );
}, 120_000);
