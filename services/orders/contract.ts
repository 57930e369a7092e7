// Loaded inside the workflow sandbox: import nothing here but message definitions and types.
import { defineSignal, defineUpdate } from '@temporalio/workflow';
import type { PaymentStatus } from '@waybill/billing/contract';
import type { TotalCode } from '@waybill/catalog/contract';
import type { Money } from '@waybill/kernel/money';
import type { Address, ShipmentReport } from '@waybill/shipping/contract';

export const taskQueue = 'orders';
export const workflowId = (orderId: string): string => `order/${orderId}`;
/** Parts of an order are numbered within it: `ful_<ulid>-1` belongs to `ord_<ulid>`. */
export const partId = (prefix: 'lin' | 'ful' | 'tsk', orderId: string, number: number): string =>
  `${prefix}_${orderId.slice(orderId.indexOf('_') + 1)}-${number}`;
/** The order that a part id belongs to. */
export const orderIdOfPart = (id: string): string => `ord_${id.slice(id.indexOf('_') + 1, id.lastIndexOf('-'))}`;

export type OrderStatus =
  | 'pending'
  | 'processing'
  | 'customerActionRequired'
  | 'onHold'
  | 'backordered'
  | 'completed'
  | 'partiallyCompleted'
  | 'cancelled'
  | 'timedOut'
  | 'failed';
export type FulfillmentStatus = 'unavailable' | 'pending' | 'processing' | 'completed' | 'cancelled' | 'failed';

export type OrderLine = {
  id: string;
  sku: string;
  name: string;
  quantity: number;
  unitPrice: Money;
  /** `unitPrice × quantity`, before tax. */
  total: Money;
  /** Basis points; tax is rounded per line, half up. */
  taxRate: number;
};
export type OrderTotal = { code: TotalCode; amount: Money };

export type Fulfillment = {
  id: string;
  status: FulfillmentStatus;
  /** Null while no location has the goods. */
  locationId: string | null;
  lines: { lineId: string; quantity: number }[];
  shipmentId?: string;
};

export type Choice = 'amend' | 'wait' | 'cancel';
/** `step`: a step's owner cannot do it now, and is asked again without end. */
export type WaitingKind = 'customerChoice' | 'fraudReview' | 'paymentException' | 'step' | 'carrier';
export type WaitingFor = { kind: WaitingKind; since: string; deadline?: string; choices?: string[]; step?: string };

/** `reconciliation`: the books of two owners differ, and no workflow waits for the answer. */
export type TaskKind = 'fraudReview' | 'paymentException' | 'reconciliation';
export type Task = {
  id: string;
  orderId: string;
  kind: TaskKind;
  status: 'open' | 'decided' | 'closed';
  /** What the person should know, in one sentence. */
  summary: string;
  choices: string[];
  openedAt: string;
  deadline: string | null;
  decision: string | null;
  decidedBy: string | null;
  decidedAt: string | null;
  note: string | null;
};

/** Who did it: a principal's id, `workflow`, or `carrier`. */
export type OrderEvent = {
  /** Given by the store, in the order in which events are stored. */
  sequence: number;
  type: string;
  at: string;
  actor: string;
  reason: string | null;
  /** Ids and states only: the same data goes onto the bus. */
  data: Record<string, unknown>;
};

/** Every waiting time of an order, in milliseconds; fixed when the workflow starts. */
export type OrderWaits = {
  customerChoice: number;
  fraudReview: number;
  /** How long before its expiry an authorization is renewed. */
  renewBefore: number;
  /** The longest pause between two tries of a far step. */
  retryInterval: number;
};

export type OrderInput = {
  id: string;
  customerId: string | null;
  currency: string;
  lines: OrderLine[];
  totals: OrderTotal[];
  total: Money;
  delivery: { method: 'ship'; shippingMethod: string; address: Address };
  payment: { provider: string; token: string };
  waits: OrderWaits;
};

/** An event as the workflow tells it. `key` names what happened: told again after a lost workflow task, it is the same. */
export type ToldEvent = Omit<OrderEvent, 'sequence'> & { key: string };

/** The projection of an order's state: the row as it should be, and the events and tasks that came with it. */
export type OrderChange = {
  orderId: string;
  /** Grows with each write, and with each new attempt at a workflow task over all writes of the attempts before. */
  fence: number;
  status: OrderStatus;
  paymentStatus: PaymentStatus;
  lines: OrderLine[];
  totals: OrderTotal[];
  total: Money;
  fulfillments: Fulfillment[];
  waitingFor: WaitingFor | null;
  cancelRequested: boolean;
  /** True once a parcel has left: from then on a cancel is refused. */
  dispatched: boolean;
  events: ToldEvent[];
  tasks: Task[];
};

/** `saveOrder` is safe to repeat and to reorder: an older write changes nothing, and an event is stored once. */
export type OrderActivities = { saveOrder(change: OrderChange): Promise<SavedOrder> };
/** `ended`: the order had ended before this write, in an attempt that was lost since. That end stands. */
export type SavedOrder = { version: number; ended?: OrderStatus };

/** What every command carries: the version its caller has read, and a hash of what was asked, which the answer gives back. */
type Asked = { actor: string; expectedVersion: number | null; asked: string };
/** `asked` tells a caller whose key was used before whether it was used for the same. */
export type CommandAnswer = { version: number; asked: string };

export const cancelOrder = defineUpdate<CommandAnswer, [Asked & { reason: string }]>('cancelOrder');
export const chooseForOrder = defineUpdate<CommandAnswer, [Asked & { choice: 'amend' | 'cancel' }]>('chooseForOrder');
export const decideTask = defineUpdate<CommandAnswer, [Asked & { taskId: string; decision: string; note: string | null }]>('decideTask');
export const reportShipment = defineSignal<[ShipmentReport]>('reportShipment');
