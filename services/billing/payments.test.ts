import pg from 'pg';
import { expect, onTestFinished, test, vi } from 'vitest';
import { newPayment, openBillingBed, untilAnswered } from './testing/bed.ts';

const kinds = (charge: { entries: { kind: string }[] } | undefined) => charge?.entries.map(({ kind }) => kind);

test('a payment is authorized and captured, and every repeat gets the first answer', async () => {
  await using bed = await openBillingBed();
  const input = newPayment();
  const first = await bed.calls.authorizePayment(input);
  expect(first).toEqual({ outcome: 'authorized', paymentId: expect.stringMatching(/^pay_/), expiresAt: expect.any(String) });
  expect(await bed.calls.authorizePayment(input)).toEqual(first);
  expect(await bed.calls.capturePayment({ key: input.key, attempt: 1 })).toEqual({ outcome: 'captured' });
  expect(await bed.calls.capturePayment({ key: input.key, attempt: 1 })).toEqual({ outcome: 'captured' });
  expect(await bed.calls.capturePayment({ key: input.key, attempt: 2 })).toEqual({ outcome: 'captured' });
  expect(await bed.calls.authorizePayment(input)).toEqual(first);
  expect(await bed.payment(input.key)).toMatchObject({ status: 'captured', captured: 2_500, refunded: 0 });
  expect((await bed.book()).map(kinds)).toEqual([['authorize', 'capture']]);
  expect((await bed.events()).map(({ type, sequence }) => [type, sequence])).toEqual([
    ['payment.authorized', 1],
    ['payment.captured', 2],
  ]);
});

test('many attempts of each step at once have the effect of one', async () => {
  await using bed = await openBillingBed();
  const input = newPayment();
  const many = <T>(call: () => Promise<T>) => Promise.all(Array.from({ length: 8 }, () => untilAnswered(call)));
  const answers = await many(() => bed.calls.authorizePayment(input));
  expect(answers).toEqual(Array(8).fill(answers[0]));
  expect(await many(() => bed.calls.capturePayment({ key: input.key, attempt: 1 }))).toEqual(Array(8).fill({ outcome: 'captured' }));
  const cancel = { key: input.key, orderId: input.orderId, customerId: input.customerId, amount: input.amount };
  expect(await many(() => bed.calls.cancelPayment(cancel))).toEqual(Array(8).fill({ outcome: 'refunded' }));
  expect((await bed.book()).map(kinds)).toEqual([['authorize', 'capture', 'refund']]);
  expect(await bed.events()).toHaveLength(3);
});

test('a cancel voids an authorization, refunds a capture, and leaves a declined payment as it is', async () => {
  await using bed = await openBillingBed();
  const open = newPayment();
  const declined = newPayment('tok_decline');
  const cancelOf = ({ key, orderId, customerId, amount }: typeof open) => ({ key, orderId, customerId, amount });
  await bed.calls.authorizePayment(open);
  expect(await bed.calls.authorizePayment(declined)).toMatchObject({ outcome: 'declined', reason: 'the card was declined' });
  expect(await bed.calls.cancelPayment(cancelOf(open))).toEqual({ outcome: 'voided' });
  expect(await bed.calls.cancelPayment(cancelOf(open))).toEqual({ outcome: 'voided' });
  expect(await bed.calls.cancelPayment(cancelOf(declined))).toEqual({ outcome: 'nothing' });
  await expect(bed.calls.capturePayment({ key: open.key, attempt: 1 })).rejects.toMatchObject({ code: 'conflict' });
  await expect(bed.calls.capturePayment({ key: declined.key, attempt: 1 })).rejects.toMatchObject({ code: 'conflict' });
  expect((await bed.book()).map(kinds)).toEqual([['authorize', 'void'], []]);
});

test('a payment of nothing is captured and refunded like any other', async () => {
  await using bed = await openBillingBed();
  const input = newPayment('tok_approve', 0);
  await bed.calls.authorizePayment(input);
  await bed.calls.capturePayment({ key: input.key, attempt: 1 });
  const cancel = { key: input.key, orderId: input.orderId, customerId: input.customerId, amount: input.amount };
  expect(await bed.calls.cancelPayment(cancel)).toEqual({ outcome: 'refunded' });
  expect((await bed.book()).map(kinds)).toEqual([['authorize', 'capture', 'refund']]);
});

