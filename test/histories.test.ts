import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type History, historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { expect, test } from 'vitest';
import { stories } from './histories/stories.ts';
import { replayOrders } from './platform/replay.ts';

const folder = join(import.meta.dirname, 'histories');
const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
const read = (file: string): History => historyFromJSON(JSON.parse(readFileSync(join(folder, file), 'utf8')));

test('every kind of story is recorded', () => {
  expect(Object.keys(stories).filter((name) => !files.some((file) => file.startsWith(`${name}.`)))).toEqual([]);
});

test('orders recorded earlier go on under the code of today', async () => {
  expect(files.length).toBeGreaterThan(0);
  expect(await replayOrders(files.map((file) => ({ workflowId: file, history: read(file) })))).toEqual([]);
}, 120_000);

test('a history that the code of today would not have written is caught', async () => {
  const { events } = read(files.find((file) => file.startsWith('delivered')) ?? '');
  const first = events?.findIndex(({ markerRecordedEventAttributes }) => markerRecordedEventAttributes);
  const history = { events: events?.filter((_, index) => index !== first) ?? [] };
  expect(await replayOrders([{ workflowId: 'tampered', history }])).toHaveLength(1);
}, 120_000);
