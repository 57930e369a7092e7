import type { Meter } from '@opentelemetry/api';
import type { Calls } from './calls.ts';
import { WaybillError } from './errors.ts';
import type { Logger } from './log.ts';

export type BreakerOptions = {
  /** Whose calls these are; for messages and the log. */
  name: string;
  log?: Logger;
  /** With it the breaker's state is measured, under this caller's name. */
  measure?: { meter: Meter; caller: string };
  /** Failures in a row that open the breaker. */
  failures?: number;
  /** How long it stays open before one call may try again; doubles with each failed try, up to ten times as long. */
  openMs?: number;
  /** A call that takes longer counts as a failure, though it may still succeed: the near attempt has timed out by then. */
  slowMs?: number;
};

/**
 * Fails at once with `unavailable` while the owner of the calls is failing, so that an outage does not hold the few slots that
 * near attempts run in. Only `unavailable` counts; any other error is an answer. After a while one call at a time tries again.
 */
export function withBreaker<C extends Calls>(calls: C, options: BreakerOptions): C {
  const { name, log } = options;
  const state = measureState(options);
  const breaker = createBreaker({ failures: options.failures ?? 5, openMs: options.openMs ?? 1_000 }, (open) => {
    state(open);
    if (open) log?.warn('breaker opened: calls fail at once', { service: name });
    else log?.info('breaker closed: calls pass again', { service: name });
  });
  const guarded = Object.entries(calls).map(([key, call]) => {
    const guardedCall = async (input: never): Promise<unknown> => {
      const attempt = breaker.enter();
      if (!attempt) throw new WaybillError('unavailable', `${name} is failing right now`, { retryAfter: 1 });
      const slow = options.slowMs === undefined ? undefined : setTimeout(attempt.fail, options.slowMs);
      slow?.unref();
      try {
        const result = await call(input);
        attempt.succeed();
        return result;
      } catch (error) {
        if (error instanceof WaybillError && error.code === 'unavailable') attempt.fail();
        else attempt.succeed();
        throw error;
      } finally {
        clearTimeout(slow);
      }
    };
    return [key, guardedCall];
  });
  return Object.fromEntries(guarded) as C; // the same names, each with the same signature
}

/** Keeps a gauge of whether it is open, and a count of how often it opened. */
function measureState({ name, measure }: BreakerOptions): (open: boolean) => void {
  if (!measure) return () => {};
  const { meter, caller } = measure;
  const labels = { caller, service: name };
  let isOpen = 0;
  meter
    .createObservableGauge('waybill_breaker_open', { description: '1 while calls to the service fail at once' })
    .addCallback((result) => result.observe(isOpen, labels));
  const openings = meter.createCounter('waybill_breaker_openings', { description: 'Times the breaker opened' });
  openings.add(0, labels);
  return (open) => {
    isOpen = open ? 1 : 0;
    if (open) openings.add(1, labels);
  };
}

type Attempt = { succeed(): void; fail(): void };

function createBreaker(limits: { failures: number; openMs: number }, onChange: (open: boolean) => void): { enter(): Attempt | undefined } {
  let inARow = 0;
  /** Times it opened since it was last closed. */
  let openings = 0;
  let openUntil = 0;
  let probing = false;

  const open = (): void => {
    if (openings === 0) onChange(true);
    openUntil = performance.now() + limits.openMs * Math.min(2 ** openings, 10);
    openings++;
    probing = false;
  };

  const close = (): void => {
    openings = 0;
    inARow = 0;
    probing = false;
    onChange(false);
  };

  return {
    /** Undefined: fail at once. Open and over time, one call passes as the probe; the others wait for what becomes of it. */
    enter() {
      const isProbe = openings > 0;
      if (isProbe && (probing || performance.now() < openUntil)) return undefined;
      probing = isProbe;
      return firstOf({
        succeed() {
          if (isProbe) close();
          else if (openings === 0) inARow = 0;
        },
        fail() {
          if (isProbe) open();
          else if (openings === 0 && ++inARow >= limits.failures) open();
          // A call that began before the breaker opened says nothing about now.
        },
      });
    },
  };
}

/** Whichever is called first counts: a call that was too slow has failed, also if it then succeeds. */
function firstOf({ succeed, fail }: Attempt): Attempt {
  let counted = false;
  const once = (count: () => void) => () => {
    if (counted) return;
    counted = true;
    count();
  };
  return { succeed: once(succeed), fail: once(fail) };
}