test('a cancel that comes before its authorization refuses it, and nothing is asked of the provider', async () => {
  await using bed = await openBillingBed();
  const input = newPayment();
  const cancel = { key: input.key, orderId: input.orderId, customerId: input.customerId, amount: input.amount };
  expect(await Promise.all([bed.calls.cancelPayment(cancel), bed.calls.cancelPayment(cancel)])).toEqual([
    { outcome: 'nothing' },
    { outcome: 'nothing' },
  ]);
  await expect(bed.calls.authorizePayment(input)).rejects.toMatchObject({ code: 'conflict' });
  await expect(bed.calls.capturePayment({ key: input.key, attempt: 1 })).rejects.toMatchObject({ code: 'conflict' });
  await expect(bed.calls.checkFraud(input)).rejects.toMatchObject({ code: 'conflict' });
  expect(await bed.book()).toEqual([]);
  expect(await bed.events()).toEqual([]);
});

test('a capture of a payment that was never authorized is refused', async () => {
  await using bed = await openBillingBed();
  await expect(bed.calls.capturePayment({ key: 'ful_none/1', attempt: 1 })).rejects.toMatchObject({ code: 'conflict' });
});

test('the same key with another amount or order is refused', async () => {
  await using bed = await openBillingBed();
  const input = newPayment();
  await bed.calls.authorizePayment(input);
  await expect(bed.calls.authorizePayment({ ...input, amount: { amount: 1, currency: 'EUR' } })).rejects.toMatchObject({
    code: 'conflict',
  });
  await expect(bed.calls.authorizePayment({ ...input, orderId: 'ord_other' })).rejects.toMatchObject({ code: 'conflict' });
});

test('the tokens behave as documented', async () => {
  await using bed = await openBillingBed();
  const pay = async (token: string, amount?: number) => {
    const input = newPayment(token, amount);
    return { input, answer: await bed.calls.authorizePayment(input) };
  };
  expect((await pay('tok_nonsense')).answer).toMatchObject({ outcome: 'declined', reason: 'unknown token' });
  expect((await pay('\0\ud800 "); drop table payment')).answer).toMatchObject({ outcome: 'declined', reason: 'unknown token' });
  expect((await pay('tok_decline_above_1000', 1_001)).answer).toMatchObject({
    outcome: 'declined',
    reason: 'the card was declined: 10.01 EUR is above its limit of 10.00 EUR',
  });
  expect((await pay('tok_decline_above_1000', 1_000)).answer).toMatchObject({ outcome: 'authorized' });
  const never = await pay('tok_decline_capture');
  const once = await pay('tok_decline_capture_once');
  for (const attempt of [1, 1, 2, 2]) {
    expect(await bed.calls.capturePayment({ key: never.input.key, attempt })).toEqual({
      outcome: 'declined',
      reason: 'the capture was declined',
    });
  }
  expect(await bed.calls.capturePayment({ key: once.input.key, attempt: 1 })).toMatchObject({ outcome: 'declined' });
  expect(await bed.calls.capturePayment({ key: once.input.key, attempt: 1 })).toMatchObject({ outcome: 'declined' });
  expect(await bed.calls.capturePayment({ key: once.input.key, attempt: 2 })).toEqual({ outcome: 'captured' });
  const other = await bed.calls.authorizePayment({ ...newPayment(), provider: 'nobody' });
  expect(other).toMatchObject({ outcome: 'declined', reason: 'the payment provider nobody is not set up here' });
});

test('an outage of the provider is waited out, whether the order goes on or is called off', async () => {
  await using bed = await openBillingBed({ outageMs: 400 });
  const [kept, dropped] = [newPayment('tok_outage'), newPayment('tok_outage')];
  await expect(bed.calls.authorizePayment(kept)).rejects.toMatchObject({ code: 'unavailable' });
  await expect(bed.calls.authorizePayment(dropped)).rejects.toMatchObject({ code: 'unavailable' });
  const cancel = { key: dropped.key, orderId: dropped.orderId, customerId: dropped.customerId, amount: dropped.amount };
  await expect(bed.calls.cancelPayment(cancel)).rejects.toMatchObject({ code: 'unavailable' });
  expect(await untilAnswered(() => bed.calls.authorizePayment(kept))).toMatchObject({ outcome: 'authorized' });
  expect(await untilAnswered(() => bed.calls.cancelPayment(cancel))).toEqual({ outcome: 'voided' });
  await expect(bed.calls.authorizePayment(dropped)).rejects.toMatchObject({ code: 'conflict' });
  expect((await bed.book()).map(({ key }) => key)).toEqual([kept.key]);
});

