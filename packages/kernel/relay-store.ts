import type { StoredEvent } from './outbox.ts';
import type { Backlog } from './relay-metrics.ts';
import type { Session } from './session.ts';

/** What the relay asks of the outbox table, over its own session, so that losing the lock also ends its writing. */
export type RelayStore = ReturnType<typeof createRelayStore>;

export const batchSize = 500;

/** Where in the order of aggregates and sequences to go on. */
export type Place = { aggregate_id: string; sequence: number };
const start: Place = { aggregate_id: '', sequence: 0 };

/** Retries come at twice the last distance, up to this one. */
const longestRetrySeconds = 60;
const maxPayloadBytes = 7_900; // PostgreSQL takes less than 8000

/** `ord_1,ord_2,…` in pieces that NOTIFY can carry. */
export function notifications(aggregateIds: Iterable<string>): string[] {
  const payloads: string[] = [];
  let current = '';
  for (const id of new Set(aggregateIds)) {
    if (Buffer.byteLength(id) > maxPayloadBytes) continue;
    const longer = current === '' ? id : `${current},${id}`;
    if (Buffer.byteLength(longer) <= maxPayloadBytes) {
      current = longer;
      continue;
    }
    payloads.push(current);
    current = id;
  }
  return current === '' ? payloads : [...payloads, current];
}

// Each event looks back by itself, at a few rows of a small index. Written as a join, the planner has been seen to turn this
// into a comparison of everything with everything when its figures were old.
const notAfter = (earlier: string): string =>
  `not coalesce((select true from outbox e where e.aggregate_id = o.aggregate_id and e.published_at is null and ${earlier} limit 1), false)`;

const columns = 'id, aggregate_id, sequence, type, time, data, signal, traceparent, attempts';
const notHeld = notAfter('e.retry_at > now() and e.sequence <= o.sequence');

const plainEvents = `
  select ${columns} from outbox o
  where published_at is null and signal is null and ${notHeld} and ${notAfter('e.signal is not null and e.sequence < o.sequence')}
    and (o.aggregate_id, o.sequence) > ($1, $2)
  order by aggregate_id, sequence limit ${batchSize}`;

const signalEvents = `
  select ${columns} from outbox o
  where published_at is null and signal is not null and ${notHeld} and ${notAfter('e.signal is null and e.sequence < o.sequence')}
    and (o.aggregate_id, o.sequence) > ($1, $2)
  order by aggregate_id, sequence limit ${batchSize}`;

export function createRelayStore({ client }: Session, options: { service: string; channel: string }) {
  return {
    /** One relay of a service at a time: true when this session is it. */
    async lead(): Promise<boolean> {
      // A plan that is kept for the session may have been made while the table was empty: it must suit a full one too.
      await client.query('set enable_seqscan = off; set enable_bitmapscan = off');
      const { rows } = await client.query<{ leads: boolean }>('select pg_try_advisory_lock(hashtextextended($1, 0)) as leads', [
        `waybill relay ${options.service}`,
      ]);
      return rows[0]?.leads ?? false;
    },

    /**
     * What can go now, by aggregate and sequence: events without a signal, or events with one. Neither kind is given out
     * before what stands ahead of it in its aggregate is published, so the two can be worked on side by side. `after` saves a
     * next batch the way past what cannot go yet.
     */
    async waiting(kind: 'plain' | 'signals', after: Place = start): Promise<StoredEvent[]> {
      const { rows } = await client.query<StoredEvent>({
        name: kind, // planned once a session: this is asked ten times a second, and mostly in vain
        text: kind === 'plain' ? plainEvents : signalEvents,
        values: [after.aggregate_id, after.sequence],
      });
      return rows;
    },

    /** Marks as published, and tells live readers, in one commit. */
    async markPublished(rows: readonly StoredEvent[]): Promise<void> {
      await client.query(
        `with marked as (
           update outbox set published_at = now(), retry_at = null where id = any($1::bigint[]) and published_at is null)
         select pg_notify($2, payload) from unnest($3::text[]) as payload`,
        [rows.map((row) => row.id), options.channel, notifications(rows.map((row) => row.aggregate_id))],
      );
    },

    /** Puts one event off, and with it those after it in its aggregate. */
    async hold(row: StoredEvent, reason: string): Promise<void> {
      await client.query(
        `update outbox set attempts = attempts + 1, last_error = $2,
           retry_at = now() + make_interval(secs => least($3, 0.5 * 2 ^ least(attempts, 20)))
         where id = $1 and published_at is null`,
        [row.id, reason.slice(0, 1_000), longestRetrySeconds],
      );
    },

    /** Capped counts: a long queue must not make the look at it slow. */
    async backlog(): Promise<Backlog> {
      const { rows } = await client.query<Backlog>(
        `select count(*)::integer as events, coalesce(extract(epoch from now() - min(time)), 0)::float8 as "oldestSeconds",
           (select count(*)::integer from (
              select from outbox where published_at is null and retry_at is not null limit 10000) as few) as held
         from (
           (select time from outbox where published_at is null and signal is null limit 50000)
           union all
           (select time from outbox where published_at is null and signal is not null limit 50000)) as waiting`,
      );
      return rows[0] ?? { events: 0, oldestSeconds: 0, held: 0 };
    },

    /** Deletes some of the oldest published events. Looks at the lowest ids only, so its cost does not grow with the table. */
    async prune(olderThanMs: number): Promise<{ more: boolean }> {
      const limit = 1_000;
      const { rowCount } = await client.query(
        `delete from outbox where id in (
           select id from (select id, published_at from outbox order by id limit $2) as lowest
           where published_at < now() - make_interval(secs => $1 / 1000.0))`,
        [olderThanMs, limit],
      );
      return { more: (rowCount ?? 0) > limit / 2 }; // some of the lowest may still wait
    },
  };
}
