import { invalidField } from './errors.ts';

/** What a keyset page continues after: the values of the sort columns in the last row. */
export type Keyset = readonly (string | number | null)[];

export const encodeCursor = (keyset: Keyset): string => Buffer.from(JSON.stringify(keyset)).toString('base64url');

/** Reads a cursor whose values must have these types, in order; anything else is the caller's mistake. */
export function decodeCursor<const T extends readonly ('string' | 'number')[]>(
  cursor: string,
  types: T,
): { [K in keyof T]: T[K] extends 'string' ? string : number } {
  const values = parse(cursor);
  const fits =
    Array.isArray(values) &&
    values.length === types.length &&
    values.every((value, index) => typeof value === types[index] && (typeof value === 'number' || storable(value)));
  if (!fits) throw invalidField('cursor', 'is not a cursor of this list; take nextCursor of the page before, or leave it out');
  return values as unknown as { [K in keyof T]: T[K] extends 'string' ? string : number }; // checked value by value above
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}

// PostgreSQL refuses a NUL with an error of its own, and the cursor came from outside.
const storable = (value: string): boolean => value.length <= 200 && !/[\p{Cc}\p{Cs}]/u.test(value);

/** Makes a page from rows that were read with `limit + 1`: the row too many says that there is a next page. */
export function pageOf<R, I>(
  rows: readonly R[],
  limit: number,
  options: { item: (row: R) => I; keyset: (row: R) => Keyset },
): { items: I[]; nextCursor?: string } {
  const items = rows.slice(0, limit).map(options.item);
  const last = rows[limit - 1];
  return rows.length > limit && last !== undefined ? { items, nextCursor: encodeCursor(options.keyset(last)) } : { items };
}
