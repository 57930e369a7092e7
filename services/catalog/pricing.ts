import { type FieldError, WaybillError } from '@waybill/kernel/errors';
import { isCurrency, maxAmount, money, shareOf } from '@waybill/kernel/money';
import type { Quote, QuotedLine, QuoteInput } from './contract.ts';

/** Prices by currency. */
export type Entry = { name: string; prices: ReadonlyMap<string, number> };
/** What prices an order: the catalogue's entries by SKU and the shipping fees by method and currency. */
export type PriceList = {
  entries: ReadonlyMap<string, Entry>;
  shippingFees: ReadonlyMap<string, ReadonlyMap<string, number>>;
  taxRate: number;
};

/**
 * The one place where an order's amounts are made. Tax is rounded per line, half up, so the totals are sums of integers and
 * always add up. The shipping fee is flat and carries no tax. Throws `invalid` with every bad field at once.
 */
export function price(input: QuoteInput, list: PriceList): Quote {
  const { currency } = input;
  const errors: FieldError[] = [];
  if (!isCurrency(currency)) errors.push({ field: 'currency', message: `${currency} is not an ISO 4217 currency` });
  if (input.lines.length === 0) errors.push({ field: 'lines', message: 'must not be empty' });
  const known = input.lines.flatMap(({ sku }) => list.entries.get(sku) ?? []);
  if (errors.length === 0 && known.length > 0 && !known.some(({ prices }) => prices.has(currency))) {
    errors.push({ field: 'currency', message: `nothing of this has a price in ${currency}` });
  }
  const lines = input.lines.flatMap((line, index) => priceLine(line, index, input, list, errors));
  const shipping = shippingOf(input, list, errors);
  const sum = (amounts: readonly number[]) => amounts.reduce((total, amount) => total + amount, 0);
  const subtotal = sum(lines.map(({ total }) => total.amount));
  const tax = sum(lines.map((line) => line.tax.amount));
  const total = subtotal + (shipping ?? 0) + tax;
  if (total > maxAmount) errors.push({ field: 'lines', message: `add up to more than one order can be (${maxAmount})` });
  const [first] = errors;
  if (first) {
    const more = errors.length > 1 ? `, and ${errors.length - 1} more` : '';
    throw new WaybillError('invalid', `${first.field}: ${first.message}${more}`, { errors });
  }
  return {
    currency,
    lines,
    totals: [
      { code: 'subtotal', amount: money(subtotal, currency) },
      ...(shipping === undefined ? [] : [{ code: 'shipping' as const, amount: money(shipping, currency) }]),
      { code: 'tax', amount: money(tax, currency) },
    ],
    total: money(total, currency),
  };
}

type Line = QuoteInput['lines'][number];

function priceLine({ sku, quantity }: Line, index: number, { currency }: QuoteInput, list: PriceList, errors: FieldError[]): QuotedLine[] {
  const bad = (field: string, message: string) => {
    errors.push({ field: `lines[${index}].${field}`, message });
    return [];
  };
  const wholeQuantity = Number.isSafeInteger(quantity) && quantity >= 1;
  if (!wholeQuantity) bad('quantity', `must be a whole number from 1, not ${quantity}`);
  const entry = list.entries.get(sku);
  if (!entry) return bad('sku', `${sku} does not exist`);
  const unitPrice = entry.prices.get(currency);
  if (unitPrice === undefined) return bad('sku', `${sku} has no price in ${currency}`);
  if (!wholeQuantity) return [];
  // Asked by division, since the product may not be an exact number any more.
  if (quantity > maxAmount || quantity > maxAmount / Math.max(unitPrice, 1)) {
    return bad('quantity', `${quantity} of ${sku} cost more than one order can (${maxAmount})`);
  }
  const total = unitPrice * quantity;
  return [
    {
      sku,
      name: entry.name,
      quantity,
      unitPrice: money(unitPrice, currency),
      total: money(total, currency),
      taxRate: list.taxRate,
      tax: money(shareOf(total, list.taxRate), currency),
    },
  ];
}

function shippingOf({ delivery, currency }: QuoteInput, { shippingFees }: PriceList, errors: FieldError[]): number | undefined {
  if (delivery.method === 'pickup') return undefined;
  const field = 'delivery.shippingMethod';
  const fees = shippingFees.get(delivery.shippingMethod);
  const fee = fees?.get(currency);
  if (!fees) errors.push({ field, message: `${delivery.shippingMethod} is not one of ${[...shippingFees.keys()].join(', ')}` });
  else if (fee === undefined) errors.push({ field, message: `${delivery.shippingMethod} has no price in ${currency}` });
  return fee;
}
