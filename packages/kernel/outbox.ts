import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { EventEnvelope, RelaySignal } from './events.ts';
import { currentTraceparent } from './tracing.ts';

/** An event to publish, and a signal to send before that. `sequence` counts from 1 within the aggregate. */
export type OutboxRow = {
  aggregateId: string;
  sequence: number;
  type: string;
  data: Record<string, unknown>;
  signal?: RelaySignal;
};

/** The column `traceparent` of outbox rows that a statement of a service's own writes. */
export const traceparentValue = (): RawBuilder<string | null> => sql`${currentTraceparent() ?? null}::text`;

/**
 * Writes events in the caller's transaction, in one statement. An event that is there already stays as it is, so that a repeat
 * of the caller is harmless. After the commit, wake the relay.
 */
export async function insertOutbox<T>(tx: Kysely<T>, rows: readonly OutboxRow[]): Promise<void> {
  if (rows.length === 0) return;
  await sql`
    insert into outbox (aggregate_id, sequence, type, data, signal, traceparent)
    select "aggregateId", sequence, type, data, nullif(signal, 'null'::jsonb), ${traceparentValue()}
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
      as row ("aggregateId" text, sequence integer, type text, data jsonb, signal jsonb)
    on conflict (aggregate_id, sequence) do nothing`.execute(tx);
}

/** An outbox row as the relay reads it. */
export type StoredEvent = {
  id: number;
  aggregate_id: string;
  sequence: number;
  type: string;
  time: Date;
  data: Record<string, unknown>;
  signal: RelaySignal | null;
  traceparent: string | null;
  attempts: number;
};

export function envelopeOf(service: string, row: StoredEvent): EventEnvelope {
  return {
    specversion: '1.0',
    id: `${row.aggregate_id}/${row.sequence}`,
    source: `waybill/${service}`,
    type: row.type,
    subject: row.aggregate_id,
    time: row.time.toISOString(),
    datacontenttype: 'application/json',
    sequence: row.sequence,
    ...(row.traceparent === null ? {} : { traceparent: row.traceparent }),
    data: row.data,
  };
}
