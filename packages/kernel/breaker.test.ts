import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { withBreaker } from './breaker.ts';
import { WaybillError } from './errors.ts';

function setUp(options: { failures?: number; openMs?: number; slowMs?: number } = {}) {
  let answer: () => Promise<string> = async () => 'yes';
  let reached = 0;
  const calls = withBreaker(
    {
      ask: async (_input: { n: number }): Promise<string> => {
        reached++;
        return answer();
      },
    },
    { name: 'billing', failures: 3, openMs: 1_000, ...options },
  );
  const outcome = () =>
    calls.ask({ n: 1 }).then(
      (value) => value,
      (error: unknown) => (error instanceof WaybillError ? error.code : 'bug'),
    );
  return {
    outcome,
    reached: () => reached,
    set: (next: () => Promise<string>) => {
      answer = next;
    },
  };
}

const fails = (code: 'unavailable' | 'conflict') => async () => {
  throw new WaybillError(code, 'no');
};

describe('the breaker', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  test('after some unavailable answers in a row calls fail at once, without reaching the owner', async () => {
    const { outcome, reached, set } = setUp();
    set(fails('unavailable'));
    for (let i = 0; i < 3; i++) expect(await outcome()).toBe('unavailable');
    expect(reached()).toBe(3);
    for (let i = 0; i < 50; i++) expect(await outcome()).toBe('unavailable');
    expect(reached()).toBe(3);
  });

  test('answers other than unavailable never open it, and an answer between failures starts the count anew', async () => {
    const { outcome, reached, set } = setUp();
    set(fails('conflict'));
    for (let i = 0; i < 10; i++) expect(await outcome()).toBe('conflict');
    set(fails('unavailable'));
    for (let i = 0; i < 2; i++) await outcome();
    set(fails('conflict'));
    await outcome();
    set(fails('unavailable'));
    for (let i = 0; i < 2; i++) await outcome();
    expect(reached()).toBe(15);
    set(async () => 'yes');
    expect(await outcome()).toBe('yes');
  });

  test('once its time is over one call tries, the others still fail at once, and its success lets all pass', async () => {
    const { outcome, reached, set } = setUp();
    set(fails('unavailable'));
    for (let i = 0; i < 3; i++) await outcome();
    vi.advanceTimersByTime(1_001);
    let release = (_: string): void => undefined;
    set(
      () =>
        new Promise((resolve) => {
          release = resolve;
        }),
    );
    const probe = outcome();
    expect(await outcome()).toBe('unavailable');
    expect(reached()).toBe(4);
    release('yes');
    expect(await probe).toBe('yes');
    set(async () => 'yes');
    expect(await outcome()).toBe('yes');
    expect(reached()).toBe(5);
  });

  test('a failed try keeps it open for twice as long, up to ten times', async () => {
    const { outcome, reached, set } = setUp();
    set(fails('unavailable'));
    for (let i = 0; i < 3; i++) await outcome();
    for (const ms of [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]) {
      const before = reached();
      vi.advanceTimersByTime(ms - 1);
      await outcome();
      expect(reached()).toBe(before);
      vi.advanceTimersByTime(2);
      await outcome();
      expect(reached()).toBe(before + 1);
    }
  });

  test('a call slower than allowed counts as a failure, also if it succeeds in the end', async () => {
    const { outcome, set } = setUp({ slowMs: 100 });
    let release = (): void => undefined;
    const late = new Promise<string>((resolve) => {
      release = () => resolve('late');
    });
    set(() => late);
    const pending = [outcome(), outcome(), outcome()];
    vi.advanceTimersByTime(101);
    expect(await outcome()).toBe('unavailable');
    release();
    expect(await Promise.all(pending)).toEqual(['late', 'late', 'late']);
    expect(await outcome()).toBe('unavailable');
  });
});
