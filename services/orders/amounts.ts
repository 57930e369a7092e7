import { allocate, money, shareOf } from '@waybill/kernel/money';
import type { OrderLine, OrderTotal } from './contract.ts';

type Parcel = { lines: readonly { lineId: string; quantity: number }[] };

/** The lines with new quantities; a line that drops to 0 stays, so that nothing that names it dangles. */
export function withQuantities(lines: readonly OrderLine[], quantities: ReadonlyMap<string, number>): OrderLine[] {
  return lines.map((line) => {
    const quantity = quantities.get(line.id) ?? 0;
    return { ...line, quantity, total: money(line.unitPrice.amount * quantity, line.unitPrice.currency) };
  });
}

const amountOf = (totals: readonly OrderTotal[], code: OrderTotal['code']): number =>
  totals.find((row) => row.code === code)?.amount.amount ?? 0;

/** Total rows for lines whose quantities changed: shipping stays as quoted, tax is rounded per line again. */
export function totalsFor(lines: readonly OrderLine[], before: readonly OrderTotal[], currency: string): OrderTotal[] {
  const subtotal = lines.reduce((sum, line) => sum + line.total.amount, 0);
  const tax = lines.reduce((sum, line) => sum + shareOf(line.total.amount, line.taxRate), 0);
  const fresh = { subtotal, tax, shipping: amountOf(before, 'shipping'), discount: amountOf(before, 'discount') };
  return before.map(({ code }) => ({ code, amount: money(fresh[code], currency) }));
}

export const sumOf = (totals: readonly OrderTotal[]): number => totals.reduce((sum, row) => sum + row.amount.amount, 0);

/**
 * What each parcel costs, in minor units. A line's tax is divided by quantity, shipping and discount by the value of the
 * goods; the parts add up to the order's total exactly, provided the parcels hold exactly the lines' quantities.
 */
export function amountsOf(lines: readonly OrderLine[], totals: readonly OrderTotal[], parcels: readonly Parcel[]): number[] {
  const quantity = (parcel: Parcel, lineId: string): number =>
    parcel.lines.reduce((sum, line) => (line.lineId === lineId ? sum + line.quantity : sum), 0);
  const goods = parcels.map((parcel) => lines.reduce((sum, line) => sum + line.unitPrice.amount * quantity(parcel, line.id), 0));
  const amounts = [...goods];
  const add = (parts: readonly number[]) => {
    for (const [index, part] of parts.entries()) amounts[index] = (amounts[index] ?? 0) + part;
  };
  for (const line of lines) {
    const tax = shareOf(line.total.amount, line.taxRate);
    add(
      allocate(
        tax,
        parcels.map((parcel) => quantity(parcel, line.id)),
      ),
    );
  }
  add(allocate(amountOf(totals, 'shipping'), goods));
  add(allocate(amountOf(totals, 'discount'), goods));
  return amounts;
}
