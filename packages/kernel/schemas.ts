import Type, { type Static, type TSchema } from 'typebox';
import { errorCodes } from './errors.ts';
import { idPattern } from './ids.ts';
import { maxAmount } from './money.ts';

/** A string that can be stored and shown as it is: no control characters (so no NUL) and no half of a surrogate pair. */
export const linePattern = '^[^\\p{Cc}\\p{Cs}]*$';
/** The same, with line breaks and tabs. */
export const linesPattern = '^(?:[\\t\\n\\r]|[^\\p{Cc}\\p{Cs}])*$';

type TextOptions = { min?: number; max: number; description?: string };

/** One line of free text, from `min` (1) to `max` characters. */
export const Text = ({ min = 1, max, ...rest }: TextOptions) =>
  Type.String({ minLength: min, maxLength: max, pattern: linePattern, ...rest });

/** Free text that may have several lines. */
export const Lines = ({ min = 1, max, ...rest }: TextOptions) =>
  Type.String({ minLength: min, maxLength: max, pattern: linesPattern, ...rest });

/** An id of ours with this prefix, such as `ord`. */
export const Id = (prefix: string, options: { description?: string } = {}) =>
  Type.String({
    pattern: idPattern(prefix),
    maxLength: prefix.length + 27,
    examples: [`${prefix}_01k0000000000000000000000e`],
    ...options,
  });

/** A stock keeping unit, location or other code chosen by people: letters, digits, dot, dash, underscore. */
export const Code = (options: { max?: number; description?: string } = {}) => {
  const { max = 64, ...rest } = options;
  return Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$', minLength: 1, maxLength: max, ...rest });
};

export const Currency = Type.String({ pattern: '^[A-Z]{3}$', maxLength: 3, description: 'ISO 4217', examples: ['EUR'] });

/** RFC 3339 in UTC. */
export const Timestamp = Type.String({ format: 'date-time', maxLength: 40, examples: ['2026-01-31T09:30:00.000Z'] });

/** ISO 3166-1 alpha-2. */
export const Country = Type.String({ pattern: '^[A-Z]{2}$', maxLength: 2, description: 'ISO 3166-1 alpha-2', examples: ['DE'] });

const moneyOf = (title: string, minimum: number) =>
  Type.Object(
    { amount: Type.Integer({ minimum, maximum: maxAmount, description: 'In minor units, such as cents' }), currency: Currency },
    { title, additionalProperties: false },
  );

/** An amount someone pays or is paid: not negative. */
export const MoneySchema = moneyOf('Money', 0);
/** An amount that can be negative, such as a discount. */
export const SignedMoneySchema = Type.Object(
  { amount: Type.Integer({ description: 'In minor units, such as cents' }), currency: Currency },
  { title: 'SignedMoney', additionalProperties: false },
);

/** A value or null. Written as a list of types, which the serializer handles without trying alternatives. */
export function Nullable<T extends TSchema>(schema: T) {
  const { type, enum: values } = schema as { type?: string; enum?: unknown[] };
  if (typeof type !== 'string') return Type.Unsafe<Static<T> | null>({ anyOf: [schema, { type: 'null' }] } as TSchema);
  return Type.Unsafe<Static<T> | null>({ ...schema, type: [type, 'null'], ...(values ? { enum: [...values, null] } : {}) } as TSchema);
}

/** One of some fixed words. */
export const OneOf = <const V extends readonly string[]>(values: V, options: { description?: string; title?: string } = {}) =>
  Type.Unsafe<V[number]>({ type: 'string', enum: [...values], ...options } as TSchema);

/** Objects told apart by the fixed word in the property `by`: only the named variant is checked, so errors name its fields. */
export const Variants = <const T extends readonly TSchema[]>(by: string, variants: T, options: { title?: string } = {}) =>
  Type.Unsafe<Static<T[number]>>({
    type: 'object',
    required: [by],
    discriminator: { propertyName: by },
    oneOf: [...variants],
    ...options,
  } as TSchema);

export const ProblemSchema = Type.Object(
  {
    type: Type.String({ examples: ['urn:waybill:problem:invalid'] }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'What is wrong with which thing, and what to do about it' }),
    code: OneOf([...errorCodes, 'internal']),
    errors: Type.Optional(
      Type.Array(Type.Object({ field: Type.String({ examples: ['lines[0].quantity'] }), message: Type.String() }, { title: 'FieldError' })),
    ),
    requestId: Type.String(),
  },
  { title: 'Problem', description: 'RFC 9457' },
);

/** Query fields of every list. */
export const pageQuery = {
  limit: Type.Integer({ minimum: 1, maximum: 200, default: 50 }),
  cursor: Type.Optional(
    Type.String({ minLength: 1, maxLength: 500, pattern: '^[A-Za-z0-9_-]+$', description: 'nextCursor of the page before' }),
  ),
};

/** A page of a list. There is no `nextCursor` after the last page. */
export const PageOf = <T extends TSchema>(item: T) => Type.Object({ items: Type.Array(item), nextCursor: Type.Optional(Type.String()) });
