import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { historyFromJSON } from '@waybill/kernel/replay';
import { expect, test } from 'vitest';
import { oneOfEachKind, spread } from './sample.ts';
import { storyOf } from './story.ts';

const folder = join(import.meta.dirname, '../../../test/histories');
const read = (name: string) => historyFromJSON(JSON.parse(readFileSync(join(folder, name), 'utf8')));
const recorded = readdirSync(folder).find((name) => name.startsWith('provider-out.')) ?? '';

test('a history tells its steps by name, and where it stands', () => {
  const history = read(recorded);
  const { steps, doing } = storyOf(history);
  expect(steps[0]).toBe('reserveStock');
  expect(steps).toContain('authorizePayment (far)');
  expect(doing).toBe('had ended after reportShipment');
  const far = history.events?.findIndex(({ activityTaskScheduledEventAttributes }) => activityTaskScheduledEventAttributes) ?? 0;
  expect(storyOf({ events: history.events?.slice(0, far + 1) ?? [] }).doing).toBe('waited for authorizePayment on the queue billing');
});

test('a sample has every kind of story before it has one twice, and is spread over the whole', () => {
  const of = (id: number, kind: string) => ({ id, story: { steps: [kind], doing: '' } });
  const all = [of(1, 'a'), of(2, 'a'), of(3, 'a'), of(4, 'b'), of(5, 'a'), of(6, 'c')];
  expect(oneOfEachKind(all, 4).map(({ id }) => id)).toEqual([1, 4, 6, 2]);
  expect(spread([1, 2, 3, 4, 5, 6, 7, 8], 4)).toEqual([1, 3, 5, 7]);
  expect(spread([1, 2], 4)).toEqual([1, 2]);
});
