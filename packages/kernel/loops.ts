import type { Logger } from './log.ts';
import type { Loop } from './service.ts';

/** Something that works in the background until it is stopped. */
export type Running = {
  /** Makes it look for work now rather than at its next turn. A hint: nothing is lost without it. */
  wake(): void;
  /** Resolves once the work in progress is finished and nothing of it runs any more. */
  stop(): Promise<void>;
};

const firstBackOffMs = 200;
const longestBackOffMs = 5_000;

/** How long to wait after the n-th failure in a row; grows fourfold less than it could, so that an end of an outage is seen soon. */
export function backOff(failures: number, first = firstBackOffMs, longest = longestBackOffMs): number {
  const full = Math.min(longest, first * 2 ** Math.min(failures - 1, 30));
  return Math.round(full * (0.75 + Math.random() * 0.5)); // many processes must not come back in step
}

type Sleeper = {
  /** Ends early when woken; at once when a wake came since the last sleep. */
  sleep(ms: number): Promise<void>;
  /** Ends early only when stopped. */
  pause(ms: number): Promise<void>;
  wake(): void;
  stop(): void;
};

function createSleeper(): Sleeper {
  let woken = false;
  let stopped = false;
  let end: ((by: 'wake' | 'stop') => void) | undefined;
  const wait = (ms: number, wakes: boolean) =>
    new Promise<void>((resolve) => {
      if (stopped || (wakes && woken)) {
        woken = false;
        resolve();
        return;
      }
      const done = () => {
        clearTimeout(timer);
        end = undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      end = (by) => {
        if (by === 'stop' || wakes) done();
        else woken = true;
      };
    });
  return {
    sleep: (ms) => wait(ms, true),
    pause: (ms) => wait(ms, false),
    wake() {
      if (end) end('wake');
      else woken = true;
    },
    stop() {
      stopped = true;
      end?.('stop');
    },
  };
}

async function turn(loop: Loop, sleeper: Sleeper, signal: AbortSignal, log: Logger): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    try {
      const more = await loop.run(signal);
      if (failures > 0) log.info('loop works again', { loop: loop.name, failures });
      failures = 0;
      if (more) continue;
      // What comes in a burst is then looked at together, and a quiet loop still looks at once.
      if (loop.restMs) await sleeper.pause(loop.restMs());
      await sleeper.sleep(loop.everyMs);
    } catch (err) {
      if (signal.aborted) return;
      failures++;
      log.warn('loop failed', { loop: loop.name, failures, err });
      // Wakes do not shorten this: under load they would turn an outage into a storm.
      await sleeper.pause(backOff(failures));
    }
  }
}

/** Runs each loop by itself, for ever: a failure delays the loop's next turn and nothing else. */
export function startLoops(loops: readonly Loop[], log: Logger): Running {
  const stopping = new AbortController();
  const sleepers = loops.map(() => createSleeper());
  const turns = loops.map((loop, index) => {
    const sleeper = sleepers[index] ?? createSleeper();
    loop.onWake?.(() => sleeper.wake());
    return turn(loop, sleeper, stopping.signal, log);
  });
  return {
    wake() {
      for (const sleeper of sleepers) sleeper.wake();
    },
    async stop() {
      stopping.abort();
      for (const sleeper of sleepers) sleeper.stop();
      await Promise.all(turns);
    },
  };
}
