import { setTimeout as pause } from 'node:timers/promises';
import { type Database, databaseFailure } from '@waybill/kernel/database';
import { WaybillError } from '@waybill/kernel/errors';
import { newId } from '@waybill/kernel/ids';
import { formatMoney } from '@waybill/kernel/money';
import { sql } from 'kysely';
import type { BookedCharge, PaymentProvider, ProviderAuthorization, ProviderCharge } from './provider.ts';
import { type SimulatedBehaviour, simulatedBehaviour } from './simulated-tokens.ts';

export type SimulatedProviderOptions = {
  database: Database<unknown>;
  authorizationLifetimeMs: number;
  /** How late `tok_slow` is answered. */
  slowMs: number;
  /** How long `tok_outage` is out, from the first use of its payment key. */
  outageMs: number;
  /** How long an idempotency key is remembered. Like a real provider's, it can be shorter than our retries. */
  idempotencyLifetimeMs?: number;
};

/**
 * Stands in for a real provider: it has its own book, in its own tables and its own transactions, and remembers
 * idempotency keys. What it does is decided by the token; README.md lists them.
 */
export function createSimulatedProvider(options: SimulatedProviderOptions): PaymentProvider {
  const book = createBook(options);

  /** Fails while the payment is in its outage; its first use begins one when the token says so. */
  async function answerOrFail(key: string, begins: boolean): Promise<void> {
    if (!(await book.isOut(key, begins))) return;
    throw new WaybillError('unavailable', 'the simulated payment provider is out for this payment (tok_outage)', { retryAfter: 1 });
  }

  return {
    name: 'simulated',

    authorize: (request) =>
      guard(request.signal, async () => {
        const behaviour = simulatedBehaviour(request.token) ?? { decline: 'unknown token' };
        if (behaviour.outage) await answerOrFail(request.key, true);
        const answer = await book.authorize(request, refusalOf(behaviour, request.amount));
        if (behaviour.slow) await pause(options.slowMs, undefined, { signal: request.signal });
        return answer;
      }),

    capture: (request) => guard(request.signal, () => book.capture(request)),

    void: (request) =>
      guard(request.signal, async () => {
        if (request.reference === null) await answerOrFail(request.key, false);
        return await book.void(request);
      }),

    refund: (request) => guard(request.signal, () => book.refund(request.reference)),

    find: (key, signal) =>
      guard(signal, async () => {
        await answerOrFail(key, false);
        return await book.find(key);
      }),

    changedSince: (request) => guard(request.signal, () => book.changedSince(request)),
  };
}

function refusalOf(behaviour: SimulatedBehaviour, amount: { amount: number; currency: string }): string | null {
  if (behaviour.decline !== undefined) return behaviour.decline;
  if (behaviour.declineAbove === undefined || amount.amount <= behaviour.declineAbove) return null;
  return `the card was declined: ${formatMoney(amount)} is above its limit of ${formatMoney({ ...amount, amount: behaviour.declineAbove })}`;
}

/** Time-outs and lost connections become what a merchant's client makes of them: nobody knows whether it happened. */
async function guard<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const timedOut = new WaybillError('unavailable', 'the simulated payment provider did not answer in time', { retryAfter: 1 });
  if (signal.aborted) throw timedOut;
  try {
    return await work();
  } catch (error) {
    if (signal.aborted) throw timedOut;
    throw databaseFailure(error) ?? error;
  }
}

type Answer = ProviderAuthorization;
type ChargeRow = Omit<ProviderCharge, 'expiresAt'> & { expires_at: Date };

