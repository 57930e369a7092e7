import type { Money } from '@waybill/kernel/money';

/** A payment as the provider knows it. */
export type ProviderCharge = {
  reference: string;
  status: 'authorized' | 'captured' | 'refunded' | 'declined' | 'voided';
  captured: number;
  refunded: number;
  /** Why it was declined. */
  reason: string | null;
  /** When an authorization lapses (RFC 3339). */
  expiresAt: string;
};

export type ProviderAuthorization =
  | { outcome: 'authorized'; reference: string; expiresAt: string }
  | { outcome: 'declined'; reference: string | null; reason: string };

/** A charge in the provider's book, by the payment key that went along with it. */
export type BookedCharge = Pick<ProviderCharge, 'reference' | 'status' | 'captured' | 'refunded'> & { key: string; amount: Money };

/**
 * A company that moves money. `key` is our payment key: it goes along as metadata and is what a payment is found by later.
 * `idempotencyKey` lets a repeat soon after the original have no effect of its own; providers forget it after some hours, so
 * older work is looked up with `find` before it is repeated. A decline is an answer; an outage or a time-out throws
 * `unavailable`, and then nobody knows whether it happened. Every call ends early when `signal` aborts.
 */
export type PaymentProvider = {
  name: string;
  authorize(request: {
    key: string;
    idempotencyKey: string;
    amount: Money;
    token: string;
    signal: AbortSignal;
  }): Promise<ProviderAuthorization>;
  /** Takes the whole authorized amount, once. A charge that was captured before answers `captured` again. */
  capture(request: {
    key: string;
    idempotencyKey: string;
    reference: string;
    amount: Money;
    signal: AbortSignal;
  }): Promise<{ outcome: 'captured' } | { outcome: 'declined'; reason: string }>;
  /**
   * Lets go of an authorization; `captured` says that it is too late for that. Without a reference, nobody knows what became
   * of the authorization asked for under `authorizationKey`: should it still be under way, it must come to nothing.
   */
  void(request: {
    key: string;
    authorizationKey: string;
    reference: string | null;
    signal: AbortSignal;
  }): Promise<{ outcome: 'voided' | 'captured' }>;
  /** Gives back the whole captured amount, once. */
  refund(request: { key: string; idempotencyKey: string; reference: string; amount: Money; signal: AbortSignal }): Promise<void>;
  /** The charge made for a payment key, by metadata. */
  find(key: string, signal: AbortSignal): Promise<ProviderCharge | undefined>;
  /** Charges of ours that anything has happened to since then, page by page: `next` is where to go on. */
  changedSince(request: {
    since: Date;
    after: string | null;
    limit: number;
    signal: AbortSignal;
  }): Promise<{ charges: BookedCharge[]; next: string | null }>;
};
