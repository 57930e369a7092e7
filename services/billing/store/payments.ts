import { traceparentValue } from '@waybill/kernel/outbox';
import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { AuthorizePaymentInput, PaymentStatus, VoidPaymentInput } from '../contract.ts';
import { beforeStatus, spentStatuses } from '../states.ts';
import { recountTally } from './tally.ts';

export type PaymentRow = {
  id: string;
  key: string;
  order_id: string;
  fulfillment_id: string;
  customer_id: string | null;
  amount: number;
  currency: string;
  provider: string | null;
  status: PaymentStatus;
  captured: number;
  refunded: number;
  reference: string | null;
  decline_reason: string | null;
  expires_at: Date | null;
  created_at: Date;
  updated_at: Date;
};

/** A step that is ours to take until the lease ends. `unsure`: an earlier step began and nobody knows what it did at the provider. */
export type Taken = {
  kind: 'taken';
  payment: PaymentRow;
  lease: number;
  unsure: boolean;
  /** The fulfillment has an earlier payment. */
  renewal: boolean;
};

export type Begun =
  | Taken
  | { kind: 'maintenance' }
  /** No payment has this key. */
  | { kind: 'unknown' }
  /** Another attempt holds the lease. */
  | { kind: 'busy' }
  /** This step was finished before, with this result; without one, the payment's status leaves nothing to do. */
  | { kind: 'over'; payment: PaymentRow; result: unknown };

/** What a finished step leaves behind. Fields that are left out stay as they are. */
export type Finish = {
  step: string;
  result: unknown;
  event: string;
  status: PaymentStatus;
  captured?: number;
  refunded?: number;
  reference?: string | null;
  expiresAt?: string;
  declineReason?: string;
};

type BeginRow = PaymentRow & { maintenance: boolean; lease: number | null; result: unknown };

export type PaymentStore = ReturnType<typeof createPaymentStore>;

const secondsOf = (ms: number): RawBuilder<unknown> => sql`make_interval(secs => ${ms / 1_000})`;

