import { expect, onTestFinished, test } from 'vitest';
import { silentLogger } from './log.ts';
import { backOff, startLoops } from './loops.ts';
import type { Loop } from './service.ts';

function start(...loops: Loop[]) {
  const running = startLoops(loops, silentLogger);
  onTestFinished(() => running.stop());
  return running;
}

const hour = 3_600_000;

test('a loop runs at once, again while there is more, and then at its interval', async () => {
  const times: number[] = [];
  start({
    name: 'count',
    everyMs: 60,
    run: async () => {
      times.push(performance.now());
      return times.length < 3;
    },
  });
  await expect.poll(() => times.length).toBe(5);
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  expect(gaps[2]).toBeGreaterThan(50);
  expect(gaps[3]).toBeGreaterThan(50);
});

test('a wake makes it look now, also when it comes during a run', async () => {
  let runs = 0;
  let release = () => {};
  let wakeByLoop = () => {};
  const running = start({
    name: 'sleepy',
    everyMs: hour,
    onWake(wake) {
      wakeByLoop = wake;
    },
    run: () =>
      new Promise((resolve) => {
        runs++;
        release = () => resolve(false);
      }),
  });
  await expect.poll(() => runs).toBe(1);
  running.wake();
  release();
  await expect.poll(() => runs).toBe(2);
  release();
  wakeByLoop();
  await expect.poll(() => runs).toBe(3);
  release();
});

test('a failing loop is tried again ever later, whatever wakes it, and holds up no other', async () => {
  const times: number[] = [];
  let others = 0;
  const running = start(
    {
      name: 'broken',
      everyMs: 1,
      run: async () => {
        times.push(performance.now());
        throw new Error('no');
      },
    },
    { name: 'fine', everyMs: 5, run: async () => ++others < 0 },
  );
  const waker = setInterval(() => running.wake(), 5);
  onTestFinished(() => clearInterval(waker));
  await expect.poll(() => times.length, { timeout: 5_000 }).toBe(4);
  const [first = 0, second = 0, , fourth = 0] = times;
  expect(second - first).toBeGreaterThan(140);
  expect(fourth - first).toBeGreaterThan(1_000);
  expect(others).toBeGreaterThan(20);
});

test('back-off doubles to its limit', () => {
  for (const [failures, full] of [
    [1, 200],
    [2, 400],
    [5, 3_200],
    [6, 5_000],
    [1_000, 5_000],
  ] as const) {
    expect(backOff(failures)).toBeGreaterThanOrEqual(full * 0.75);
    expect(backOff(failures)).toBeLessThanOrEqual(full * 1.25);
  }
});

test('a stop waits for the run in progress, tells it, and nothing runs after it', async () => {
  const story: string[] = [];
  const running = start({
    name: 'long',
    everyMs: 1,
    run: (signal) =>
      new Promise((resolve) => {
        story.push('begins');
        signal.addEventListener('abort', () => setImmediate(() => story.push('ends') && resolve(true)));
      }),
  });
  await expect.poll(() => story).toEqual(['begins']);
  await running.stop();
  expect(story).toEqual(['begins', 'ends']);
});
