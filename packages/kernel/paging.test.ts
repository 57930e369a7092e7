import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeCursor, encodeCursor, pageOf } from './paging.ts';

test('following nextCursor visits every row once, in order, whatever the page size', () => {
  fc.assert(
    fc.property(fc.nat(60), fc.integer({ min: 1, max: 20 }), (count, limit) => {
      const rows = Array.from({ length: count }, (_, index) => ({ id: index }));
      const seen: number[] = [];
      let cursor: string | undefined;
      do {
        const after = cursor === undefined ? -1 : decodeCursor(cursor, ['number'])[0];
        const found = rows.filter(({ id }) => id > after).slice(0, limit + 1);
        const page = pageOf(found, limit, { item: ({ id }) => id, keyset: ({ id }) => [id] });
        expect(page.items.length).toBeLessThanOrEqual(limit);
        seen.push(...page.items);
        cursor = page.nextCursor;
      } while (cursor !== undefined);
      expect(seen).toEqual(rows.map(({ id }) => id));
    }),
  );
});

test('a cursor comes back with the values it was made of', () => {
  expect(decodeCursor(encodeCursor(['2026-01-31T09:30:00.000Z', 7]), ['string', 'number'])).toEqual(['2026-01-31T09:30:00.000Z', 7]);
});

test('what is not a cursor of the list is a 400 that names the field', () => {
  const bad = [
    '',
    'nonsense',
    encodeCursor([1]),
    encodeCursor(['a', 'b']),
    encodeCursor([null]),
    encodeCursor(['a\u0000']),
    encodeCursor(['x'.repeat(201)]),
  ];
  for (const cursor of bad) {
    expect(() => decodeCursor(cursor, ['string'])).toThrow(
      expect.objectContaining({ code: 'invalid', errors: [expect.objectContaining({ field: 'cursor' })] }),
    );
  }
});
