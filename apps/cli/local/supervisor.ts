import { setTimeout as delay } from 'node:timers/promises';
import { identify } from './identity.ts';
import { type ComponentName, type RunLock, stopOrder } from './run-file.ts';

export type RunningComponent = {
  pid: number;
  /** Resolves when the process has ended, with how. */
  exited: Promise<string>;
  stop(): Promise<void>;
  kill(): void;
};

/** `again` is true when it replaces one that died. */
export type Component = { name: ComponentName; title: string; start(again: boolean): Promise<RunningComponent> };

type Entry = { component: Component; running: RunningComponent | undefined; keeper: Promise<void> };

export type Supervisor = {
  /** Starts a component and keeps it running. Throws what the first start throws. */
  start(component: Component): Promise<void>;
  /** Ends what was started, cleanly, users before what they use. Safe to call again. */
  stop(): Promise<void>;
  /** Ends everything at once; data survives, the next start recovers it. */
  kill(): void;
};

/** A process that ran this long before it died is started again without a long pause. */
const healthyAfterMs = 60_000;

/** Keeps processes running: one that dies is started again after a pause that doubles from half a second to `maxPauseMs`. */
export function createSupervisor(options: {
  lock: RunLock;
  say(line: string): void;
  firstPauseMs?: number;
  maxPauseMs?: number;
}): Supervisor {
  const { lock, say } = options;
  const ending = new AbortController();
  const kept: Entry[] = [];
  const children: Partial<Record<ComponentName, NonNullable<ReturnType<typeof identify>>>> = {};
  let stopping: Promise<void> | undefined;

  function record(name: ComponentName, pid: number | undefined): void {
    const identity = pid === undefined ? undefined : identify(pid);
    if (identity) children[name] = identity;
    else delete children[name];
    lock.update({ children });
  }

  async function keep(entry: Entry): Promise<void> {
    const { component } = entry;
    const firstPause = options.firstPauseMs ?? 500;
    let pause = firstPause;
    let since = Date.now();
    while (entry.running) {
      const how = await entry.running.exited;
      if (ending.signal.aborted) return;
      if (Date.now() - since > healthyAfterMs) pause = firstPause;
      say(`${component.title} (pid ${entry.running.pid}) ${how}; it is started again in ${pause / 1_000} s`);
      record(component.name, undefined);
      entry.running = undefined;
      while (!entry.running) {
        await delay(pause, undefined, { signal: ending.signal }).catch(() => {});
        if (ending.signal.aborted) return;
        pause = Math.min(pause * 2, options.maxPauseMs ?? 30_000);
        try {
          entry.running = await component.start(true);
          since = Date.now();
          record(component.name, entry.running.pid);
          say(`${component.title} runs again (pid ${entry.running.pid})`);
        } catch (error) {
          const reason = error instanceof Error ? error.message : String(error);
          say(`${component.title} could not be started: ${reason}; next try in ${pause / 1_000} s`);
        }
      }
    }
  }

  async function stopAll(): Promise<void> {
    ending.abort();
    lock.update({ state: 'stopping' });
    for (const entry of kept.toSorted((a, b) => stopOrder.indexOf(a.component.name) - stopOrder.indexOf(b.component.name))) {
      // A start in progress ends first, so that no process is left that nobody knows.
      if (!entry.running) await entry.keeper;
      if (!entry.running) continue;
      const { pid } = entry.running;
      await entry.running.stop();
      entry.running = undefined;
      record(entry.component.name, undefined);
      say(`${entry.component.title} (pid ${pid}) stopped`);
    }
  }

  return {
    async start(component) {
      const first = component.start(false);
      const entry: Entry = { component, running: undefined, keeper: Promise.resolve() };
      kept.push(entry); // at once: a stop waits for starts in progress
      entry.keeper = first.then(
        (running) => {
          entry.running = running;
          record(component.name, running.pid);
        },
        () => {}, // thrown below
      );
      await first;
      await entry.keeper;
      if (!ending.signal.aborted) entry.keeper = keep(entry);
    },
    stop() {
      stopping ??= stopAll();
      return stopping;
    },
    kill() {
      ending.abort();
      for (const { running } of kept) running?.kill();
    },
  };
}
