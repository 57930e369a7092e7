import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { expect, test } from 'vitest';
import { rootAt } from '../root.ts';
import { createTestRoot } from '../testing.ts';
import { type RunState, removeDead, takeRunLock } from './run-file.ts';

const state = (pid: number): RunState => ({
  supervisor: { pid, startedAt: 'long ago', command: 'waybill' },
  state: 'running',
  since: '2026-01-01T00:00:00.000Z',
  apiUrl: 'http://127.0.0.1:3000',
  children: { postgres: { pid: pid + 1, startedAt: 'long ago', command: 'postgres' } },
});

test('a dead run is taken over with what it left; a start that read it too finds the new one', () => {
  using test = createTestRoot();
  const root = rootAt({ flag: test.folder, env: {}, cwd: '/' });
  const dead = state(4_194_303);
  writeFileSync(root.run, JSON.stringify(dead));
  const first = takeRunLock(root, dead.apiUrl);
  if (!('lock' in first)) throw new Error('the dead run still holds the lock');
  expect(first.lock.left).toEqual(dead);
  const held = readFileSync(root.run, 'utf8');

  expect(removeDead(root.run, dead)).toBe(false); // as the second start would, which has read the dead state before
  expect(readFileSync(root.run, 'utf8')).toBe(held);
  expect(takeRunLock(root, dead.apiUrl)).toMatchObject({ heldBy: { supervisor: { pid: process.pid } } });
  first.lock.release();
  expect(readdirSync(dirname(root.run)).filter((name) => name.startsWith(basename(root.run)))).toEqual([]);
});
