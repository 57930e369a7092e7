import {
  Code,
  Country,
  Currency,
  Id,
  Lines,
  MoneySchema,
  Nullable,
  OneOf,
  pageQuery,
  SignedMoneySchema,
  Text,
  Timestamp,
  Variants,
} from '@waybill/kernel/schemas';
import Type from 'typebox';
import { orderStatuses } from '../states.ts';

const maxLines = 500;
const maxQuantity = 1_000_000;

const AddressSchema = Type.Object(
  {
    name: Text({ max: 200 }),
    line1: Text({ max: 200 }),
    line2: Type.Optional(Text({ max: 200 })),
    postalCode: Text({ max: 20 }),
    city: Text({ max: 100 }),
    region: Type.Optional(Text({ max: 100 })),
    country: Country,
  },
  { title: 'Address', additionalProperties: false },
);

const DeliverySchema = Variants('method', [
  Type.Object(
    { method: Type.Literal('ship'), shippingMethod: Code(), address: AddressSchema },
    { title: 'Ship', additionalProperties: false },
  ),
  Type.Object({ method: Type.Literal('pickup'), locationId: Code() }, { title: 'Pickup', additionalProperties: false }),
]);

export const PlaceOrder = Type.Object(
  {
    customerId: Type.Optional(
      Type.String({ pattern: '^cus_[0-9A-Za-z_-]{1,60}$', maxLength: 64, examples: ['cus_01k0000000000000000000000e'] }),
    ),
    externalId: Type.Optional(Text({ max: 200, description: "The caller's own id of the order; unique for ever" })),
    currency: Currency,
    lines: Type.Array(
      Type.Object({ sku: Code(), quantity: Type.Integer({ minimum: 1, maximum: maxQuantity }) }, { additionalProperties: false }),
      { minItems: 1, maxItems: maxLines },
    ),
    delivery: DeliverySchema,
    payment: Type.Object(
      {
        provider: OneOf(['simulated']),
        token: Type.String({ pattern: '^[A-Za-z0-9_-]+$', minLength: 1, maxLength: 200, examples: ['tok_approve'] }),
      },
      { additionalProperties: false },
    ),
    couponCode: Type.Optional(Code()),
    expectedTotal: Type.Optional(MoneySchema),
  },
  { title: 'PlaceOrder', additionalProperties: false },
);
export type PlaceOrderBody = Type.Static<typeof PlaceOrder>;

const LineSchema = Type.Object(
  { id: Type.String(), sku: Type.String(), name: Type.String(), quantity: Type.Integer(), unitPrice: MoneySchema, total: MoneySchema },
  { title: 'OrderLine' },
);

const FulfillmentSchema = Type.Object(
  {
    id: Type.String(),
    status: OneOf(['unavailable', 'pending', 'processing', 'completed', 'cancelled', 'failed']),
    locationId: Nullable(Type.String()),
    lines: Type.Array(Type.Object({ lineId: Type.String(), quantity: Type.Integer() })),
    shipmentId: Type.Optional(Type.String()),
    pickupId: Type.Optional(Type.String()),
  },
  { title: 'Fulfillment' },
);

export const OrderSchema = Type.Object(
  {
    id: Type.String(),
    number: Type.Integer(),
    status: OneOf(orderStatuses),
    paymentStatus: Type.String(),
    version: Type.Integer(),
    placedAt: Timestamp,
    customerId: Type.Optional(Type.String()),
    externalId: Type.Optional(Type.String()),
    currency: Type.String(),
    lines: Type.Array(LineSchema),
    totals: Type.Array(Type.Object({ code: OneOf(['subtotal', 'discount', 'shipping', 'tax']), amount: SignedMoneySchema })),
    total: MoneySchema,
    fulfillments: Type.Array(FulfillmentSchema),
    waitingFor: Type.Optional(
      Type.Object({
        kind: Type.String(),
        since: Timestamp,
        deadline: Type.Optional(Timestamp),
        choices: Type.Optional(Type.Array(Type.String())),
        step: Type.Optional(Type.String({ description: 'With the kind `step`: the one that is tried again until its owner does it' })),
      }),
    ),
    actions: Type.Array(Type.String(), { description: 'What may be asked of this order now' }),
  },
  { title: 'Order' },
);
export type OrderView = Type.Static<typeof OrderSchema>;

