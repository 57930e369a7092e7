import type { DatabaseLogin } from '@waybill/kernel/database-login';
import { startListener } from '@waybill/kernel/listen';
import type { Logger } from '@waybill/kernel/log';

/** Tells who watches an order that it has changed. The relay notifies per batch; a lost connection wakes everyone to look again. */
export function createLive(options: { login: DatabaseLogin; log: Logger }) {
  const watchers = new Map<string, Set<() => void>>();
  const wakeAll = () => {
    for (const set of watchers.values()) for (const wake of set) wake();
  };

  return {
    /** Calls `wake` after each change of the order until the returned function is called. */
    watch(orderId: string, wake: () => void): () => void {
      const set = watchers.get(orderId) ?? new Set();
      set.add(wake);
      watchers.set(orderId, set);
      return () => {
        set.delete(wake);
        if (set.size === 0) watchers.delete(orderId);
      };
    },

    /** Resolves with what `look` found, looking again after each change, or with its last answer when the time is over. */
    async waitUntil<T>(orderId: string, look: () => Promise<T>, done: (value: T) => boolean, timeoutMs: number): Promise<T> {
      const deadline = Date.now() + timeoutMs;
      let changed = Promise.withResolvers<void>();
      const stop = this.watch(orderId, () => changed.resolve());
      try {
        for (;;) {
          const value = await look();
          const left = deadline - Date.now();
          if (done(value) || left <= 0) return value;
          // A second at most, so that a notification lost with its connection costs no more than that.
          const timer = setTimeout(() => changed.resolve(), Math.min(left, 1_000));
          await changed.promise;
          clearTimeout(timer);
          changed = Promise.withResolvers<void>();
        }
      } finally {
        stop();
      }
    },

    start(): () => Promise<void> {
      const listener = startListener({
        login: options.login,
        channel: 'waybill_events',
        onMessage(payload) {
          for (const id of payload.split(',')) for (const wake of watchers.get(id) ?? []) wake();
        },
        onReconnect: wakeAll,
        log: options.log,
      });
      return () => listener.stop();
    },
  };
}

export type Live = ReturnType<typeof createLive>;
