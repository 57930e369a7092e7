import fc from 'fast-check';
import { expect, test } from 'vitest';
import { allocate, formatMoney, maxAmount, shareOf } from './money.ts';

const amount = fc.integer({ min: 0, max: maxAmount });

test('a share is rounded half up, exactly, whatever the amount', () => {
  expect(shareOf(25, 2_000)).toBe(5);
  expect(shareOf(1, 5_000)).toBe(1); // 0.5
  expect(shareOf(1, 4_999)).toBe(0);
  fc.assert(
    fc.property(amount, fc.integer({ min: 0, max: 10_000 }), (whole, rate) => {
      const exact = BigInt(whole) * BigInt(rate);
      const twice = 2n * BigInt(shareOf(whole, rate)) * 10_000n;
      expect(twice - 2n * exact).toBeLessThanOrEqual(10_000n);
      expect(twice - 2n * exact).toBeGreaterThan(-10_000n);
    }),
  );
});

test('allocated parts add up to the amount, and none is off by a whole unit', () => {
  fc.assert(
    fc.property(amount, fc.array(fc.integer({ min: 0, max: 1_000_000 }), { minLength: 1, maxLength: 20 }), (whole, weights) => {
      const parts = allocate(whole, weights);
      expect(parts.reduce((sum, part) => sum + part, 0)).toBe(whole);
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      if (total === 0) return;
      for (const [index, part] of parts.entries()) expect(Math.abs(part - (whole * (weights[index] ?? 0)) / total)).toBeLessThan(1.001);
    }),
  );
});

test('money is shown with the digits of its currency', () => {
  expect(formatMoney({ amount: 2580, currency: 'EUR' })).toBe('25.80 EUR');
  expect(formatMoney({ amount: 2580, currency: 'JPY' })).toBe('2580 JPY');
});
