import { money, shareOf } from '@waybill/kernel/money';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { amountsOf, sumOf, totalsFor, withQuantities } from './amounts.ts';
import type { OrderLine, OrderTotal } from './contract.ts';

const line = fc.record({
  price: fc.integer({ min: 0, max: 10_000_000 }),
  quantity: fc.integer({ min: 1, max: 1_000 }),
  taxRate: fc.integer({ min: 0, max: 3_000 }),
});

/** Lines, a shipping fee, and for each line how its quantity is spread over up to four parcels. */
const order = fc.record({
  lines: fc.array(line, { minLength: 1, maxLength: 60 }),
  shipping: fc.integer({ min: 0, max: 100_000 }),
  parcels: fc.integer({ min: 1, max: 4 }),
  spread: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 60, maxLength: 60 }),
});

function build({ lines, shipping }: { lines: { price: number; quantity: number; taxRate: number }[]; shipping: number }) {
  const built = lines.map(
    ({ price, quantity, taxRate }, index): OrderLine => ({
      id: `lin_${index}`,
      sku: `SKU-${index}`,
      name: `Thing ${index}`,
      quantity,
      unitPrice: money(price, 'EUR'),
      total: money(price * quantity, 'EUR'),
      taxRate,
    }),
  );
  const totals: OrderTotal[] = [
    {
      code: 'subtotal',
      amount: money(
        built.reduce((sum, { total }) => sum + total.amount, 0),
        'EUR',
      ),
    },
    { code: 'shipping', amount: money(shipping, 'EUR') },
    {
      code: 'tax',
      amount: money(
        built.reduce((sum, { total, taxRate }) => sum + shareOf(total.amount, taxRate), 0),
        'EUR',
      ),
    },
  ];
  return { lines: built, totals };
}

function spreadOver(lines: OrderLine[], parcels: number, spread: number[]) {
  const split = Array.from({ length: parcels }, () => ({ lines: [] as { lineId: string; quantity: number }[] }));
  for (const [index, { id, quantity }] of lines.entries()) {
    const first = Math.floor(quantity * (spread[index] ?? 0));
    split[index % parcels]?.lines.push({ lineId: id, quantity: first });
    split[(index + 1) % parcels]?.lines.push({ lineId: id, quantity: quantity - first });
  }
  return split;
}

test('the amounts of the parcels add up to the total exactly, for any lines and any split', () => {
  fc.assert(
    fc.property(order, (input) => {
      const { lines, totals } = build(input);
      const amounts = amountsOf(lines, totals, spreadOver(lines, input.parcels, input.spread));
      expect(amounts.reduce((sum, amount) => sum + amount, 0)).toBe(sumOf(totals));
      expect(amounts.every((amount) => Number.isSafeInteger(amount) && amount >= 0)).toBe(true);
    }),
  );
});

test('an amended order keeps its shipping, and its totals are those of what is left', () => {
  fc.assert(
    fc.property(order, (input) => {
      const { lines, totals } = build(input);
      const kept = new Map(lines.map(({ id, quantity }, index) => [id, Math.floor(quantity * (input.spread[index] ?? 0))]));
      const left = withQuantities(lines, kept);
      const after = totalsFor(left, totals, 'EUR');
      expect(after.find(({ code }) => code === 'subtotal')?.amount.amount).toBe(left.reduce((sum, { total }) => sum + total.amount, 0));
      expect(after.find(({ code }) => code === 'shipping')?.amount.amount).toBe(input.shipping);
      expect(sumOf(after)).toBeLessThanOrEqual(sumOf(totals));
      expect(left).toHaveLength(lines.length);
    }),
  );
});
