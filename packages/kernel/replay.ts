import { type History, historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import type { KeyRing } from './encryption.ts';
import { createDataConverter } from './temporal-client.ts';

export { type History, historyFromJSON };

/** A history that code would not have written, with what the SDK says of it. */
export type ReplayFailure = { workflowId: string; message: string };

/** Runs histories again with workflow code, which changes nothing anywhere. Returns those the code cannot go on with. */
export async function replayHistories(options: {
  workflowBundle: { codePath: string };
  ring: KeyRing;
  histories: Iterable<{ workflowId: string; history: History }>;
}): Promise<ReplayFailure[]> {
  const { workflowBundle, ring, histories } = options;
  const failures: ReplayFailure[] = [];
  for await (const { workflowId, error } of Worker.runReplayHistories(
    { workflowBundle, dataConverter: createDataConverter(ring) },
    histories,
  ))
    if (error) failures.push({ workflowId, message: reasonOf(error.message) });
  return failures;
}

/** The SDK wraps what it objects to in the text of its own structures. */
const reasonOf = (message: string): string => (/\[TMPRL\d+\][^"\\]*/.exec(message)?.[0] ?? message.split('\n')[0] ?? '').slice(0, 500);
