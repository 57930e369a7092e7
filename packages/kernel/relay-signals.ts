import type { Client } from '@temporalio/client';
import { WaybillError } from './errors.ts';
import type { RelaySignal } from './events.ts';
import type { Logger } from './log.ts';
import { backOff } from './loops.ts';
import type { StoredEvent } from './outbox.ts';
import { fromTemporalError } from './temporal-failure.ts';

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

/** Events of one aggregate that follow each other and are all of one kind: with a signal, or without. */
export type EventRun = { aggregateId: string; rows: readonly StoredEvent[] };

type Refused = (row: StoredEvent, err: unknown) => Promise<void>;

export type SignalLane = {
  /** While Temporal is out of reach no signal is tried, whatever its aggregate. */
  held(): boolean;
  holdAll(err: unknown): void;
  /**
   * Sends in order within each aggregate; resolves to the events whose signal was taken, or has no one left to take it.
   * `refused` hears of a signal that Temporal does not want: its event and what follows in its aggregate must wait.
   */
  send(runs: readonly EventRun[], refused: Refused): Promise<StoredEvent[]>;
  stop(): void;
};

const aggregatesAtOnce = 16;

export function createSignalLane(options: { signal(signal: RelaySignal): Promise<void>; failed(): void; log: Logger }): SignalLane {
  let heldUntil = 0;
  let failures = 0;
  const held = () => Date.now() < heldUntil;

  function holdAll(err: unknown): void {
    if (held()) return; // one of the others under way said so already
    failures++;
    heldUntil = Date.now() + backOff(failures);
    options.failed();
    options.log.warn('signals held back', { failures, err });
  }

  async function sendRun(run: EventRun, refused: Refused): Promise<readonly StoredEvent[]> {
    for (const [index, row] of run.rows.entries()) {
      if (!row.signal || held()) return run.rows.slice(0, index);
      try {
        await options.signal(row.signal);
        failures = 0;
      } catch (error) {
        const code = error instanceof WaybillError ? error.code : undefined;
        if (code === 'not_found') {
          options.log.info('signal dropped, its workflow has ended', { workflowId: row.signal.workflowId, signal: row.signal.name });
          continue;
        }
        if (code === 'unavailable') holdAll(error);
        else await refused(row, error);
        return run.rows.slice(0, index);
      }
    }
    return run.rows;
  }

  return {
    held,
    holdAll,
    async send(runs, refused) {
      const taken: (readonly StoredEvent[])[] = [];
      const queue = runs.values();
      const work = async () => {
        for (const run of queue) taken.push(await sendRun(run, refused));
      };
      await Promise.all(Array.from({ length: aggregatesAtOnce }, work));
      return taken.flat();
    },
    stop() {
      heldUntil = Number.POSITIVE_INFINITY;
    },
  };
}