function createBook(options: SimulatedProviderOptions) {
  const { db } = options.database;
  const keptFor = sql`make_interval(secs => ${(options.idempotencyLifetimeMs ?? 86_400_000) / 1_000})`;

  /** The answer to an earlier request with this key. One that is still being written is waited for by the insert before. */
  async function answered<T>(idempotencyKey: string): Promise<T> {
    const { rows } = await sql<{ answer: T }>`
      select answer from simulated_request where idempotency_key = ${idempotencyKey}`.execute(db);
    const row = rows[0];
    if (!row) throw new WaybillError('unavailable', 'the simulated payment provider lost its answer; ask again', { retryAfter: 1 });
    return row.answer;
  }

  return {
    async authorize(
      request: { key: string; idempotencyKey: string; amount: { amount: number; currency: string }; token: string },
      refusal: string | null,
    ) {
      const reference = newId('ch');
      const expiresAt = new Date(Date.now() + options.authorizationLifetimeMs).toISOString();
      const answer: Answer =
        refusal === null ? { outcome: 'authorized', reference, expiresAt } : { outcome: 'declined', reference, reason: refusal };
      const token = simulatedBehaviour(request.token) ? request.token : 'unknown'; // what is no token of ours can be any text
      const { rows } = await sql<{ answer: Answer }>`
        with asked as (
          insert into simulated_request (idempotency_key, reference, answer)
          values (${request.idempotencyKey}, ${reference}, ${JSON.stringify(answer)})
          on conflict (idempotency_key) do update
            set reference = excluded.reference, answer = excluded.answer, created_at = now()
            where simulated_request.created_at < now() - ${keptFor}
          returning answer
        ), charge as (
          insert into simulated_charge (reference, key, token, amount, currency, status, reason, expires_at)
          select ${reference}, ${request.key}, ${token}, ${request.amount.amount}, ${request.amount.currency},
            ${answer.outcome}, ${refusal}, ${expiresAt} from asked
          returning reference, status, amount
        ), entry as (
          insert into simulated_entry (reference, kind, amount) select reference, 'authorize', amount from charge where status = 'authorized'
        )
        select answer from asked`.execute(db);
      return rows[0]?.answer ?? (await answered<Answer>(request.idempotencyKey));
    },

    async capture(request: { key: string; idempotencyKey: string; reference: string }) {
      type Captured = { outcome: 'captured' } | { outcome: 'declined'; reason: string };
      const { rows } = await sql<{ answer: Captured }>`
        with charge as materialized (
          select *, case
            when status = 'captured' then null
            when status <> 'authorized' then 'the authorization is ' || status
            when expires_at <= now() then 'the authorization has expired'
            when token = 'tok_decline_capture' then 'the capture was declined'
            when token = 'tok_decline_capture_once' and declined_captures = 0 then 'the capture was declined this time'
          end as refusal
          from simulated_charge where reference = ${request.reference} for update
        ), asked as (
          insert into simulated_request (idempotency_key, reference, answer)
          select ${request.idempotencyKey}, reference, case when refusal is null then jsonb_build_object('outcome', 'captured')
            else jsonb_build_object('outcome', 'declined', 'reason', refusal) end from charge
          on conflict (idempotency_key) do update set answer = excluded.answer, created_at = now()
            where simulated_request.created_at < now() - ${keptFor}
          returning answer
        ), moved as (
          update simulated_charge c set
            status = case when charge.refusal is null then 'captured' else c.status end,
            captured = case when charge.refusal is null then c.amount else c.captured end,
            declined_captures = c.declined_captures + (charge.refusal is not null)::integer
          from charge, asked where c.reference = charge.reference
          returning c.reference, c.captured, charge.refusal is null and charge.status = 'authorized' as taken
        ), entry as (
          insert into simulated_entry (reference, kind, amount) select reference, 'capture', captured from moved where taken
        )
        select answer from asked`.execute(db);
      return rows[0]?.answer ?? (await answered<Captured>(request.idempotencyKey));
    },

    async void({ key, authorizationKey, reference }: { key: string; authorizationKey: string; reference: string | null }) {
      if (reference === null) await refuseLate(authorizationKey);
      const { rows } = await sql<{ status: string }>`
        with charge as materialized (
          select reference, status from simulated_charge
          where key = ${key} and (${reference}::text is null or reference = ${reference}) for update
        ), moved as (
          update simulated_charge c set status = 'voided' from charge
          where c.reference = charge.reference and charge.status = 'authorized' returning c.reference, c.amount
        ), entry as (
          insert into simulated_entry (reference, kind, amount) select reference, 'void', amount from moved
        )
        select status from charge`.execute(db);
      return {
        outcome: rows.some(({ status }) => status === 'captured' || status === 'refunded') ? ('captured' as const) : ('voided' as const),
      };
    },

    async refund(reference: string): Promise<void> {
      await sql`
        with moved as (
          update simulated_charge set status = 'refunded', refunded = captured
          where reference = ${reference} and status = 'captured' returning reference, captured
        )
        insert into simulated_entry (reference, kind, amount) select reference, 'refund', captured from moved`.execute(db);
    },

    async find(key: string): Promise<ProviderCharge | undefined> {
      const { rows } = await sql<ChargeRow>`
        select reference, status, captured, refunded, reason, expires_at from simulated_charge
        where key = ${key} order by status = 'declined', created_at desc limit 1`.execute(db);
      const row = rows[0];
      if (!row) return undefined;
      const { expires_at, ...charge } = row;
      return { ...charge, expiresAt: expires_at.toISOString() };
    },

    async changedSince({ since, after, limit }: { since: Date; after: string | null; limit: number }) {
      const { rows } = await sql<Omit<BookedCharge, 'amount'> & { amount: number; currency: string }>`
        select reference, key, status, captured, refunded, amount, currency from simulated_charge c
        where reference > ${after ?? ''} and exists (select from simulated_entry e where e.reference = c.reference and e.at >= ${since})
        order by reference limit ${limit}`.execute(db);
      const charges = rows.map(({ amount, currency, ...charge }) => ({ ...charge, amount: { amount, currency } }));
      return { charges, next: rows.length === limit ? (rows.at(-1)?.reference ?? null) : null };
    },

    async isOut(key: string, begins: boolean): Promise<boolean> {
      if (begins) await sql`insert into simulated_outage (key) values (${key}) on conflict do nothing`.execute(db);
      const { rows } = await sql`
        select from simulated_outage where key = ${key} and since > now() - make_interval(secs => ${options.outageMs / 1_000})`.execute(db);
      return rows.length > 0;
    },
  };

  /** Answers the authorization's idempotency key before the original does, if it has not come yet. */
  async function refuseLate(authorizationKey: string): Promise<void> {
    const answer: Answer = { outcome: 'declined', reference: null, reason: 'called off before it arrived' };
    await sql`
      insert into simulated_request (idempotency_key, reference, answer)
      values (${authorizationKey}, '', ${JSON.stringify(answer)}) on conflict do nothing`.execute(db);
  }
}
