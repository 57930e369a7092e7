import { type FieldError, WaybillError } from '@waybill/kernel/errors';
import { isCurrency } from '@waybill/kernel/money';
import type { Static } from 'typebox';
import type { ProductBody } from './schemas.ts';
import type { ProductContent } from './store/products.ts';

export type ProductInput = Static<typeof ProductBody>;

/** What a schema cannot say: each SKU once, each currency once and real. All problems at once. */
export function contentOf({ name, description = '', categoryId = null, variants }: ProductInput): ProductContent {
  const errors: FieldError[] = [];
  const skus = new Set<string>();
  for (const [index, { sku, prices }] of variants.entries()) {
    if (skus.has(sku)) errors.push({ field: `variants[${index}].sku`, message: `${sku} stands there twice` });
    skus.add(sku);
    const currencies = new Set<string>();
    for (const [position, { currency }] of prices.entries()) {
      const field = `variants[${index}].prices[${position}].currency`;
      if (!isCurrency(currency)) errors.push({ field, message: `${currency} is not an ISO 4217 currency` });
      if (currencies.has(currency)) errors.push({ field, message: `${sku} already has a price in ${currency}` });
      currencies.add(currency);
    }
  }
  const [first] = errors;
  if (first) throw new WaybillError('invalid', `${first.field}: ${first.message}`, { errors });
  return { name, description, categoryId, variants: variants.map((variant) => ({ ...variant, name: variant.name ?? name })) };
}
