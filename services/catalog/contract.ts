import type { CallsDefinition } from '@waybill/kernel/calls';
import type { Money } from '@waybill/kernel/money';

export type Delivery =
  | { method: 'ship'; shippingMethod: string; country: string }
  /** Collected at a counter: no shipping is charged. */
  | { method: 'pickup' };

export type QuoteInput = {
  currency: string;
  lines: readonly { sku: string; quantity: number }[];
  delivery: Delivery;
};

export type QuotedLine = {
  sku: string;
  name: string;
  quantity: number;
  unitPrice: Money;
  /** `unitPrice × quantity`, before tax. */
  total: Money;
  /** The flat tax rate that was applied, in basis points. Tax is rounded per line, half up. */
  taxRate: number;
  tax: Money;
};

export type TotalCode = 'subtotal' | 'discount' | 'shipping' | 'tax';

export type Quote = {
  currency: string;
  lines: readonly QuotedLine[];
  /** Exactly one row per code that applies; their sum is `total`. The flat shipping fee carries no tax. */
  totals: readonly { code: TotalCode; amount: Money }[];
  total: Money;
};

export type CatalogCalls = {
  /**
   * Prices lines at this moment. Throws `invalid` with one entry per bad field (`lines[2].sku`, `currency`,
   * `delivery.shippingMethod`): an unknown SKU, a SKU without a price in the currency, an unknown shipping method.
   */
  quote(input: QuoteInput): Promise<Quote>;
  /** Which of these SKUs exist. */
  findSkus(input: { skus: readonly string[] }): Promise<{ known: readonly string[] }>;
};

export const catalogCalls: CallsDefinition<CatalogCalls> = { service: 'catalog', names: ['quote', 'findSkus'] };
