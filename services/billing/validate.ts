import { invalidField } from '@waybill/kernel/errors';
import { isCurrency, type Money, maxAmount } from '@waybill/kernel/money';

/** What comes from another service was checked there; these keep text that cannot be stored from becoming a database error. */
export function checkTexts(texts: Record<string, string | null>): void {
  for (const [field, text] of Object.entries(texts)) {
    if (text === null) continue;
    if (typeof text !== 'string' || text.length === 0 || text.length > 200) throw invalidField(field, 'must have 1 to 200 characters');
    if (/[\p{Cc}\p{Cs}]/u.test(text)) throw invalidField(field, 'must not hold control characters or broken Unicode');
  }
}

export function checkAmount({ amount, currency }: Money, field = 'amount'): void {
  if (!Number.isSafeInteger(amount) || amount < 0 || amount > maxAmount)
    throw invalidField(`${field}.amount`, `must be a whole number from 0 to ${maxAmount}`);
  if (!isCurrency(currency)) throw invalidField(`${field}.currency`, 'is not an ISO 4217 currency');
}
