import { metrics } from '@opentelemetry/api';
import { openTestDatabase } from '@waybill/embedded/test-database';
import { WaybillError } from '@waybill/kernel/errors';
import { type Kysely, sql } from 'kysely';
import { createBillingCalls } from '../calls.ts';
import type { AuthorizePaymentInput } from '../contract.ts';
import { createBillingMetrics } from '../metrics.ts';
import type { PaymentProvider } from '../provider.ts';
import { createSimulatedProvider } from '../simulated-provider.ts';
import { createFraudStore, type FraudSettings } from '../store/fraud.ts';
import { createPaymentStore, type PaymentStore } from '../store/payments.ts';

export type BedOptions = {
  leaseMs?: number;
  providerTimeoutMs?: number;
  slowMs?: number;
  outageMs?: number;
  authorizationLifetimeMs?: number;
  idempotencyLifetimeMs?: number;
  wrapProvider?: (provider: PaymentProvider) => PaymentProvider;
};

/** Billing on a database of its own, with the simulated provider and short times. */
export async function openBillingBed(options: BedOptions = {}) {
  const { wrapProvider = (provider) => provider } = options;
  const opened = await openTestDatabase<unknown>({ folders: [new URL('../migrations/', import.meta.url)] });
  const { database } = opened;
  const payments = createPaymentStore(database.db, { leaseMs: options.leaseMs ?? 5_000 });
  const fraud = createFraudStore(database.db);
  const provider = createSimulatedProvider({
    database,
    authorizationLifetimeMs: options.authorizationLifetimeMs ?? 60_000,
    slowMs: options.slowMs ?? 5_000,
    outageMs: options.outageMs ?? 60_000,
    ...(options.idempotencyLifetimeMs === undefined ? {} : { idempotencyLifetimeMs: options.idempotencyLifetimeMs }),
  });
  const callsWith = (changes: { payments?: PaymentStore; provider?: PaymentProvider; providerTimeoutMs?: number } = {}) =>
    createBillingCalls({
      payments: changes.payments ?? payments,
      fraud,
      providers: [changes.provider ?? wrapProvider(provider)],
      providerTimeoutMs: changes.providerTimeoutMs ?? options.providerTimeoutMs ?? 2_000,
      metrics: createBillingMetrics(metrics.getMeter('test')),
      onChange() {},
    });
  return {
    db: database.db,
    payments,
    fraud,
    provider,
    calls: callsWith(),
    callsWith,
    settings: (settings: Partial<FraudSettings>) =>
      fraud.saveSettings({ limitPerCustomer: null, reviewAbove: null, maintenance: false, ...settings }, undefined),
    payment: async (key: string) =>
      (await payments.list({ orderId: undefined, status: undefined, before: undefined, limit: 10_000 })).find((row) => row.key === key),
    events: async () =>
      (
        await sql<{
          type: string;
          aggregate_id: string;
          sequence: number;
        }>`select type, aggregate_id, sequence from outbox order by id`.execute(database.db)
      ).rows,
    tally: async (customerId: string) =>
      (await sql<{ amount: number }>`select amount from customer_tally where customer_id = ${customerId}`.execute(database.db)).rows[0]
        ?.amount ?? 0,
    book: () => readBook(database.db),
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

export type Charge = {
  reference: string;
  key: string;
  status: string;
  amount: number;
  captured: number;
  refunded: number;
  /** Movements by kind. */
  entries: { kind: string; amount: number }[];
};

async function readBook(db: Kysely<unknown>): Promise<Charge[]> {
  const { rows } = await sql<Charge>`
    select c.reference, c.key, c.status, c.amount, c.captured, c.refunded,
      coalesce((select jsonb_agg(jsonb_build_object('kind', kind, 'amount', amount) order by id) from simulated_entry e
        where e.reference = c.reference), '[]') as entries
    from simulated_charge c order by c.created_at`.execute(db);
  return rows;
}

let lastOrder = 0;

/** A payment of 25.00 EUR for an order nobody else has. */
export function newPayment(token = 'tok_approve', amount = 2_500): AuthorizePaymentInput {
  lastOrder++;
  return {
    key: `ful_${lastOrder}/1`,
    orderId: `ord_${lastOrder}`,
    fulfillmentId: `ful_${lastOrder}`,
    customerId: `cus_${lastOrder}`,
    amount: { amount, currency: 'EUR' },
    provider: 'simulated',
    token,
  };
}

/** Asks again while the answer is `unavailable`, as a far step does. */
export async function untilAnswered<T>(call: () => Promise<T>, timeoutMs = 20_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof WaybillError) || error.code !== 'unavailable' || Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
