import { WaybillError } from '@waybill/kernel/errors';
import { newId } from '@waybill/kernel/ids';
import { formatMoney, money } from '@waybill/kernel/money';
import { createBooks } from './books.ts';
import type { Authorization, AuthorizePaymentInput, BillingCalls, CheckFraudInput, PaymentStatus, VoidPaymentInput } from './contract.ts';
import type { BillingMetrics } from './metrics.ts';
import type { PaymentProvider, ProviderCharge } from './provider.ts';
import { createProviderClient } from './provider-client.ts';
import { undoableStatuses } from './states.ts';
import type { FraudStore } from './store/fraud.ts';
import type { Begun, Finish, PaymentRow, PaymentStore, Taken } from './store/payments.ts';
import { checkAmount, checkTexts } from './validate.ts';

export type BillingCallsOptions = {
  payments: PaymentStore;
  fraud: FraudStore;
  providers: readonly PaymentProvider[];
  /** For everything one attempt of a step asks of the provider. The lease must last longer. */
  providerTimeoutMs: number;
  metrics: BillingMetrics;
  /** Called after each change, once it is committed. */
  onChange(): void;
};

type Captured = Awaited<ReturnType<BillingCalls['capturePayment']>>;
type Cancelled = Awaited<ReturnType<BillingCalls['cancelPayment']>>;

export function createBillingCalls({ payments, fraud, metrics, onChange, ...options }: BillingCallsOptions): BillingCalls {
  const { providerOf, ask } = createProviderClient({ ...options, metrics });

  /** Does the work of a lease and records its end. When it fails, the next attempt finds out at the provider how far it came. */
  async function take<R>(taken: Taken, work: (signal: AbortSignal) => Promise<Finish & { result: R }>): Promise<R> {
    if (taken.unsure) metrics.takeovers.add(1);
    try {
      const finish = await work(AbortSignal.timeout(options.providerTimeoutMs));
      if (!(await payments.finish(taken, finish))) throw busy(taken.payment.key);
      metrics.steps.add(1, { event: finish.event });
      onChange();
      return finish.result;
    } catch (error) {
      await payments.letGo(taken).catch(() => {}); // then the lease runs out by itself
      throw error;
    }
  }

  async function checkFraud(input: CheckFraudInput) {
    checkTexts({ orderId: input.orderId, customerId: input.customerId });
    checkAmount(input.amount);
    const { outcome, reason } = await fraud.judge(input);
    if (outcome === 'maintenance') throw maintenance();
    if (outcome === 'cancelled')
      throw new WaybillError('conflict', `the payments of order ${input.orderId} were called off, so it is not checked for fraud any more`);
    metrics.checks.add(1, { outcome });
    return { outcome, reason };
  }

  async function authorizePayment(input: AuthorizePaymentInput): Promise<Authorization> {
    const { key, orderId, fulfillmentId, customerId } = input;
    checkTexts({ key, orderId, fulfillmentId, customerId, provider: input.provider });
    checkAmount(input.amount);
    const begun = ready(await payments.beginAuthorize({ ...input, id: newId('pay') }), key);
    if (begun.kind === 'over') return repeatedAuthorization(begun, input);
    return take(begun, async (signal) => {
      const provider = providerOf(input.provider);
      if (!provider) return declined(begun.payment, `the payment provider ${input.provider} is not set up here`, null);
      const earlier = begun.unsure ? await ask(provider, 'find', signal, () => provider.find(key, signal)) : undefined;
      if (earlier && earlier.status !== 'declined' && earlier.status !== 'voided') return authorized(begun.payment, earlier);
      if (earlier) return declined(begun.payment, earlier.reason ?? 'the authorization was voided at the provider', earlier.reference);
      const request = { key, idempotencyKey: authorizationKey(key), amount: input.amount, token: input.token, signal };
      const answer = await ask(provider, 'authorize', signal, () => provider.authorize(request));
      return answer.outcome === 'authorized' ? authorized(begun.payment, answer) : declined(begun.payment, answer.reason, answer.reference);
    });
  }

  async function capturePayment({ key, attempt }: { key: string; attempt: number }): Promise<Captured> {
    checkTexts({ key });
    const step = `capture/${attempt}`;
    const begun = ready(await payments.begin(key, step, ['authorized']), key);
    if (begun.kind === 'over') return repeatedCapture(begun);
    return take(begun, async (signal) => {
      const { payment } = begun;
      const { provider, reference } = madeAt(payment);
      const earlier = begun.unsure ? await ask(provider, 'find', signal, () => provider.find(key, signal)) : undefined;
      if (earlier?.status === 'captured') return captured(step, payment.amount);
      const request = { key, idempotencyKey: `${key}/${step}`, reference, amount: amountOf(payment), signal };
      const answer = await ask(provider, 'capture', signal, () => provider.capture(request));
      if (answer.outcome === 'captured') return captured(step, payment.amount);
      return { step, result: answer, event: 'payment.captureDeclined', status: 'authorized' };
    });
  }

  async function cancelPayment(input: VoidPaymentInput): Promise<Cancelled> {
    const { key } = input;
    checkTexts({ key, orderId: input.orderId, customerId: input.customerId });
    checkAmount(input.amount);
    const begun = await payments.begin(key, 'cancel', undoableStatuses);
    if (begun.kind === 'unknown') {
      const fulfillmentId = key.slice(0, Math.max(key.lastIndexOf('/'), 0)) || key;
      const result: Cancelled = { outcome: 'nothing' };
      return (await payments.bury({ ...input, id: newId('pay'), fulfillmentId, result })) ? result : cancelPayment(input);
    }
    const open = ready(begun, key);
    if (open.kind === 'over') return repeatedCancel(open);
    return take(open, (signal) => undo(open, signal));
  }

  /** Voids or refunds, after what the provider says when an earlier step may have got further than our record. */
  async function undo({ payment, unsure }: Taken, signal: AbortSignal): Promise<Finish & { result: Cancelled }> {
    const { key } = payment;
    const provider = providerOf(payment.provider);
    if (!provider && payment.reference === null) return voided(null); // it was not set up when it was asked for, either
    if (!provider) throw notSetUp(payment);
    const known = unsure ? await ask(provider, 'find', signal, () => provider.find(key, signal)) : undefined;
    if (known?.status === 'declined' && payment.status === 'none')
      return { ...declined(payment, known.reason ?? 'declined', known.reference), step: 'cancel', result: { outcome: 'nothing' } };
    const reference = known?.reference ?? payment.reference;
    if (!hasCaptured(known?.status ?? payment.status)) {
      const request = { key, authorizationKey: authorizationKey(key), reference, signal };
      const answer = await ask(provider, 'void', signal, () => provider.void(request));
      if (answer.outcome === 'voided') return voided(reference);
    }
    if (reference === null) throw new WaybillError('unavailable', `the provider does not find the charge of payment ${key} yet`);
    const request = { key, idempotencyKey: `${key}/refund`, reference, amount: amountOf(payment), signal };
    await ask(provider, 'refund', signal, () => provider.refund(request));
    const { amount } = payment;
    return {
      step: 'cancel',
      result: { outcome: 'refunded' },
      event: 'payment.refunded',
      status: 'refunded',
      captured: amount,
      refunded: amount,
      reference,
    };
  }

  /** A payment that has been authorized knows where. */
  function madeAt(payment: PaymentRow) {
    const provider = providerOf(payment.provider);
    if (provider && payment.reference !== null) return { provider, reference: payment.reference };
    throw notSetUp(payment);
  }

  const compareBooks = createBooks({ payments, providers: options.providers, timeoutMs: options.providerTimeoutMs });
  return { checkFraud, authorizePayment, capturePayment, cancelPayment, compareBooks };
}

