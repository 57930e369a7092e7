/** An amount in the currency's minor unit (cents, yen): an integer, never a float. */
export type Money = { amount: number; currency: string };

/** The largest amount we accept anywhere: sums of 10,000 of them are still exact integers. */
export const maxAmount = 100_000_000_000;

const currencies = new Set(Intl.supportedValuesOf('currency'));
export const isCurrency = (code: string): boolean => currencies.has(code);

export const money = (amount: number, currency: string): Money => ({ amount, currency });

/** `amount × basisPoints / 10 000`, half up, exact: the product is formed as a BigInt. Amount must not be negative. */
export function shareOf(amount: number, basisPoints: number): number {
  return Number((BigInt(amount) * BigInt(basisPoints) * 2n + 10_000n) / 20_000n);
}

/**
 * Divides an amount in proportion to the weights; the parts always add up to it exactly. What rounding leaves goes to
 * the largest remainders, earlier parts first. All weights zero: everything goes to the first part.
 */
export function allocate(amount: number, weights: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + BigInt(weight), 0n);
  if (total === 0n) return weights.map((_, index) => (index === 0 ? amount : 0));
  const parts = weights.map((weight, index) => {
    const product = BigInt(amount) * BigInt(weight);
    return { index, whole: product / total, remainder: product % total };
  });
  let left = BigInt(amount) - parts.reduce((sum, part) => sum + part.whole, 0n);
  const byRemainder = parts.toSorted((a, b) => (a.remainder === b.remainder ? a.index - b.index : a.remainder < b.remainder ? 1 : -1));
  for (const part of byRemainder) {
    if (left === 0n) break;
    part.whole += 1n;
    left -= 1n;
  }
  return parts.map((part) => Number(part.whole));
}

/** `25.80 EUR`, for people. */
export function formatMoney({ amount, currency }: Money): string {
  const digits = new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;
  return `${(amount / 10 ** digits).toFixed(digits)} ${currency}`;
}
