import { type SettingsOf, type SettingsSchema, setting } from '@waybill/kernel/config';
import type { OrderWaits } from './contract.ts';

export const ordersSettings = {
  CUSTOMER_CHOICE_TIMEOUT: setting.duration({
    description: 'How long a customer may take to decide when part of an order is not in stock.',
    default: '24h',
  }),
  FRAUD_REVIEW_TIMEOUT: setting.duration({
    description: 'How long a fraud review may stay undecided; then the order fails.',
    default: '72h',
  }),
  AUTHORIZATION_RENEW_BEFORE: setting.duration({
    description: 'How long before its expiry the authorization of an undispatched parcel is renewed.',
    default: '24h',
  }),
  STEP_RETRY_INTERVAL: setting.duration({
    description: 'The longest pause between two tries of a step whose owner is out of reach.',
    default: '10s',
  }),
  ORDER_START_LIMIT: setting.integer({
    description: 'How many orders the API starts at once; the dispatcher starts the rest.',
    default: '50',
    min: 1,
    max: 1_000,
  }),
} satisfies SettingsSchema;

export type OrdersSettings = SettingsOf<typeof ordersSettings>;

export const waitsOf = (settings: OrdersSettings): OrderWaits => ({
  customerChoice: settings.CUSTOMER_CHOICE_TIMEOUT,
  fraudReview: settings.FRAUD_REVIEW_TIMEOUT,
  renewBefore: settings.AUTHORIZATION_RENEW_BEFORE,
  retryInterval: settings.STEP_RETRY_INTERVAL,
});
