/**
 * The one writer of an order's projection: one write at a time, and what changed meanwhile goes out together with the next, so
 * writes never overtake each other. It writes when the order comes to rest, which is when somebody could look: a step takes
 * milliseconds, and a write after each would double them.
 */
export function createWriter(write: () => Promise<void>): { touch(): void; rest(): void; flush(): Promise<void> } {
  let dirty = false;
  let running: Promise<void> | null = null;

  async function drain(): Promise<void> {
    while (dirty) {
      dirty = false;
      await write();
    }
    running = null;
  }

  const rest = (): void => {
    if (dirty) running ??= drain();
  };

  return {
    /** Something changed. */
    touch() {
      dirty = true;
    },
    /** The order waits for something outside from here on: write what changed, and do not wait for it. */
    rest,
    /** Write what changed, and wait for it. */
    async flush() {
      rest();
      while (running !== null) await running;
    },
  };
}