const notSetUp = ({ key, provider }: PaymentRow) =>
  new WaybillError('unavailable', `payment ${key} was made with ${provider}, which is not set up here now`);

/** By the status, not the amount: a capture of nothing is one too. */
const hasCaptured = (status: ProviderCharge['status'] | PaymentStatus): boolean =>
  status === 'captured' || status === 'refunded' || status === 'partiallyCaptured' || status === 'partiallyRefunded';

/** Derived from the payment's key alone, so that whoever calls it off knows it too. */
const authorizationKey = (key: string): string => `${key}/authorize`;
const amountOf = (payment: PaymentRow) => money(payment.amount, payment.currency);

const maintenance = () =>
  new WaybillError('unavailable', 'billing is in maintenance: it goes on when PUT /v1/fraud/settings says "maintenance": false', {
    retryAfter: 5,
  });
const busy = (key: string) => new WaybillError('unavailable', `payment ${key} is in progress`, { retryAfter: 1 });

function ready(begun: Begun, key: string): Extract<Begun, { kind: 'taken' | 'over' }> {
  if (begun.kind === 'maintenance') throw maintenance();
  if (begun.kind === 'busy') throw busy(key);
  if (begun.kind === 'unknown') throw new WaybillError('conflict', `payment ${key} was never authorized`);
  return begun;
}

function authorized(
  payment: PaymentRow,
  { reference, expiresAt }: { reference: string; expiresAt: string },
): Finish & { result: Authorization } {
  const result: Authorization = { outcome: 'authorized', paymentId: payment.id, expiresAt };
  return { step: 'authorize', result, event: 'payment.authorized', status: 'authorized', reference, expiresAt };
}

function declined(payment: PaymentRow, reason: string, reference: string | null): Finish & { result: Authorization } {
  const result: Authorization = { outcome: 'declined', paymentId: payment.id, reason };
  return { step: 'authorize', result, event: 'payment.declined', status: 'declined', declineReason: reason, reference };
}

const captured = (step: string, amount: number): Finish & { result: Captured } => ({
  step,
  result: { outcome: 'captured' },
  event: 'payment.captured',
  status: 'captured',
  captured: amount,
});

const voided = (reference: string | null): Finish & { result: Cancelled } => ({
  step: 'cancel',
  result: { outcome: 'voided' },
  event: 'payment.voided',
  status: 'voided',
  reference,
});

type Over = Extract<Begun, { kind: 'over' }>;

function repeatedAuthorization({ payment, result }: Over, input: AuthorizePaymentInput): Authorization {
  const same = payment.order_id === input.orderId && payment.amount === input.amount.amount && payment.currency === input.amount.currency;
  if (!same)
    throw new WaybillError(
      'conflict',
      `payment ${input.key} is for ${formatMoney(amountOf(payment))} of order ${payment.order_id}; use another key`,
    );
  if (result !== null) return result as Authorization; // written by `authorized` or `declined`
  throw new WaybillError('conflict', `payment ${input.key} is ${payment.status}, so it cannot be authorized`);
}

function repeatedCapture({ payment, result }: Over): Captured {
  if (result !== null) return result as Captured; // written by `captured` or the decline beside it
  if (payment.status === 'captured') return { outcome: 'captured' };
  if (payment.status === 'expired') return { outcome: 'declined', reason: 'the authorization has expired' };
  if (payment.status === 'none') throw busy(payment.key);
  throw new WaybillError('conflict', `payment ${payment.key} is ${payment.status}, so it cannot be captured`);
}

function repeatedCancel({ payment, result }: Over): Cancelled {
  if (result !== null) return result as Cancelled; // written by `undo` or with the tombstone
  return { outcome: payment.status === 'refunded' ? 'refunded' : payment.status === 'voided' ? 'voided' : 'nothing' };
}
