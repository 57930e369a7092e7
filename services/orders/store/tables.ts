import type { PaymentStatus } from '@waybill/billing/contract';
import type { Address } from '@waybill/shipping/contract';
import type { ColumnType, Generated, JSONColumnType } from 'kysely';
import type { Fulfillment, OrderLine, OrderStatus, OrderTotal, Task, TaskKind, WaitingFor } from '../contract.ts';

/** Only written by statements of our own; read as `Date`. */
type Time = ColumnType<Date, Date | string, Date | string>;

export type OrdersTables = {
  orders: {
    id: string;
    number: number;
    external_id: string | null;
    customer_id: string | null;
    placed_by: string;
    currency: string;
    status: OrderStatus;
    payment_status: PaymentStatus;
    version: number;
    placed_at: Time;
    updated_at: Generated<Date>;
    lines: JSONColumnType<OrderLine[]>;
    totals: JSONColumnType<OrderTotal[]>;
    total: number;
    fulfillments: JSONColumnType<Fulfillment[]>;
    waiting_for: JSONColumnType<WaitingFor> | null;
    cancel_requested: boolean;
    dispatched: boolean;
    delivery: JSONColumnType<{ method: 'ship'; shippingMethod: string; address: Address }>;
    payment: JSONColumnType<{ provider: string; token: string }>;
    started_at: Time | null;
    traceparent: string | null;
  };
  order_event: {
    order_id: string;
    sequence: number;
    type: string;
    at: Time;
    actor: string;
    reason: string | null;
    data: JSONColumnType<Record<string, unknown>>;
  };
  order_external_id: { external_id: string; order_id: string };
  order_key: { caller: string; key_hash: Buffer; body_hash: Buffer; order_id: string; answer: string };
  task: {
    id: string;
    order_id: string;
    kind: TaskKind;
    status: Task['status'];
    summary: string;
    choices: JSONColumnType<string[]>;
    opened_at: Time;
    deadline: Time | null;
    decision: string | null;
    decided_by: string | null;
    decided_at: Time | null;
    note: string | null;
  };
};

/** An order as its row holds it. */
export type StoredOrder = {
  id: string;
  number: number;
  externalId: string | null;
  customerId: string | null;
  currency: string;
  status: OrderStatus;
  paymentStatus: PaymentStatus;
  version: number;
  placedAt: Date;
  lines: OrderLine[];
  totals: OrderTotal[];
  total: number;
  fulfillments: Fulfillment[];
  waitingFor: WaitingFor | null;
  cancelRequested: boolean;
  dispatched: boolean;
};

/** What a workflow is started with, as the acceptance stored it. */
export type AcceptedOrder = Pick<StoredOrder, 'id' | 'customerId' | 'currency' | 'lines' | 'totals' | 'total'> & {
  delivery: { method: 'ship'; shippingMethod: string; address: Address };
  payment: { provider: string; token: string };
};
