import type { Meter } from '@opentelemetry/api';
import { sql } from 'kysely';
import type { Subscription } from './bus.ts';
import { databaseFailure } from './database.ts';
import type { EventEnvelope } from './events.ts';
import { createInboxMetrics, type InboxBacklog, type InboxMetrics } from './inbox-metrics.ts';
import { type Logger, limitLogger } from './log.ts';
import { type Running, startLoops } from './loops.ts';
import type { Consumer, Loop } from './service.ts';
import { inSpan } from './tracing.ts';

export type InboxOptions = {
  subscription: Subscription;
  log: Logger;
  meter: Meter;
  pollMs?: number;
  /** How long handled events are remembered: a second delivery after that would be handled again. */
  retentionMs?: number;
  /** First wait after a failure; doubles up to a minute. */
  retryMs?: number;
};

type Row = { event_id: string; aggregate_id: string; event: EventEnvelope; attempts: number; received_at: Date };
type Outcome = 'handled' | 'elsewhere' | 'held';

const twoWeeks = 14 * 86_400_000;
const batchSize = 200;
const aggregatesAtOnce = 4; // each takes a connection of the service's pool
const longestRetrySeconds = 60;
const sampleMs = 5_000;
const pruneMs = 60_000;

/**
 * Hands received events to a service's consumers: of each aggregate in order, each once in effect, since the event is marked in
 * the transaction of its handler. An event that fails holds up only its own aggregate. Safe to run in several processes.
 */
export function startInbox(options: InboxOptions): Running {
  const log = limitLogger(options.log.child({ inbox: options.subscription.service }));
  const metrics = createInboxMetrics(options.meter, options.subscription.service);
  const loops = options.subscription.consumers.map((consumer) => consumerLoop(options, consumer, log, metrics));
  const running = startLoops([...loops, pruneLoop(options)], log);
  return {
    wake: running.wake,
    async stop() {
      await running.stop();
      metrics.stop();
    },
  };
}

function consumerLoop(options: InboxOptions, consumer: Consumer<unknown>, log: Logger, metrics: InboxMetrics): Loop {
  const { db } = options.subscription.database;
  const { name } = consumer;
  let sampledAt = 0;
  metrics.begin(name);

  async function waiting(): Promise<Row[]> {
    const { rows } = await sql<Row>`
      select event_id, aggregate_id, event, attempts, received_at from inbox i
      where consumer = ${name} and processed_at is null
        and not coalesce((
          select true from inbox held
          where held.consumer = i.consumer and held.aggregate_id = i.aggregate_id and held.processed_at is null
            and held.retry_at > now() and held.sequence <= i.sequence limit 1), false)
      order by consumer, aggregate_id, sequence limit ${batchSize}`.execute(db);
    return rows;
  }

  async function handle(row: Row): Promise<Outcome> {
    try {
      return await db.transaction().execute(async (tx) => {
        // The event is taken and marked at once; another process may have it, or may have an earlier one of its aggregate.
        const { numAffectedRows } = await sql`
          update inbox set processed_at = now(), retry_at = null
          where (consumer, event_id) in (
            select consumer, event_id from inbox i
            where consumer = ${name} and event_id = ${row.event_id} and processed_at is null
              and not coalesce((
                select true from inbox earlier
                where earlier.consumer = i.consumer and earlier.aggregate_id = i.aggregate_id
                  and earlier.processed_at is null and earlier.sequence < i.sequence limit 1), false)
            for update skip locked)`.execute(tx);
        if (numAffectedRows !== 1n) return 'elsewhere';
        await traced(row.event, () => consumer.handle(row.event, tx));
        return 'handled';
      });
    } catch (error) {
      await hold(row, error);
      return 'held';
    }
  }

  /** Fails when the database is the reason, and then it is the whole loop that waits. */
  async function hold(row: Row, err: unknown): Promise<void> {
    await sql`
      update inbox set attempts = attempts + 1, last_error = ${String(err instanceof Error ? err.message : err).slice(0, 1_000)},
        retry_at = now() + make_interval(secs => least(${longestRetrySeconds}, ${(options.retryMs ?? 500) / 1_000} * 2 ^ least(attempts, 20)))
      where consumer = ${name} and event_id = ${row.event_id} and processed_at is null`.execute(db);
    metrics.failed(name);
    log.warn('event not handled', { consumer: name, event: row.event_id, attempt: row.attempts + 1, err });
  }

  async function handleAggregate(rows: readonly Row[], signal: AbortSignal): Promise<boolean> {
    for (const row of rows) {
      if (signal.aborted) return false;
      const outcome = await handle(row);
      if (outcome !== 'handled') return false;
      metrics.handled(name, row.received_at);
    }
    return true;
  }

  return {
    name: `inbox ${options.subscription.service} ${name}`,
    everyMs: options.pollMs ?? 500, // whoever puts events in wakes it; this is for retries and for another process's
    async run(signal) {
      const rows = await waiting();
      const aggregates = Map.groupBy(rows, (row) => row.aggregate_id).values();
      let progress = false;
      const work = async () => {
        for (const aggregate of aggregates) if (await handleAggregate(aggregate, signal)) progress = true;
      };
      const results = await Promise.allSettled(Array.from({ length: aggregatesAtOnce }, work));
      for (const result of results) if (result.status === 'rejected') throw databaseFailure(result.reason) ?? result.reason;
      if (Date.now() - sampledAt >= sampleMs) {
        metrics.backlog(name, await backlog(options.subscription, name));
        sampledAt = Date.now();
      }
      return progress && rows.length === batchSize;
    },
  };
}

const traced = (event: EventEnvelope, handle: () => Promise<void>): Promise<void> =>
  inSpan(
    `process ${event.type}`,
    {
      kind: 'consumer',
      parent: event.traceparent,
      attributes: { 'messaging.operation.type': 'process', 'messaging.message.id': event.id, 'messaging.destination.name': event.source },
    },
    handle,
  );

async function backlog({ database }: Subscription, consumer: string): Promise<InboxBacklog> {
  const { rows } = await sql<InboxBacklog>`
    select count(*)::integer as events, coalesce(extract(epoch from now() - min(received_at)), 0)::float8 as "oldestSeconds",
      (select count(*)::integer from (
        select from inbox where consumer = ${consumer} and processed_at is null and retry_at is not null limit 10000) as few) as held
    from (select received_at from inbox where consumer = ${consumer} and processed_at is null limit 100000) as waiting`.execute(
    database.db,
  );
  return rows[0] ?? { events: 0, oldestSeconds: 0, held: 0 };
}

function pruneLoop(options: InboxOptions): Loop {
  return {
    name: `inbox ${options.subscription.service} prune`,
    everyMs: pruneMs,
    async run() {
      const limit = 1_000;
      const { numAffectedRows } = await sql`
        delete from inbox where (consumer, event_id) in (
          select consumer, event_id from inbox
          where received_at < now() - make_interval(secs => ${(options.retentionMs ?? twoWeeks) / 1_000}) and processed_at is not null
          order by received_at limit ${limit} for update skip locked)`.execute(options.subscription.database.db);
      return numAffectedRows === BigInt(limit);
    },
  };
}
