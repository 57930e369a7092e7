import { workflowInfo } from '@temporalio/workflow';

/**
 * Numbers that order an order's writes across attempts. A workflow task that is lost (its worker died) is told again, perhaps
 * with more signals in it, and so perhaps another story: what the lost attempt wrote must not outweigh the one that counts, and a
 * write of it that is still on its way must not come after. A later attempt begins at a later time, so its numbers are higher.
 */
export function createFence(): () => number {
  let historyLength = -1;
  let base = 0;
  let count = 0;

  return () => {
    const info = workflowInfo();
    if (info.historyLength !== historyLength) {
      historyLength = info.historyLength; // a new workflow task
      base = Date.now() * 1_000;
      count = 0;
    }
    count++;
    return base + Math.min(count, 999);
  };
}
