import { createHash } from 'node:crypto';
import type { CatalogCalls, Quote } from '@waybill/catalog/contract';
import { invalidField, unsupportedField, WaybillError } from '@waybill/kernel/errors';
import { newId } from '@waybill/kernel/ids';
import { formatMoney, isCurrency, type Money } from '@waybill/kernel/money';
import type { Kysely } from 'kysely';
import { type OrderLine, partId } from './contract.ts';
import type { OrdersMetrics } from './metrics.ts';
import type { OrderView, PlaceOrderBody } from './routes/schemas.ts';
import type { Starter } from './start.ts';
import { type Acceptance, findKey, insertOrder } from './store/accept.ts';
import type { OrdersTables } from './store/tables.ts';
import { orderView } from './view.ts';

type Deps = { db: Kysely<OrdersTables>; catalog: CatalogCalls; starter: Starter; metrics: OrdersMetrics; wakeRelay: () => void };
type Accepted = { order: OrderView; replayed: boolean };

/**
 * Takes an order: prices it, writes it in one transaction, answers. What it answers survives anything after it; Temporal
 * is not asked. The same key with the same body gets the same answer again; with another body it is a conflict.
 */
export function createAcceptance({ db, catalog, starter, metrics, wakeRelay }: Deps) {
  return async function accept(body: PlaceOrderBody, caller: string, idempotencyKey: string | undefined): Promise<Accepted> {
    const delivery = supported(body);
    const key = idempotencyKey === undefined ? null : { caller, hash: sha256(idempotencyKey), bodyHash: sha256(canonical(body)) };
    const stored = async (): Promise<Accepted | undefined> => (key ? replay(db, key) : undefined);

    let quote: Quote;
    try {
      quote = await catalog.quote({ currency: body.currency, lines: body.lines, delivery: quotedDelivery(delivery) });
      checkTotal(body.expectedTotal, quote.total);
    } catch (error) {
      // Prices move: a repeat of what was accepted before must not be refused for it.
      const before = error instanceof WaybillError && error.code !== 'unavailable' ? await stored() : undefined;
      if (before) return before;
      throw error;
    }

    const id = newId('ord');
    const lines = quote.lines.map(
      ({ sku, name, quantity, unitPrice, total, taxRate }, index): OrderLine => ({
        id: partId('lin', id, index + 1),
        sku,
        name,
        quantity,
        unitPrice,
        total,
        taxRate,
      }),
    );
    const { currency, payment } = body;
    const accepted = {
      id,
      customerId: body.customerId ?? null,
      currency,
      lines,
      totals: [...quote.totals],
      total: quote.total.amount,
      delivery,
      payment,
    };
    const placedAt = new Date();
    const answer = orderView({
      ...accepted,
      number: 0,
      externalId: body.externalId ?? null,
      status: 'pending',
      paymentStatus: 'none',
      version: 1,
      placedAt,
      fulfillments: [],
      waitingFor: null,
      cancelRequested: false,
      dispatched: false,
    });
    const row: Acceptance = {
      ...accepted,
      externalId: body.externalId ?? null,
      placedBy: caller,
      placedAt,
      key: key && { ...key, answer: JSON.stringify(answer) },
    };
    const inserted = await insertOrder(db, row);
    if (!inserted) {
      const before = await stored();
      if (before) return before;
      throw new WaybillError('unavailable', 'the idempotency key is being used by another request right now', { retryAfter: 1 });
    }
    metrics.placed();
    starter.startSoon(accepted);
    wakeRelay();
    return { order: { ...answer, number: inserted.number }, replayed: false };
  };
}

async function replay(db: Kysely<OrdersTables>, key: { caller: string; hash: Buffer; bodyHash: Buffer }): Promise<Accepted | undefined> {
  const found = await findKey(db, key.caller, key.hash);
  if (!found) return undefined;
  if (!found.bodyHash.equals(key.bodyHash)) {
    throw new WaybillError(
      'conflict',
      `this Idempotency-Key was used for order ${found.orderId} with another body; use a new key for a new order`,
      {
        errors: [{ field: 'idempotency-key', message: 'was used with another body' }],
      },
    );
  }
  const answer = JSON.parse(found.answer) as OrderView; // written above
  return { order: { ...answer, number: found.number }, replayed: true };
}

function supported(body: PlaceOrderBody): Acceptance['delivery'] {
  if (body.couponCode !== undefined) throw unsupportedField('couponCode', 'coupons are not supported yet; leave it out');
  if (body.delivery.method === 'pickup') throw unsupportedField('delivery.method', 'pickup is not supported yet; use "ship"');
  if (!isCurrency(body.currency)) throw invalidField('currency', `"${body.currency}" is not an ISO 4217 currency`);
  return body.delivery;
}

const quotedDelivery = (delivery: Acceptance['delivery']) => ({
  method: delivery.method,
  shippingMethod: delivery.shippingMethod,
  country: delivery.address.country,
});

function checkTotal(expected: Money | undefined, total: Money): void {
  if (!expected || (expected.amount === total.amount && expected.currency === total.currency)) return;
  const known = isCurrency(expected.currency) ? formatMoney(expected) : `${expected.amount} ${expected.currency}`;
  throw new WaybillError('conflict', `the order comes to ${formatMoney(total)}, not to the expected ${known}; ask for a new quote`, {
    errors: [{ field: 'expectedTotal', message: `the total is ${total.amount} ${total.currency}` }],
  });
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

/** JSON with sorted keys: the same order written in another order of fields is the same body. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
