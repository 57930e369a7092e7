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
};

export const billingCalls: CallsDefinition<BillingCalls> = {
  service: 'billing',
  names: ['checkFraud', 'authorizePayment', 'capturePayment', 'cancelPayment'],
};
