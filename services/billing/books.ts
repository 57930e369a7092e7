import { money } from '@waybill/kernel/money';
import type { BillingCalls, BookDifference, PaymentStatus } from './contract.ts';
import type { PaymentProvider } from './provider.ts';
import type { PaymentRow, PaymentStore } from './store/payments.ts';

/** Each payment is one question to the provider, so pages are small. */
const pageSize = 25;

type Theirs = NonNullable<BookDifference['theirs']>;

/** What a provider calls a charge that we call a payment of this status; an attempt that never reached it has none. */
const counterpart: Partial<Record<PaymentStatus, readonly string[]>> = {
  authorized: ['authorized'],
  // A provider may not have noticed yet that an authorization has lapsed.
  expired: ['authorized', 'voided', 'expired'],
  captured: ['captured'],
  refunded: ['refunded'],
  voided: ['voided', 'declined'],
  declined: ['declined', 'voided'],
};

function agree(payment: PaymentRow, theirs: Theirs | undefined): boolean {
  if (payment.captured !== (theirs?.captured ?? 0) || payment.refunded !== (theirs?.refunded ?? 0)) return false;
  if (!theirs) return !['authorized', 'captured', 'refunded'].includes(payment.status);
  return counterpart[payment.status]?.includes(theirs.status) ?? false;
}

const differenceOf = (payment: PaymentRow, theirs: Theirs | undefined): BookDifference => ({
  key: payment.key,
  orderId: payment.order_id,
  amount: money(payment.amount, payment.currency),
  ours: { status: payment.status, captured: payment.captured, refunded: payment.refunded },
  theirs: theirs ? { reference: theirs.reference, status: theirs.status, captured: theirs.captured, refunded: theirs.refunded } : null,
});

/**
 * Compares billing's payments with the providers' books: first ours with theirs, then theirs with ours, since after a restore the
 * provider knows of payments that billing has forgotten.
 */
export function createBooks(options: {
  payments: PaymentStore;
  providers: readonly PaymentProvider[];
  timeoutMs: number;
}): BillingCalls['compareBooks'] {
  const { payments, providers } = options;
  const byName = new Map(providers.map((provider) => [provider.name, provider]));

  async function ours(since: string, after: string): Promise<Awaited<ReturnType<BillingCalls['compareBooks']>>> {
    const signal = AbortSignal.timeout(options.timeoutMs);
    const rows = await payments.openOrChanged({ since, after, limit: pageSize });
    const differences: BookDifference[] = [];
    for (const payment of rows) {
      const provider = payment.provider === null ? undefined : byName.get(payment.provider);
      if (!provider) continue; // a tombstone: nobody was ever asked for money
      const theirs = await provider.find(payment.key, signal);
      if (!agree(payment, theirs)) differences.push(differenceOf(payment, theirs));
    }
    const last = rows.length === pageSize ? rows.at(-1)?.id : undefined;
    return { differences, compared: rows.length, next: last === undefined ? 'provider/0/' : `payment/${last}` };
  }

  async function theirs(since: string, index: number, after: string | null): Promise<Awaited<ReturnType<BillingCalls['compareBooks']>>> {
    const provider = providers[index];
    if (!provider) return { differences: [], compared: 0, next: null };
    const signal = AbortSignal.timeout(options.timeoutMs);
    const { charges, next } = await provider.changedSince({ since: new Date(since), after, limit: 4 * pageSize, signal });
    const known = new Map((await payments.byKeys(charges.map(({ key }) => key))).map((payment) => [payment.key, payment]));
    const differences = charges.flatMap(({ key, amount, ...charge }): BookDifference[] => {
      const payment = known.get(key);
      if (!payment) return charge.status === 'declined' ? [] : [{ key, orderId: null, amount, ours: null, theirs: charge }];
      // An older charge of the same payment is none of its business; one that says the same, neither.
      return payment.reference !== charge.reference || agree(payment, charge) ? [] : [differenceOf(payment, charge)];
    });
    return { differences, compared: charges.length, next: next === null ? `provider/${index + 1}/` : `provider/${index}/${next}` };
  }

  return async function compareBooks({ since, after }) {
    const [kind, first = '', second] = (after ?? 'payment/').split('/');
    return kind === 'provider' ? theirs(since, Number(first), second || null) : ours(since, first);
  };
}
