import type { CallsDefinition } from '@waybill/kernel/calls';
import type { Money } from '@waybill/kernel/money';

export const taskQueue = 'billing';

export type PaymentStatus =
  | 'none'
  | 'requiresAction'
  | 'authorized'
  | 'expired'
  | 'partiallyCaptured'
  | 'captured'
  | 'declined'
  | 'voided'
  | 'partiallyRefunded'
  | 'refunded';

export type CheckFraudInput = { orderId: string; customerId: string | null; amount: Money };
export type FraudDecision = { outcome: 'approve' | 'review' | 'decline'; reason: string | null };

/** A payment's key is `<fulfillment id>/<generation>`: business ids only, so a repeat is known as one. */
export type AuthorizePaymentInput = {
  key: string;
  orderId: string;
  fulfillmentId: string;
  customerId: string | null;
  amount: Money;
  provider: string;
  token: string;
};
export type Authorization =
  | { outcome: 'authorized'; paymentId: string; expiresAt: string }
  | { outcome: 'declined'; paymentId: string; reason: string };

export type VoidPaymentInput = { key: string; orderId: string; customerId: string | null; amount: Money };

/** Where billing and the provider's own book do not say the same of a payment. `ours` is null when billing has never heard of it. */
export type BookDifference = {
  key: string;
  orderId: string | null;
  amount: Money;
  ours: { status: PaymentStatus; captured: number; refunded: number } | null;
  theirs: { reference: string; status: string; captured: number; refunded: number } | null;
};

/** Every call is safe to repeat, late or early, and throws `unavailable` in maintenance mode or while the provider is out. */
export type BillingCalls = {
  /** Judges an order once; a repeat gets the first judgement. An approved or reviewed amount counts against the customer's limit. */
  checkFraud(input: CheckFraudInput): Promise<FraudDecision>;
  authorizePayment(input: AuthorizePaymentInput): Promise<Authorization>;
  /** Captures the whole authorized amount. `attempt` grows when a person asks for another try after a decline. */
  capturePayment(input: { key: string; attempt: number }): Promise<{ outcome: 'captured' } | { outcome: 'declined'; reason: string }>;
  /**
   * Undoes a payment whatever it has become: voids an authorization, refunds a capture, does nothing to a declined one.
   * A key never seen gets a tombstone that refuses a late authorization, and a late fraud check of its order.
   */
  cancelPayment(input: VoidPaymentInput): Promise<{ outcome: 'voided' | 'refunded' | 'nothing' }>;
  /** Compares what changed since then with the provider's own book, a page at a time: `next` is where to go on. */
  compareBooks(page: {
    since: string;
    after: string | null;
  }): Promise<{ differences: BookDifference[]; compared: number; next: string | null }>;
};

export const billingCalls: CallsDefinition<BillingCalls> = {
  service: 'billing',
  names: ['checkFraud', 'authorizePayment', 'capturePayment', 'cancelPayment', 'compareBooks'],
};
