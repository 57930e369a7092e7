import type { Meter } from '@opentelemetry/api';
import type { Bus } from './bus.ts';
import { type Database, databaseFailure } from './database.ts';
import { WaybillError } from './errors.ts';
import type { RelaySignal } from './events.ts';
import { type Logger, limitLogger } from './log.ts';
import { type Running, startLoops } from './loops.ts';
import { envelopeOf, type StoredEvent } from './outbox.ts';
import { createLeadership } from './relay-leader.ts';
import { createRelayMetrics } from './relay-metrics.ts';
import { createSignalLane, type EventRun } from './relay-signals.ts';
import { batchSize, type RelayStore } from './relay-store.ts';

export type RelayOptions<T> = {
  service: string;
  database: Database<T>;
  bus: Bus;
  /** Rejects with `not_found` when the workflow is gone and `unavailable` when Temporal is: see createSignaller. */
  signal(signal: RelaySignal): Promise<void>;
  log: Logger;
  meter: Meter;
  pollMs?: number;
  /** How long published events stay in the table. */
  retentionMs?: number;
};

const week = 7 * 86_400_000;
const sampleMs = 5_000;
const pruneMs = 60_000;

const isOutage = (error: unknown): boolean => error instanceof WaybillError && error.code === 'unavailable';

/**
 * Publishes one service's outbox: by aggregate and sequence, at least once, one relay at a time. A signal goes before its event
 * is published. Signals travel beside the plain events, so that an outage of Temporal delays only what waits for it.
 */
export function startRelay<T>(options: RelayOptions<T>): Running {
  const { service, bus } = options;
  const log = limitLogger(options.log.child({ relay: service }));
  const metrics = createRelayMetrics(options.meter, service);
  const signals = createSignalLane({ signal: options.signal, failed: () => metrics.failed('signal'), log });
  const leadership = createLeadership({
    service,
    url: options.database.url,
    changed(leads) {
      metrics.leads(leads);
      log.info(leads ? 'relay leads' : 'relay no longer leads');
    },
  });
  let signalling: Promise<void> | undefined;
  let lookAgainAt = 0;
  let sampledAt = 0;
  let prunedAt = 0;
  let wake = () => {};

  async function hold(store: RelayStore, row: StoredEvent, kind: 'publish' | 'signal', err: unknown): Promise<void> {
    metrics.failed(kind);
    log.warn('event held back', { kind, event: `${row.aggregate_id}/${row.sequence}`, attempt: row.attempts + 1, err });
    await store.hold(row, err instanceof Error ? err.message : String(err));
  }

  const send = (rows: readonly StoredEvent[]) =>
    bus.publish(
      service,
      rows.map((row) => envelopeOf(service, row)),
    );

  async function done(store: RelayStore, rows: readonly StoredEvent[]): Promise<void> {
    if (rows.length === 0) return;
    await store.markPublished(rows);
    metrics.published(rows);
  }

  async function publish(store: RelayStore, rows: readonly StoredEvent[]): Promise<void> {
    try {
      await send(rows);
    } catch (error) {
      metrics.failed('publish');
      if (isOutage(error)) throw error;
      // Something among them cannot be published: each by itself, so that it holds up only its own aggregate.
      for (const run of runsOf(rows)) await publishOneByOne(store, run.rows);
      return;
    }
    await done(store, rows);
  }

  async function publishOneByOne(store: RelayStore, rows: readonly StoredEvent[]): Promise<void> {
    for (const [index, row] of rows.entries()) {
      try {
        await send([row]);
      } catch (error) {
        await done(store, rows.slice(0, index));
        if (isOutage(error)) throw error;
        await hold(store, row, 'publish', error);
        return;
      }
    }
    await done(store, rows);
  }

  function startSignalling(store: RelayStore, runs: readonly EventRun[]): void {
    signalling = signals
      .send(runs, (row, err) => hold(store, row, 'signal', err))
      .then((taken) => (taken.length > 0 ? publish(store, taken) : undefined))
      .catch((error) => signals.holdAll(error))
      .finally(() => {
        signalling = undefined;
        wake();
      });
  }

  async function relayBatch(store: RelayStore): Promise<boolean> {
    if (Date.now() < lookAgainAt) return false;
    const startedAt = Date.now();
    const rows = await store.unpublished(signalling || signals.held() ? 'plain' : 'all');
    // During a long outage of Temporal a look wades through all that waits for it: look at most a fifth of the time.
    if (rows.length === 0 && Date.now() - startedAt > 20) lookAgainAt = Date.now() + 4 * (Date.now() - startedAt);
    const runs = runsOf(rows);
    const signalRuns = runs.filter((run) => run.rows[0]?.signal);
    const plain = runs.filter((run) => !run.rows[0]?.signal).flatMap((run) => run.rows);
    if (signalRuns.length > 0) startSignalling(store, signalRuns);
    if (plain.length > 0) await publish(store, plain);
    return rows.length === batchSize || plain.length < rows.length;
  }

  async function tidy(store: RelayStore): Promise<void> {
    const now = Date.now();
    if (now - sampledAt >= sampleMs) {
      metrics.backlog(await store.backlog());
      sampledAt = now;
    }
    if (now - prunedAt >= pruneMs) {
      const { more } = await store.prune(options.retentionMs ?? week);
      if (!more) prunedAt = now;
    }
  }

  const loop = startLoops(
    [
      {
        name: `relay ${service}`,
        everyMs: options.pollMs ?? 100,
        onWake(wakeLoop) {
          wake = wakeLoop;
        },
        async run() {
          try {
            const store = await leadership.take();
            if (!store) return false;
            const more = await relayBatch(store);
            await tidy(store);
            return more;
          } catch (error) {
            // A bus that is out is no reason to let another try; trouble with the own session is.
            if (!isOutage(error)) await leadership.resign();
            throw databaseFailure(error) ?? error;
          }
        },
      },
    ],
    log,
  );
  return {
    wake: () => wake(),
    async stop() {
      signals.stop();
      await loop.stop();
      await signalling;
      await leadership.resign();
      metrics.stop();
    },
  };
}

/**
 * The rows by aggregate: of each the first run of one kind, with signals or without. What follows that run waits for a later
 * batch, since the two kinds travel apart and must not overtake each other.
 */
function runsOf(rows: readonly StoredEvent[]): EventRun[] {
  const runs = new Map<string, { aggregateId: string; rows: StoredEvent[]; open: boolean }>();
  for (const row of rows) {
    const run = runs.get(row.aggregate_id);
    if (!run) runs.set(row.aggregate_id, { aggregateId: row.aggregate_id, rows: [row], open: true });
    else if (run.open && (run.rows[0]?.signal === null) === (row.signal === null)) run.rows.push(row);
    else run.open = false;
  }
  return [...runs.values()];
}
