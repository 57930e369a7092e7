import type { LogEvent } from 'kysely';
import { currentTraceparent, isTracing, recordSpan } from './tracing.ts';

/** A span for each statement, as text with places for values and never the values. Kysely calls it when the statement is over. */
export function sqlTracing(database: string): { log?: (event: LogEvent) => void } {
  if (!isTracing()) return {};
  return {
    log({ level, query, queryDurationMillis, ...rest }) {
      if (currentTraceparent() === undefined) return; // a loop that looks for work: a trace of its own for each look tells nothing
      const text = query.sql.replaceAll(/\s+/g, ' ').trim();
      const operation = /^[a-z]+/i.exec(text)?.[0].toUpperCase() ?? 'SQL';
      const endTime = Date.now();
      recordSpan(`${operation} ${database}`, {
        kind: 'client',
        startTime: endTime - queryDurationMillis,
        endTime,
        attributes: {
          'db.system.name': 'postgresql',
          'db.namespace': database,
          'db.operation.name': operation,
          'db.query.text': text,
        },
        ...(level === 'error' && 'error' in rest ? { error: rest.error } : {}),
      });
    },
  };
}
