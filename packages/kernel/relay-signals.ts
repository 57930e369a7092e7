import type { Client } from '@temporalio/client';
import { WaybillError } from './errors.ts';
import type { RelaySignal } from './events.ts';
import type { Logger } from './log.ts';
import type { StoredEvent } from './outbox.ts';
import { fromTemporalError } from './temporal-failure.ts';
import { withTraceparent } from './tracing.ts';

/** Sends the relay's signals to Temporal. A workflow that is gone answers `not_found`, Temporal out of reach `unavailable`. */
export function createSignaller(client: Client): (signal: RelaySignal) => Promise<void> {
  return async ({ workflowId, name, args }) => {
    try {
      await client.workflow.getHandle(workflowId).signal(name, ...args);
    } catch (error) {
      throw fromTemporalError(error) ?? error;
    }
  };
}

export type Signalled = {
  /** The events whose signal was taken, or has no one left to take it. */
  taken: StoredEvent[];
  /** Events whose signal Temporal does not want: they, and what follows in their aggregate, must wait. */
  refused: { row: StoredEvent; err: unknown }[];
  /** Temporal cannot be reached: the rest was not tried. */
  outage: WaybillError | undefined;
};

const aggregatesAtOnce = 16;

/** Sends the events' signals, in order within each aggregate. Never throws. */
export async function sendSignals(
  rows: readonly StoredEvent[],
  options: { signal(signal: RelaySignal): Promise<void>; log: Logger; stopping: AbortSignal },
): Promise<Signalled> {
  const result: Signalled = { taken: [], refused: [], outage: undefined };

  async function sendOne(row: StoredEvent, signal: RelaySignal): Promise<boolean> {
    try {
      await withTraceparent(row.traceparent, () => options.signal(signal));
    } catch (err) {
      const code = err instanceof WaybillError ? err.code : undefined;
      if (err instanceof WaybillError && code === 'unavailable') result.outage = err;
      else if (code !== 'not_found') result.refused.push({ row, err });
      if (code !== 'not_found') return false;
      options.log.info('signal dropped, its workflow has ended', { workflowId: signal.workflowId, signal: signal.name });
    }
    result.taken.push(row);
    return true;
  }

  const aggregates = Map.groupBy(rows, (row) => row.aggregate_id).values();
  const work = async () => {
    for (const aggregate of aggregates)
      for (const row of aggregate) {
        if (result.outage || options.stopping.aborted) return;
        if (row.signal && !(await sendOne(row, row.signal))) break;
      }
  };
  await Promise.all(Array.from({ length: aggregatesAtOnce }, work));
  return result;
}
