import { violatedConstraint } from '@waybill/kernel/database';
import { WaybillError } from '@waybill/kernel/errors';
import type { Money } from '@waybill/kernel/money';
import { type Kysely, sql } from 'kysely';
import type { CheckFraudInput, FraudDecision } from '../contract.ts';

export type FraudSettings = { limitPerCustomer: Money | null; reviewAbove: Money | null; maintenance: boolean };
export type StoredFraudSettings = FraudSettings & { version: number };

export type Judgement = FraudDecision | { outcome: 'cancelled' | 'maintenance'; reason: null };

type SettingsRow = {
  limit_amount: number | null;
  limit_currency: string | null;
  review_amount: number | null;
  review_currency: string | null;
  maintenance: boolean;
  version: number;
};

const moneyOf = (amount: number | null, currency: string | null): Money | null =>
  amount === null || currency === null ? null : { amount, currency };

const settingsOf = (row: SettingsRow): StoredFraudSettings => ({
  limitPerCustomer: moneyOf(row.limit_amount, row.limit_currency),
  reviewAbove: moneyOf(row.review_amount, row.review_currency),
  maintenance: row.maintenance,
  version: row.version,
});

export type FraudStore = ReturnType<typeof createFraudStore>;

export function createFraudStore(db: Kysely<unknown>) {
  return {
    async settings(): Promise<StoredFraudSettings> {
      const row = (await sql<SettingsRow>`select * from fraud_settings`.execute(db)).rows[0];
      if (!row) throw new Error('the fraud settings row is missing');
      return settingsOf(row);
    },

    /** Undefined when the version is not the expected one. */
    async saveSettings(settings: FraudSettings, expectedVersion: number | undefined): Promise<StoredFraudSettings | undefined> {
      const { limitPerCustomer: limit, reviewAbove: review, maintenance } = settings;
      const { rows } = await sql<SettingsRow>`
        update fraud_settings set limit_amount = ${limit?.amount ?? null}, limit_currency = ${limit?.currency ?? null},
          review_amount = ${review?.amount ?? null}, review_currency = ${review?.currency ?? null}, maintenance = ${maintenance},
          version = version + 1, updated_at = now()
        where ${expectedVersion ?? null}::integer is null or version = ${expectedVersion ?? null}
        returning *`.execute(db);
      return rows[0] && settingsOf(rows[0]);
    },

    /**
     * Judges an order once. One statement: the settings are read, the amount is added to the customer's tally where the limit
     * lets it (the row's lock makes two orders of one customer wait for each other), and the judgement is kept.
     */
    async judge({ orderId, customerId, amount: { amount, currency } }: CheckFraudInput): Promise<Judgement> {
      const statement = sql<Judgement>`
        with settings as (
          select *, coalesce(limit_currency = ${currency}, false) as limited from fraud_settings
        ), seen as (
          select outcome, reason from fraud_check where order_id = ${orderId}
        ), counted as (
          insert into customer_tally as tally (customer_id, currency, amount)
          select ${customerId}::text, ${currency}, ${amount}::bigint from settings
          where ${customerId}::text is not null and not maintenance and not exists (select from seen)
            and (not limited or ${amount}::bigint <= limit_amount)
          on conflict (customer_id, currency) do update set amount = tally.amount + excluded.amount
            where (select not limited or tally.amount + excluded.amount <= limit_amount from settings)
          returning amount
        ), judged as (
          select case
            when limited and ${customerId}::text is null and ${amount}::bigint > limit_amount then 'limit'
            when ${customerId}::text is not null and not exists (select from counted) then 'limit'
            when limit_currency <> ${currency} or review_currency <> ${currency} then 'currency'
            when ${amount}::bigint > review_amount then 'amount'
          end as cause
          from settings where not maintenance and not exists (select from seen)
        ), recorded as (
          insert into fraud_check (order_id, customer_id, amount, currency, outcome, reason, counted)
          select ${orderId}, ${customerId}::text, ${amount}::bigint, ${currency},
            case cause when 'limit' then 'decline' when 'currency' then 'review' when 'amount' then 'review' else 'approve' end,
            case cause
              when 'limit' then 'the order would take the customer past the limit of open and paid orders'
              when 'currency' then 'the fraud settings are in another currency than the order'
              when 'amount' then 'the order is above the amount from which orders are reviewed'
            end,
            case when cause = 'limit' or ${customerId}::text is null then 0 else ${amount}::bigint end
          from judged returning outcome, reason
        )
        select outcome, reason from recorded
        union all select outcome, reason from seen where not (select maintenance from settings)
        union all select 'maintenance', null from settings where maintenance`;
      for (let attempt = 1; attempt <= 3; attempt++) {
        try {
          const row = (await statement.execute(db)).rows[0];
          if (row) return row;
        } catch (error) {
          // Another attempt judged this order in the meantime: everything here was undone, and its judgement is read.
          if (violatedConstraint(error) !== 'fraud_check_pkey') throw error;
        }
      }
      throw new WaybillError('unavailable', `order ${orderId} is being checked`, { retryAfter: 1 });
    },
  };
}
