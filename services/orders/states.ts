import type { PaymentStatus } from '@waybill/billing/contract';
import type { FulfillmentStatus, OrderStatus } from './contract.ts';

type Moves<S extends string> = Record<S, readonly S[]>;

const ends = ['completed', 'partiallyCompleted', 'cancelled', 'timedOut', 'failed'] as const;

/** Allowed moves of an order. A status with none is an end. */
export const orderMoves: Moves<OrderStatus> = {
  pending: ['processing', 'customerActionRequired', 'cancelled', 'failed'],
  processing: ['customerActionRequired', 'onHold', 'backordered', 'completed', 'partiallyCompleted', 'cancelled', 'failed'],
  customerActionRequired: ['processing', 'backordered', 'cancelled', 'timedOut', 'failed'],
  onHold: ['processing', 'cancelled', 'failed'],
  backordered: ['processing', 'customerActionRequired', 'cancelled', 'timedOut', 'failed'],
  completed: [],
  partiallyCompleted: [],
  cancelled: [],
  timedOut: [],
  failed: [],
};

export const fulfillmentMoves: Moves<FulfillmentStatus> = {
  unavailable: ['pending', 'cancelled'],
  pending: ['processing', 'cancelled', 'failed'],
  processing: ['completed', 'cancelled', 'failed'],
  completed: [],
  cancelled: [],
  failed: [],
};

export const orderStatuses = Object.keys(orderMoves) as [OrderStatus, ...OrderStatus[]]; // Object.keys forgets the literal keys
export const isEnd = (status: OrderStatus): boolean => (ends as readonly string[]).includes(status);
export const mayMove = <S extends string>(moves: Moves<S>, from: S, to: S): boolean => moves[from].includes(to);

/** What a caller may ask of an order now; responses carry it, so that no client keeps a table of its own. */
export function allowedActions(order: { status: OrderStatus; dispatched: boolean; cancelRequested: boolean }): string[] {
  if (isEnd(order.status)) return [];
  const actions: string[] = [];
  if (order.status === 'customerActionRequired' && !order.cancelRequested) actions.push('choice');
  if (!order.dispatched && !order.cancelRequested) actions.push('cancel');
  return actions;
}

/** One parcel's payment, in minor units. */
export type PaymentPart = { outcome: 'none' | 'authorized' | 'declined' | 'captured' | 'voided' | 'refunded'; amount: number };

/** An order's payment status from its parcels' payments: what came back counts before what was taken. */
export function paymentStatusOf(parts: readonly PaymentPart[]): PaymentStatus {
  const sum = (outcome: PaymentPart['outcome']) => parts.filter((part) => part.outcome === outcome).length;
  if (sum('refunded') > 0) return sum('captured') + sum('authorized') > 0 ? 'partiallyRefunded' : 'refunded';
  if (sum('captured') > 0) return sum('authorized') + sum('none') > 0 ? 'partiallyCaptured' : 'captured';
  if (sum('authorized') > 0) return 'authorized';
  if (sum('voided') > 0) return 'voided';
  return sum('declined') > 0 ? 'declined' : 'none';
}