test('a slow authorization is one authorization, however often it is asked for', async () => {
  await using bed = await openBillingBed({ slowMs: 400 });
  const input = newPayment('tok_slow');
  const slow = bed.calls.authorizePayment(input);
  await expect.poll(() => bed.payment(input.key)).toBeDefined();
  await expect(bed.calls.authorizePayment(input)).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('in progress'),
  });
  const answer = await untilAnswered(() => bed.calls.authorizePayment(input));
  expect(answer).toEqual(await slow);
  expect(await bed.book()).toHaveLength(1);
});

test('a provider that answers too late is asked what became of the payment', async () => {
  await using bed = await openBillingBed({ slowMs: 60_000, providerTimeoutMs: 100 });
  const input = newPayment('tok_slow');
  await expect(bed.calls.authorizePayment(input)).rejects.toMatchObject({ code: 'unavailable' });
  expect(await bed.calls.authorizePayment(input)).toMatchObject({ outcome: 'authorized' });
  expect((await bed.book()).map(kinds)).toEqual([['authorize']]);
});

test.each(['authorize', 'capture', 'cancel'] as const)(
  'a crash between the answer to %s and our record moves no money twice',
  async (crashed) => {
    // Our idempotency key is forgotten at once: only looking the payment up can prevent a second charge.
    await using bed = await openBillingBed({ leaseMs: 150, idempotencyLifetimeMs: 0 });
    const input = newPayment();
    const cancel = { key: input.key, orderId: input.orderId, customerId: input.customerId, amount: input.amount };
    const dying = bed.callsWith({
      payments: {
        ...bed.payments,
        finish: () => Promise.reject(new Error('the process died')),
        letGo: () => Promise.reject(new Error('dead')),
      },
    });
    const steps = [
      { name: 'authorize', take: (calls: typeof dying) => calls.authorizePayment(input) as Promise<unknown> },
      { name: 'capture', take: (calls: typeof dying) => calls.capturePayment({ key: input.key, attempt: 1 }) },
      { name: 'cancel', take: (calls: typeof dying) => calls.cancelPayment(cancel) },
    ];
    for (const { name, take } of steps) {
      if (name === crashed) await expect(take(dying)).rejects.toThrow('the process died');
      await untilAnswered(() => take(bed.calls));
    }
    expect(await bed.payment(input.key)).toMatchObject({ status: 'refunded', captured: 2_500, refunded: 2_500 });
    expect((await bed.book()).map(kinds)).toEqual([['authorize', 'capture', 'refund']]);
  },
);

test.each(['authorize', 'capture'] as const)('a cancel after a crash in %s undoes what really happened', async (crashed) => {
  await using bed = await openBillingBed({ leaseMs: 150, idempotencyLifetimeMs: 0 });
  const input = newPayment();
  const dying = bed.callsWith({
    payments: {
      ...bed.payments,
      finish: () => Promise.reject(new Error('the process died')),
      letGo: () => Promise.reject(new Error('dead')),
    },
  });
  if (crashed === 'capture') await bed.calls.authorizePayment(input);
  const crash = crashed === 'authorize' ? dying.authorizePayment(input) : dying.capturePayment({ key: input.key, attempt: 1 });
  await expect(crash).rejects.toThrow('the process died');
  const cancel = { key: input.key, orderId: input.orderId, customerId: input.customerId, amount: input.amount };
  await expect(bed.calls.cancelPayment(cancel)).rejects.toMatchObject({ code: 'unavailable' });
  const expected = crashed === 'authorize' ? 'voided' : 'refunded';
  expect(await untilAnswered(() => bed.calls.cancelPayment(cancel))).toEqual({ outcome: expected });
  expect(await bed.payment(input.key)).toMatchObject({ status: expected });
  expect((await bed.book()).map(kinds)).toEqual([crashed === 'authorize' ? ['authorize', 'void'] : ['authorize', 'capture', 'refund']]);
});

test('an attempt that lost its lease records nothing over the one that took over', async () => {
  await using bed = await openBillingBed({ leaseMs: 100 });
  const input = newPayment();
  const { promise: resumed, resolve: resume } = Promise.withResolvers<void>();
  const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
  const frozen = bed.callsWith({
    payments: {
      ...bed.payments,
      async finish(taken, finish) {
        arrive();
        await resumed;
        return bed.payments.finish(taken, finish);
      },
    },
  });
  const late = frozen.authorizePayment(input);
  await arrived;
  const answer = await untilAnswered(() => bed.calls.authorizePayment(input));
  resume();
  await expect(late).rejects.toMatchObject({ code: 'unavailable' });
  expect(await bed.calls.authorizePayment(input)).toEqual(answer);
  expect(await bed.events()).toHaveLength(1);
});