export function createPaymentStore(db: Kysely<unknown>, options: { leaseMs: number }) {
  const leaseEnd = sql`now() + ${secondsOf(options.leaseMs)}`;

  return {
    /** Payments that are open, or changed since then, in order of their ids. */
    async openOrChanged(page: { since: string; after: string; limit: number }): Promise<PaymentRow[]> {
      const { rows } = await sql<PaymentRow>`
        select * from payment
        where id > ${page.after} and (status in ('none', 'requiresAction', 'authorized') or updated_at >= ${page.since}::timestamptz)
        order by id limit ${page.limit}`.execute(db);
      return rows;
    },

    async byKeys(keys: readonly string[]): Promise<PaymentRow[]> {
      return (await sql<PaymentRow>`select * from payment where key = any(${[...keys]})`.execute(db)).rows;
    },

    /** Records a payment before its authorization is asked for, or takes over an attempt whose lease ran out. */
    async beginAuthorize(input: AuthorizePaymentInput & { id: string }): Promise<Begun> {
      for (;;) {
        const { rows } = await sql<BeginRow & { renewal: boolean }>`
          with settings as (select maintenance from fraud_settings),
          taken as (
            insert into payment (id, key, order_id, fulfillment_id, customer_id, amount, currency, provider, status,
              lease_step, lease_number, lease_until)
            select ${input.id}, ${input.key}, ${input.orderId}, ${input.fulfillmentId}, ${input.customerId}, ${input.amount.amount},
              ${input.amount.currency}, ${input.provider}, 'none', 'authorize', 1, ${leaseEnd}
            from settings where not maintenance
            on conflict (key) do update
              set lease_step = 'authorize', lease_number = payment.lease_number + 1, lease_until = ${leaseEnd}
              where payment.status = 'none' and payment.lease_until <= now()
                and payment.order_id = excluded.order_id and payment.fulfillment_id = excluded.fulfillment_id
                and payment.amount = excluded.amount and payment.currency = excluded.currency and payment.provider = excluded.provider
            returning *
          ),
          seen as (select * from taken union all select * from payment where key = ${input.key} and not exists (select from taken))
          select settings.maintenance, seen.*, taken.lease_number as lease, step.result,
            exists (
              select from payment where order_id = ${input.orderId} and fulfillment_id = ${input.fulfillmentId} and key <> ${input.key}
            ) as renewal
          from settings left join seen on true left join taken on true
            left join payment_step step on step.payment_id = seen.id and step.step = 'authorize'`.execute(db);
        const row = rows[0];
        if (!row || row.maintenance) return { kind: 'maintenance' };
        if (row.lease !== null) return { kind: 'taken', payment: row, lease: row.lease, unsure: row.lease > 1, renewal: row.renewal };
        if (row.id === null) continue; // inserted by another attempt since this statement's snapshot
        const result = row.result ?? null;
        return row.status === 'none' && sameRequest(row, input) ? { kind: 'busy' } : { kind: 'over', payment: row, result };
      }
    },

    /** Takes the lease for a step of a payment that is in one of the statuses. */
    async begin(key: string, step: string, from: readonly PaymentStatus[]): Promise<Begun> {
      const { rows } = await sql<BeginRow & { lease_step: string | null; busy: boolean | null }>`
        with settings as (select maintenance from fraud_settings),
        seen as materialized (select * from payment where key = ${key} for update),
        answer as (select result from payment_step where payment_id = (select id from seen) and step = ${step}),
        taken as (
          update payment p set lease_step = ${step}, lease_number = p.lease_number + 1, lease_until = ${leaseEnd}
          from seen, settings
          where p.id = seen.id and not settings.maintenance and seen.status = any(${[...from]}::text[])
            and (seen.lease_until is null or seen.lease_until <= now()) and not exists (select from answer)
          returning p.lease_number
        )
        select settings.maintenance, seen.*, seen.lease_until > now() as busy, answer.result, taken.lease_number as lease
        from settings left join seen on true left join answer on true left join taken on true`.execute(db);
      const row = rows[0];
      if (!row || row.maintenance) return { kind: 'maintenance' };
      if (row.id === null) return { kind: 'unknown' };
      if (row.lease !== null) return { kind: 'taken', payment: row, lease: row.lease, unsure: row.lease_step !== null, renewal: false };
      if (row.result !== null) return { kind: 'over', payment: row, result: row.result };
      // In a status to begin from, and not begun: somebody else was faster by a hair.
      return row.busy || from.includes(row.status) ? { kind: 'busy' } : { kind: 'over', payment: row, result: null };
    },

    /** False when the lease was lost: another attempt has taken over, and its result counts. */
    async finish({ payment, lease, renewal }: Taken, finish: Finish): Promise<boolean> {
      const statement = finishStatement(payment.id, lease, finish);
      // The tally of a first authorization and of a capture stays as it is, so they need no more than the one statement.
      if (!renewal && !isSpent(finish.status)) return (await statement.execute(db)).rows.length > 0;
      return await db.transaction().execute(async (tx) => {
        const { rows } = await statement.execute(tx);
        if (rows.length > 0) await recountTally(tx, payment.order_id);
        return rows.length > 0;
      });
    },

    /** Ends a lease early after a failure, so that the next attempt need not wait for it to run out. */
    async letGo({ payment, lease }: Taken): Promise<void> {
      await sql`update payment set lease_until = now() where id = ${payment.id} and lease_number = ${lease} and lease_until > now()`.execute(
        db,
      );
    },

    /** Leaves a tombstone for a key that was never seen; false when it was seen meanwhile. A late authorization or check is refused. */
    async bury(input: VoidPaymentInput & { id: string; fulfillmentId: string; result: unknown }): Promise<boolean> {
      return await db.transaction().execute(async (tx) => {
        const { rows } = await sql`
          with buried as (
            insert into payment (id, key, order_id, fulfillment_id, customer_id, amount, currency, status)
            values (${input.id}, ${input.key}, ${input.orderId}, ${input.fulfillmentId}, ${input.customerId}, ${input.amount.amount},
              ${input.amount.currency}, 'voided')
            on conflict (key) do nothing returning id, order_id, customer_id, currency
          ), step as (
            insert into payment_step (payment_id, step, result) select id, 'cancel', ${JSON.stringify(input.result)}::jsonb from buried
          ), refused as (
            insert into fraud_check (order_id, customer_id, amount, currency, outcome, counted)
            select order_id, customer_id, 0, currency, 'cancelled', 0 from buried on conflict (order_id) do nothing
          )
          select id from buried`.execute(tx);
        if (rows.length > 0) await recountTally(tx, input.orderId);
        return rows.length > 0;
      });
    },

    /** Marks authorizations as expired whose time has passed at the provider; returns how many. */
    async expire(limit: number): Promise<number> {
      const { rows: due } = await sql<{ id: string; order_id: string }>`
        select id, order_id from payment where status = 'authorized' and expires_at <= now() and lease_step is null
        order by expires_at limit ${limit}`.execute(db);
      for (const { id, order_id } of due) {
        await db.transaction().execute(async (tx) => {
          await sql`
            with done as (
              update payment set status = 'expired', version = version + 1, updated_at = now()
              where id = ${id} and status = 'authorized' and expires_at <= now() and lease_step is null returning *
            ) ${outboxRows('payment.expired')}`.execute(tx);
          await recountTally(tx, order_id);
        });
      }
      return due.length;
    },

    async find(id: string): Promise<PaymentRow | undefined> {
      return (await sql<PaymentRow>`select * from payment where id = ${id}`.execute(db)).rows[0];
    },

    /** Newest first. */
    async list(filter: {
      orderId: string | undefined;
      status: PaymentStatus | undefined;
      before: string | undefined;
      limit: number;
    }): Promise<PaymentRow[]> {
      const conditions = [
        ...(filter.orderId === undefined ? [] : [sql`order_id = ${filter.orderId}`]),
        ...(filter.status === undefined ? [] : [sql`status = ${filter.status}`]),
        ...(filter.before === undefined ? [] : [sql`id < ${filter.before}`]),
      ];
      const where = conditions.length === 0 ? sql`` : sql`where ${sql.join(conditions, sql` and `)}`;
      return (await sql<PaymentRow>`select * from payment ${where} order by id desc limit ${filter.limit}`.execute(db)).rows;
    },
  };
}

