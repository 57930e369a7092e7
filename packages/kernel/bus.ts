import { sql } from 'kysely';
import { type Database, databaseFailure } from './database.ts';
import type { EventEnvelope } from './events.ts';
import type { Consumer } from './service.ts';

/** Takes events to those who subscribed. Resolves once they are safe with every one of them, or with the broker. */
export type Bus = {
  /** `source` is the service whose events these are. At least once: a repeat after a failure is expected. */
  publish(source: string, events: readonly EventEnvelope[]): Promise<void>;
  close(): Promise<void>;
};

/** One service's consumers and the database that holds their inbox. */
export type Subscription = {
  service: string;
  // biome-ignore lint/suspicious/noExplicitAny: each service's rows have their own types, and only the inbox is touched here
  database: Database<any>;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  consumers: readonly Consumer<any>[];
};

/**
 * Keeps events for the consumers that want them: one statement, and nothing for an event that is there already.
 * Returns how many rows are new.
 */
export async function receive(subscription: Subscription, source: string, events: readonly EventEnvelope[]): Promise<number> {
  const rows = subscription.consumers
    .filter((consumer) => consumer.source === source)
    .flatMap((consumer) =>
      events.filter((event) => consumer.types.includes(event.type)).map((event) => ({ consumer: consumer.name, event })),
    );
  if (rows.length === 0) return 0;
  try {
    const { numAffectedRows } = await sql`
      insert into inbox (consumer, event_id, aggregate_id, sequence, event)
      select consumer, event->>'id', event->>'subject', (event->>'sequence')::integer, event
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as row (consumer text, event jsonb)
      on conflict do nothing`.execute(subscription.database.db);
    return Number(numAffectedRows ?? 0n);
  } catch (error) {
    throw databaseFailure(error) ?? error;
  }
}
