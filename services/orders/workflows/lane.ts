/**
 * Lets one local activity run at a time, in the order in which they were asked for. A replay hears the results of local
 * activities in the order in which they were started, whatever the order in which they ended at first; with one at a time the two
 * are the same, and so is every command that follows. (Regular activities, timers and signals have no such trap.)
 */
export function createLane(): <T>(run: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let busy = false;

  return async (run) => {
    if (busy) await new Promise<void>((resolve) => waiting.push(resolve));
    busy = true;
    try {
      return await run();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else busy = false;
    }
  };
}
