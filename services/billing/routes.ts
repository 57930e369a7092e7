import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { invalidField, WaybillError } from '@waybill/kernel/errors';
import { money } from '@waybill/kernel/money';
import { decodeCursor, pageOf } from '@waybill/kernel/paging';
import { Id, MoneySchema, Nullable, OneOf, PageOf, pageQuery, Text, Timestamp } from '@waybill/kernel/schemas';
import Type, { type Static } from 'typebox';
import { paymentStatuses } from './states.ts';
import type { FraudStore, StoredFraudSettings } from './store/fraud.ts';
import type { PaymentRow, PaymentStore } from './store/payments.ts';
import { checkAmount } from './validate.ts';

const Status = OneOf(paymentStatuses, { description: '`none`: the provider has not answered yet' });
const Payment = Type.Object(
  {
    id: Id('pay'),
    orderId: Type.String(),
    fulfillmentId: Type.String(),
    status: Status,
    amount: MoneySchema,
    captured: MoneySchema,
    refunded: MoneySchema,
    provider: Nullable(Type.String({ description: 'null: called off before it was ever asked for' })),
    reference: Nullable(Type.String({ description: "The provider's name for it" })),
    declineReason: Type.Optional(Type.String()),
    expiresAt: Type.Optional(Timestamp),
    createdAt: Timestamp,
    updatedAt: Timestamp,
  },
  { title: 'Payment' },
);
const PaymentQuery = Type.Object(
  {
    orderId: Type.Optional(Text({ max: 200 })),
    status: Type.Optional(Status),
    ...pageQuery,
  },
  { additionalProperties: false },
);

const FraudSettings = Type.Object(
  {
    limitPerCustomer: Nullable(MoneySchema),
    reviewAbove: Nullable(MoneySchema),
    maintenance: Type.Boolean({ description: 'While true, orders wait before every payment step; none fails' }),
  },
  { title: 'FraudSettings', additionalProperties: false },
);
const VersionHeader = Type.Object({ 'if-match': Type.Optional(Text({ max: 100, description: 'The ETag that was read' })) });

function paymentOf(row: PaymentRow): Static<typeof Payment> {
  const amount = (minor: number) => money(minor, row.currency);
  return {
    id: row.id,
    orderId: row.order_id,
    fulfillmentId: row.fulfillment_id,
    status: row.status,
    amount: amount(row.amount),
    captured: amount(row.captured),
    refunded: amount(row.refunded),
    provider: row.provider,
    reference: row.reference,
    ...(row.decline_reason === null ? {} : { declineReason: row.decline_reason }),
    ...(row.expires_at === null ? {} : { expiresAt: row.expires_at.toISOString() }),
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  };
}

const etagOf = ({ version }: StoredFraudSettings): string => `"${version}"`;

function expectedVersion(ifMatch: string | undefined): number | undefined {
  if (ifMatch === undefined || ifMatch === '*') return undefined;
  const version = /^(?:W\/)?"(\d{1,9})"$/.exec(ifMatch)?.[1];
  if (version === undefined) throw invalidField('if-match', 'must be the ETag that GET /v1/fraud/settings answered, such as "1"');
  return Number(version);
}

export function billingRoutes({ payments, fraud }: { payments: PaymentStore; fraud: FraudStore }): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/v1/payments',
      {
        config: { permission: 'payments:read' },
        schema: {
          tags: ['payments'],
          summary: 'List payments, newest first',
          querystring: PaymentQuery,
          response: { 200: PageOf(Payment) },
        },
      },
      async ({ query: { orderId, status, limit, cursor } }) => {
        const before = cursor === undefined ? undefined : decodeCursor(cursor, ['string'])[0];
        const rows = await payments.list({ orderId, status, before, limit: limit + 1 });
        return pageOf(rows, limit, { item: paymentOf, keyset: ({ id }) => [id] });
      },
    );

    app.get(
      '/v1/payments/:id',
      {
        config: { permission: 'payments:read' },
        schema: {
          tags: ['payments'],
          summary: 'Show a payment',
          params: Type.Object({ id: Text({ max: 100 }) }),
          response: { 200: Payment },
        },
      },
      async ({ params: { id } }) => {
        const row = await payments.find(id);
        if (!row) throw new WaybillError('not_found', `payment ${id} does not exist`);
        return paymentOf(row);
      },
    );

    app.get(
      '/v1/fraud/settings',
      {
        config: { permission: 'fraud:read' },
        schema: { tags: ['fraud'], summary: 'Show the fraud settings', response: { 200: FraudSettings } },
      },
      async (_request, reply) => {
        const settings = await fraud.settings();
        return reply.header('etag', etagOf(settings)).send(settings);
      },
    );

    app.put(
      '/v1/fraud/settings',
      {
        config: { permission: 'fraud:write' },
        schema: {
          tags: ['fraud'],
          summary: 'Replace the fraud settings',
          description: 'They hold from the next step on. With If-Match, only what was read is replaced.',
          headers: VersionHeader,
          body: FraudSettings,
          response: { 200: FraudSettings },
        },
      },
      async ({ body, headers }, reply) => {
        if (body.limitPerCustomer) checkAmount(body.limitPerCustomer, 'limitPerCustomer');
        if (body.reviewAbove) checkAmount(body.reviewAbove, 'reviewAbove');
        const saved = await fraud.saveSettings(body, expectedVersion(headers['if-match']));
        if (!saved) throw new WaybillError('precondition_failed', 'the fraud settings have changed since they were read; read them again');
        return reply.header('etag', etagOf(saved)).send(saved);
      },
    );
  };
}