test('a lease that was taken over ends nothing, also while its successor is still at work', async () => {
  await using bed = await openBillingBed({ leaseMs: 50 });
  const input = newPayment();
  await bed.calls.authorizePayment(input);
  const begin = async () => {
    const begun = await bed.payments.begin(input.key, 'capture/1', ['authorized']);
    return begun.kind === 'taken' ? begun : undefined;
  };
  const first = await begin();
  const { promise, resolve } = Promise.withResolvers<NonNullable<typeof first>>();
  await expect
    .poll(async () => {
      const second = await begin();
      if (second) resolve(second);
      return second;
    })
    .toMatchObject({ unsure: true });
  const end = {
    step: 'capture/1',
    result: { outcome: 'captured' },
    event: 'payment.captured',
    status: 'captured',
    captured: 2_500,
  } as const;
  expect(await bed.payments.finish(first!, end)).toBe(false);
  expect(await bed.payments.finish(await promise, end)).toBe(true);
});

test('an undisturbed payment costs one statement to check, three to authorize and three to capture', async () => {
  await using bed = await openBillingBed();
  const input = newPayment();
  const sent = vi.spyOn(pg.Client.prototype, 'query');
  onTestFinished(() => sent.mockRestore());
  const statements = async (step: () => Promise<unknown>) => {
    sent.mockClear();
    await step();
    return sent.mock.calls.length;
  };
  await bed.fraud.settings(); // opens the connection
  expect(await statements(() => bed.calls.checkFraud(input))).toBe(1);
  expect(await statements(() => bed.calls.authorizePayment(input))).toBe(3);
  expect(await statements(() => bed.calls.capturePayment({ key: input.key, attempt: 1 }))).toBe(3);
});

test('no connection is held while the provider is asked', async () => {
  await using bed = await openBillingBed();
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
  const slow = vi.fn(bed.provider.authorize);
  const calls = bed.callsWith({ provider: { ...bed.provider, authorize: async (request) => answered.then(() => slow(request)) } });
  const inputs = Array.from({ length: 30 }, () => newPayment()); // thrice the pool
  const open = inputs.map((input) => calls.authorizePayment(input));
  await expect
    .poll(async () => (await bed.payments.list({ orderId: undefined, status: 'none', before: undefined, limit: 100 })).length)
    .toBe(30);
  answer();
  expect((await Promise.all(open)).every(({ outcome }) => outcome === 'authorized')).toBe(true);
});

test('authorizations expire, and an expired one is not captured', async () => {
  await using bed = await openBillingBed({ authorizationLifetimeMs: 50 });
  const [shown, asked] = [newPayment(), newPayment()];
  await bed.calls.authorizePayment(shown);
  const answer = await bed.calls.authorizePayment(asked);
  await expect.poll(() => answer.outcome === 'authorized' && Date.parse(answer.expiresAt) < Date.now()).toBe(true);
  const late = await bed.calls.capturePayment({ key: asked.key, attempt: 1 });
  expect(late).toEqual({ outcome: 'declined', reason: 'the authorization has expired' });
  await expect.poll(() => bed.payments.expire(10)).toBe(2);
  expect(await bed.payment(shown.key)).toMatchObject({ status: 'expired' });
  expect(await bed.calls.capturePayment({ key: shown.key, attempt: 1 })).toMatchObject({ outcome: 'declined' });
  const cancel = { key: shown.key, orderId: shown.orderId, customerId: shown.customerId, amount: shown.amount };
  expect(await bed.calls.cancelPayment(cancel)).toEqual({ outcome: 'voided' });
});

test('what cannot be stored is refused by field', async () => {
  await using bed = await openBillingBed();
  const input = newPayment();
  for (const orderId of ['', 'a\0b', '\ud800', 'x'.repeat(201)]) {
    await expect(bed.calls.authorizePayment({ ...input, orderId })).rejects.toMatchObject({
      code: 'invalid',
      errors: [{ field: 'orderId' }],
    });
    await expect(bed.calls.checkFraud({ ...input, orderId })).rejects.toMatchObject({ code: 'invalid' });
  }
  for (const amount of [-1, 1.5, 1e15, Number.NaN]) {
    const bad = { ...input, amount: { amount, currency: 'EUR' } };
    await expect(bed.calls.authorizePayment(bad)).rejects.toMatchObject({ code: 'invalid', errors: [{ field: 'amount.amount' }] });
  }
  const odd = { ...input, key: "ful_'; drop table payment; --/1", orderId: '<b>ord</b> 🫖 \u202e' };
  expect(await bed.calls.authorizePayment(odd)).toMatchObject({ outcome: 'authorized' });
  expect(await bed.payment(odd.key)).toMatchObject({ order_id: odd.orderId });
});
