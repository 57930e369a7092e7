import type { PaymentStatus } from './contract.ts';

/** What a payment may become next. `none` is an authorization that the provider has not answered yet. */
const paymentMoves: Record<PaymentStatus, readonly PaymentStatus[]> = {
  none: ['requiresAction', 'authorized', 'declined', 'voided'],
  requiresAction: ['authorized', 'declined', 'voided'],
  authorized: ['partiallyCaptured', 'captured', 'expired', 'voided', 'refunded'],
  expired: ['voided', 'refunded'],
  partiallyCaptured: ['captured', 'partiallyRefunded', 'refunded'],
  captured: ['partiallyRefunded', 'refunded'],
  partiallyRefunded: ['refunded'],
  declined: [],
  voided: [],
  refunded: [],
};

/** A payment in one of these will never move money again, so its amount no longer counts against the customer's limit. */
export const spentStatuses = ['declined', 'expired', 'voided', 'refunded'] as const satisfies readonly PaymentStatus[];

export const paymentStatuses = Object.keys(paymentMoves) as [PaymentStatus, ...PaymentStatus[]]; // Object.keys forgets the literal keys

/** The statuses from which a payment may become `status`. */
export const beforeStatus = (status: PaymentStatus): PaymentStatus[] =>
  paymentStatuses.filter((from) => paymentMoves[from].includes(status));

/** The statuses in which there is something to void or to give back. */
export const undoableStatuses = paymentStatuses.filter((status) => paymentMoves[status].some((to) => to === 'voided' || to === 'refunded'));