export const EventSchema = Type.Object(
  {
    sequence: Type.Integer(),
    type: Type.String(),
    at: Timestamp,
    actor: Type.String(),
    reason: Type.Optional(Type.String()),
    data: Type.Unsafe<Record<string, unknown>>({ type: 'object', additionalProperties: true }),
  },
  { title: 'OrderEvent' },
);

export const PlanSchema = Type.Object(
  {
    orderId: Type.String(),
    command: Type.String(),
    allowed: Type.Boolean(),
    reason: Type.Optional(Type.String({ description: 'Why not' })),
    effects: Type.Array(
      Type.Object({
        effect: OneOf(['void', 'refund', 'release', 'recall', 'amend']),
        fulfillmentId: Type.Optional(Type.String()),
        amount: Type.Optional(MoneySchema),
      }),
    ),
  },
  { title: 'Plan' },
);

export const TaskSchema = Type.Object(
  {
    id: Type.String(),
    orderId: Type.String(),
    kind: OneOf(['fraudReview', 'paymentException', 'reconciliation']),
    status: OneOf(['open', 'decided', 'closed']),
    summary: Type.String(),
    choices: Type.Array(Type.String()),
    openedAt: Timestamp,
    deadline: Type.Optional(Timestamp),
    decision: Type.Optional(Type.String()),
    decidedBy: Type.Optional(Type.String()),
    decidedAt: Type.Optional(Timestamp),
    note: Type.Optional(Type.String()),
  },
  { title: 'Task' },
);

export const OrderParams = Type.Object({ id: Id('ord') }, { additionalProperties: false });
export const TaskParams = Type.Object(
  { id: Type.String({ pattern: '^tsk_[0-9a-z]{26}-[0-9]{1,6}$', maxLength: 40 }) },
  { additionalProperties: false },
);
export const DryRun = Type.Object({ dryRun: Type.Boolean({ default: false }) }, { additionalProperties: false });

export const OrderQuery = Type.Object(
  {
    ...pageQuery,
    status: Type.Optional(OneOf(orderStatuses)),
    customerId: Type.Optional(Text({ max: 64 })),
    placedAfter: Type.Optional(Timestamp),
    placedBefore: Type.Optional(Timestamp),
    q: Type.Optional(Text({ max: 200, description: 'An id, number or external id, exactly' })),
    sort: OneOf(['-placedAt', 'placedAt'], { description: 'Newest first, or oldest first' }),
  },
  { additionalProperties: false, required: ['limit'] },
);

export const TaskQuery = Type.Object(
  {
    ...pageQuery,
    status: Type.Optional(OneOf(['open', 'decided', 'closed'])),
    kind: Type.Optional(OneOf(['fraudReview', 'paymentException', 'reconciliation'])),
    orderId: Type.Optional(Id('ord')),
  },
  { additionalProperties: false },
);

export const CancelBody = Type.Object(
  { reason: Lines({ max: 500 }), lines: Type.Optional(Type.Unknown()) },
  { additionalProperties: false },
);
export const ChoiceBody = Type.Object({ choice: OneOf(['amend', 'wait', 'cancel']) }, { additionalProperties: false });
export const DecisionBody = Type.Object(
  { decision: Text({ max: 50 }), note: Type.Optional(Lines({ max: 1_000 })) },
  { additionalProperties: false },
);

export const ReconciliationBody = Type.Object(
  { since: Type.String({ format: 'date-time', description: 'The moment that this installation was put back to.' }) },
  { additionalProperties: false },
);
export const ReconciliationSchema = Type.Object(
  {
    since: Timestamp,
    checked: Type.Object({ orders: Type.Integer(), payments: Type.Integer(), reservations: Type.Integer(), shipments: Type.Integer() }),
    differences: Type.Array(
      Type.Object({
        about: OneOf(['workflow', 'order', 'payment', 'stock', 'shipment']),
        orderId: Type.Optional(Type.String()),
        summary: Type.String(),
        /** What was done about it; `task` is for a person. */
        action: OneOf(['restarted', 'ended', 'released', 'task']),
        taskId: Type.Optional(Type.String()),
      }),
    ),
  },
  { title: 'Reconciliation' },
);
