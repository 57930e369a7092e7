import { expect, test } from 'vitest';
import { idPattern, lowestId, newId, timeOfId } from './ids.ts';

test('ids are unique, carry their time, and sort in the order in which they were made', () => {
  const before = Date.now();
  const ids = Array.from({ length: 10_000 }, () => newId('ord'));
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.toSorted()).toEqual(ids);
  expect(ids.every((id) => new RegExp(idPattern('ord')).test(id))).toBe(true);
  expect(timeOfId(ids[0] ?? '').getTime()).toBeGreaterThanOrEqual(before);
});

test('the lowest id of an instant is not above any id made then, and above all made before', () => {
  const now = new Date();
  expect(timeOfId(lowestId('ord', now)).getTime()).toBe(now.getTime());
  expect(lowestId('ord', new Date(Date.now() - 1)) < newId('ord')).toBe(true);
  expect(lowestId('ord', new Date(Date.now() + 5)) > newId('ord')).toBe(true);
});
