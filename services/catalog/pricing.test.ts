import { WaybillError } from '@waybill/kernel/errors';
import { maxAmount } from '@waybill/kernel/money';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { QuoteInput } from './contract.ts';
import { type PriceList, price } from './pricing.ts';

const listOf = (prices: Record<string, Record<string, number>>, taxRate = 2_000): PriceList => ({
  entries: new Map(
    Object.entries(prices).map(([sku, byCurrency]) => [sku, { name: `${sku}!`, prices: new Map(Object.entries(byCurrency)) }]),
  ),
  shippingFees: new Map([['standard', new Map([['EUR', 490]])]]),
  taxRate,
});
const ship = { method: 'ship', shippingMethod: 'standard', country: 'DE' } as const;
const fieldsOf = (input: QuoteInput, list: PriceList) => {
  try {
    price(input, list);
    return [];
  } catch (error) {
    if (!(error instanceof WaybillError) || error.code !== 'invalid') throw error;
    return error.errors.map(({ field }) => field);
  }
};

test('a quote names each line, and its totals are subtotal, shipping and tax', () => {
  const quote = price({ currency: 'EUR', lines: [{ sku: 'MUG', quantity: 2 }], delivery: ship }, listOf({ MUG: { EUR: 1_875 } }));
  expect(quote).toEqual({
    currency: 'EUR',
    lines: [
      {
        sku: 'MUG',
        name: 'MUG!',
        quantity: 2,
        unitPrice: { amount: 1_875, currency: 'EUR' },
        total: { amount: 3_750, currency: 'EUR' },
        taxRate: 2_000,
        tax: { amount: 750, currency: 'EUR' },
      },
    ],
    totals: [
      { code: 'subtotal', amount: { amount: 3_750, currency: 'EUR' } },
      { code: 'shipping', amount: { amount: 490, currency: 'EUR' } },
      { code: 'tax', amount: { amount: 750, currency: 'EUR' } },
    ],
    total: { amount: 4_990, currency: 'EUR' },
  });
});

test('a pickup has no shipping row, and the shipping fee carries no tax', () => {
  const list = listOf({ A: { EUR: 100 } }, 1_900);
  const lines = [{ sku: 'A', quantity: 1 }];
  const pickup = price({ currency: 'EUR', lines, delivery: { method: 'pickup' } }, list);
  expect(pickup.totals.map(({ code, amount }) => [code, amount.amount])).toEqual([
    ['subtotal', 100],
    ['tax', 19],
  ]);
  expect(price({ currency: 'EUR', lines, delivery: ship }, list).total.amount - pickup.total.amount).toBe(490);
});

test('tax is rounded per line, half up', () => {
  const list = listOf({ A: { EUR: 5 }, B: { EUR: 4 } }, 1_000);
  const taxes = (skus: string[]) =>
    price({ currency: 'EUR', lines: skus.map((sku) => ({ sku, quantity: 1 })), delivery: ship }, list).lines.map(({ tax }) => tax.amount);
  expect(taxes(['A', 'A', 'B'])).toEqual([1, 1, 0]);
});

test('for any number of lines, prices, quantities and rates the totals are exact to the minor unit', () => {
  const line = fc.record({ amount: fc.nat(20_000_000), quantity: fc.integer({ min: 1, max: 400 }) });
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 2_000, size: 'max' }), fc.nat(10_000), (entries, taxRate) => {
      const list = listOf(Object.fromEntries(entries.map(({ amount }, index) => [`S${index}`, { EUR: amount }])), taxRate);
      const lines = entries.map(({ quantity }, index) => ({ sku: `S${index}`, quantity }));
      const exact = entries.map(({ amount, quantity }) => BigInt(amount) * BigInt(quantity));
      const tax = exact.map((total) => (total * BigInt(taxRate) + 5_000n) / 10_000n);
      const expected = [...exact, ...tax].reduce((sum, amount) => sum + amount, 490n);
      if (expected > BigInt(maxAmount)) {
        expect(fieldsOf({ currency: 'EUR', lines, delivery: ship }, list)).toContain('lines');
        return;
      }
      const quote = price({ currency: 'EUR', lines, delivery: ship }, list);
      expect(BigInt(quote.total.amount)).toBe(expected);
      expect(quote.totals.reduce((sum, { amount }) => sum + amount.amount, 0)).toBe(quote.total.amount);
      expect(quote.lines.map((quoted) => BigInt(quoted.total.amount))).toEqual(exact);
      expect(quote.lines.map((quoted) => BigInt(quoted.tax.amount))).toEqual(tax);
    }),
    { numRuns: 60 },
  );
});

test('ten thousand lines add up exactly', () => {
  const list = listOf({ A: { EUR: 333 } }, 1_900);
  const quote = price({ currency: 'EUR', lines: Array.from({ length: 10_000 }, () => ({ sku: 'A', quantity: 3 })), delivery: ship }, list);
  expect(quote.total.amount).toBe(10_000 * (999 + 190) + 490);
});

test('every bad field is reported at once', () => {
  const list = listOf({ A: { EUR: 100 }, B: { USD: 100 } });
  const lines = [
    { sku: 'GONE', quantity: 1 },
    { sku: 'A', quantity: 0 },
    { sku: 'B', quantity: 1 },
    { sku: 'A', quantity: 1 },
  ];
  expect(fieldsOf({ currency: 'EUR', lines, delivery: { ...ship, shippingMethod: 'drone' } }, list)).toEqual([
    'lines[0].sku',
    'lines[1].quantity',
    'lines[2].sku',
    'delivery.shippingMethod',
  ]);
});

test('a currency that is none, or in which nothing is priced, is named', () => {
  const list = listOf({ A: { EUR: 100 } });
  const lines = [{ sku: 'A', quantity: 1 }];
  expect(fieldsOf({ currency: 'QQQ', lines, delivery: ship }, list)).toContain('currency');
  expect(fieldsOf({ currency: 'JPY', lines, delivery: ship }, list)).toEqual(['currency', 'lines[0].sku', 'delivery.shippingMethod']);
  expect(fieldsOf({ currency: 'EUR', lines: [], delivery: ship }, list)).toEqual(['lines']);
});

test('an amount too large to be exact is refused instead of rounded', () => {
  const list = listOf({ DEAR: { EUR: maxAmount }, FREE: { EUR: 0 } });
  const quote = (sku: string, quantity: number) => fieldsOf({ currency: 'EUR', lines: [{ sku, quantity }], delivery: ship }, list);
  expect(quote('DEAR', 2)).toEqual(['lines[0].quantity']);
  expect(quote('DEAR', 1)).toEqual(['lines']);
  expect(quote('FREE', 1e12)).toEqual(['lines[0].quantity']);
  for (const quantity of [-3, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) expect(quote('FREE', quantity)).toEqual(['lines[0].quantity']);
});
