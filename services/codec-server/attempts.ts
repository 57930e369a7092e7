import { WaybillError } from '@waybill/kernel/errors';

export type Attempts = {
  /** Throws `rate_limited` while this caller, or everyone together, has failed too often. */
  require(caller: string): void;
  failed(caller: string): void;
};

const windowMs = 60_000;

/** Counts failures per minute. Success costs nothing, so a busy Temporal UI is never slowed down. */
export function createAttempts(limits: { perMinute: number; perMinuteOfAll: number }, now: () => number = Date.now): Attempts {
  let failures = new Map<string, number>();
  let all = 0;
  let startedAt = now();
  const current = (): void => {
    if (now() - startedAt < windowMs) return;
    failures = new Map();
    all = 0;
    startedAt = now();
  };
  return {
    require(caller) {
      current();
      if ((failures.get(caller) ?? 0) < limits.perMinute && all < limits.perMinuteOfAll) return;
      const retryAfter = Math.ceil((startedAt + windowMs - now()) / 1_000);
      throw new WaybillError('rate_limited', `too many wrong keys: try again in ${retryAfter} s`, { retryAfter });
    },
    failed(caller) {
      failures.set(caller, (failures.get(caller) ?? 0) + 1);
      all++;
    },
  };
}
