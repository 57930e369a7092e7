import { type FieldError, WaybillError } from '@waybill/kernel/errors';
import type { ReserveStockInput } from './contract.ts';
import { mostOnHand } from './store/levels.ts';

/** What would corrupt stock if a caller of ours got it wrong: a negative quantity would make goods out of nothing. */
export function checkReserveInput({ orderId, generation, lines }: ReserveStockInput): void {
  const errors: FieldError[] = [];
  if (orderId === '') errors.push({ field: 'orderId', message: 'must not be empty' });
  if (!Number.isSafeInteger(generation) || generation < 0) errors.push({ field: 'generation', message: 'must be a whole number from 0' });
  if (lines.length === 0) errors.push({ field: 'lines', message: 'must not be empty' });
  const seen = new Set<string>();
  for (const [index, { lineId, quantity }] of lines.entries()) {
    if (!Number.isSafeInteger(quantity) || quantity < 1 || quantity > mostOnHand) {
      errors.push({ field: `lines[${index}].quantity`, message: `must be a whole number from 1 to ${mostOnHand}, not ${quantity}` });
    }
    if (seen.has(lineId)) errors.push({ field: `lines[${index}].lineId`, message: `${lineId} stands there twice` });
    seen.add(lineId);
  }
  const [first] = errors;
  if (first) throw new WaybillError('invalid', `${first.field}: ${first.message}`, { errors });
}