const sameRequest = (row: PaymentRow, input: AuthorizePaymentInput): boolean =>
  row.order_id === input.orderId &&
  row.fulfillment_id === input.fulfillmentId &&
  row.amount === input.amount.amount &&
  row.currency === input.amount.currency &&
  row.provider === input.provider;

const isSpent = (status: PaymentStatus): boolean => spentStatuses.some((spent) => spent === status);

function finishStatement(paymentId: string, lease: number, finish: Finish): RawBuilder<unknown> {
  const { status, step } = finish;
  return sql`
    with done as (
      update payment set status = ${status}, version = version + 1, updated_at = now(), lease_step = null, lease_until = null,
        captured = coalesce(${finish.captured ?? null}::bigint, captured), refunded = coalesce(${finish.refunded ?? null}::bigint, refunded),
        reference = coalesce(${finish.reference ?? null}::text, reference),
        expires_at = coalesce(${finish.expiresAt ?? null}::timestamptz, expires_at),
        decline_reason = coalesce(${finish.declineReason ?? null}::text, decline_reason)
      where id = ${paymentId} and lease_number = ${lease} and status = any(${[status, ...beforeStatus(status)]}::text[])
        and not exists (select from payment_step where payment_id = ${paymentId} and step = ${step})
      returning *
    ), recorded as (
      insert into payment_step (payment_id, step, result) select id, ${step}::text, ${JSON.stringify(finish.result)}::jsonb from done
    ), event as (${outboxRows(finish.event)} returning sequence)
    select sequence from event`;
}

/** An event for each row of `done`. Ids, states and amounts only. */
const outboxRows = (type: string): RawBuilder<unknown> => sql`
  insert into outbox (aggregate_id, sequence, type, data, traceparent)
  select id, version, ${type}::text, jsonb_build_object('paymentId', id, 'orderId', order_id, 'fulfillmentId', fulfillment_id,
    'status', status, 'amount', amount, 'captured', captured, 'refunded', refunded, 'currency', currency), ${traceparentValue()}
  from done`;
