/**
 * The one writer of an order's projection: one write at a time, and what changed meanwhile goes out together with the next.
 * So writes never overtake each other, and a burst of changes costs two writes.
 */
export function createWriter(write: () => Promise<void>): { touch(): void; flush(): Promise<void> } {
  let dirty = false;
  let running: Promise<void> | null = null;

  async function drain(): Promise<void> {
    await Promise.resolve(); // changes made in the same breath belong to one write
    while (dirty) {
      dirty = false;
      await write();
    }
    running = null;
  }

  return {
    touch() {
      dirty = true;
      running ??= drain();
    },
    async flush() {
      while (running !== null) await running;
    },
  };
}
