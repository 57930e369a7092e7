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
import { sendSignals } from './relay-signals.ts';
import { batchSize, type Place, type RelayStore } from './relay-store.ts';
import { tracedSend } from './relay-tracing.ts';
import type { Loop } from './service.ts';

export type RelayOptions<T> = {
  service: string;
  database: Database<T>;
  bus: Bus;
  /** Rejects with `not_found` when the workflow is gone and `unavailable` when Temporal is: see createSignaller. */
  signal(signal: RelaySignal): Promise<void>;
  log: Logger;
  meter: Meter;
  pollMs?: number;
  /** Whether being told of a row is a reason to look for signals too. */
  signals?: boolean;
  /** How long published events stay in the table. */
  retentionMs?: number;
};

const week = 7 * 86_400_000;
const sampleMs = 5_000;
const pruneMs = 60_000;
/**
 * Under load a look finds what several transactions wrote: one read, one mark and one notification for all of them. The more it
 * found, the longer it rests, so that a look costs little beside what it moves; a single event goes at once.
 */
const restAfter = (rows: number): number => Math.min(100, 20 + 10 * rows);

const isOutage = (error: unknown): boolean => error instanceof WaybillError && error.code === 'unavailable';

/**
 * Publishes one service's outbox: by aggregate and sequence, at least once, one relay at a time. A signal goes before its event
 * is published.
 */
export function startRelay<T>(options: RelayOptions<T>): Running {
  const { service, bus } = options;
  const log = limitLogger(options.log.child({ relay: service }));
  const metrics = createRelayMetrics(options.meter, service);
  const leadership = createLeadership({
    service,
    login: options.database.login,
    changed(leads) {
      metrics.leads(leads);
      log.info(leads ? 'relay leads' : 'relay no longer leads');
    },
  });
  const found = { events: 0, signals: 0 };
  let reached: Place | undefined;
  let lookAgainAt = 0;
  let sampledAt = 0;
  let prunedAt = 0;

  async function hold(store: RelayStore, row: StoredEvent, kind: 'publish' | 'signal', err: unknown): Promise<void> {
    metrics.failed(kind);
    log.warn('event held back', { kind, event: `${row.aggregate_id}/${row.sequence}`, attempt: row.attempts + 1, err });
    await store.hold(row, err instanceof Error ? err.message : String(err));
  }

  const send = (rows: readonly StoredEvent[]) =>
    tracedSend(
      service,
      rows.map((row) => envelopeOf(service, row)),
      (events) => bus.publish(service, events),
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
      for (const aggregate of Map.groupBy(rows, (row) => row.aggregate_id).values()) await publishOneByOne(store, aggregate);
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

  async function relayPlain(store: RelayStore): Promise<boolean> {
    if (Date.now() < lookAgainAt) return false;
    const startedAt = Date.now();
    const from = reached;
    reached = undefined; // whatever fails below, the next look begins at the start
    const rows = await store.waiting('plain', from);
    const tookMs = Date.now() - startedAt;
    // In a long outage of Temporal a look wades through all that stands behind a signal: look a fifth of the time at most.
    if (rows.length === 0 && tookMs > 20) lookAgainAt = Date.now() + 4 * tookMs;
    found.events = rows.length;
    if (rows.length > 0) await publish(store, rows);
    if (rows.length === batchSize) reached = rows.at(-1);
    return rows.length === batchSize;
  }

  async function relaySignals(store: RelayStore, stopping: AbortSignal): Promise<boolean> {
    const rows = await store.waiting('signals');
    found.signals = rows.length;
    if (rows.length === 0) return false;
    const { taken, refused, outage } = await sendSignals(rows, { signal: options.signal, log, stopping });
    if (taken.length > 0) await publish(store, taken);
    for (const { row, err } of refused) await hold(store, row, 'signal', err);
    events.wake(); // events behind these may go now
    if (!outage) return rows.length === batchSize;
    metrics.failed('signal');
    throw outage;
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

  const lane = (name: keyof typeof found, relay: (store: RelayStore, stopping: AbortSignal) => Promise<boolean>): Loop => ({
    name: `relay ${service} ${name}`,
    everyMs: options.pollMs ?? 100,
    restMs: () => restAfter(found[name]),
    async run(stopping) {
      try {
        const store = await leadership.take();
        return store ? await relay(store, stopping) : false;
      } catch (error) {
        // That Temporal or the bus is out is no reason to let another try; trouble with the own session is.
        if (!isOutage(error)) await leadership.resign();
        throw databaseFailure(error) ?? error;
      }
    },
  });

  // Signals travel beside the plain events: an outage of Temporal delays only what waits for it.
  const signals = startLoops([lane('signals', relaySignals)], log);
  const events = startLoops(
    [
      lane('events', async (store) => {
        const more = await relayPlain(store);
        await tidy(store);
        return more;
      }),
    ],
    log,
  );
  return {
    wake() {
      events.wake();
      if (options.signals) signals.wake();
    },
    async stop() {
      await Promise.all([events.stop(), signals.stop()]);
      await leadership.resign();
      metrics.stop();
    },
  };
}
