import pg from 'pg';

/** A text is prepared when it has come this often: what is put together anew for each call is not worth a plan that is kept. */
const worthwhile = 3;
/** Bounds for texts that vary: so many are counted at once, and so many are prepared for good. */
const mostCounted = 500;
const mostPrepared = 200;

/**
 * Names the statements that come again and again. PostgreSQL then parses and plans them once a connection, which for our short
 * statements costs more than running them. One instance serves all connections of a pool.
 */
export function createStatementNames(): (text: string) => string | undefined {
  const names = new Map<string, string>();
  let counts = new Map<string, number>();

  return (text) => {
    const name = names.get(text);
    if (name !== undefined || names.size >= mostPrepared) return name;
    const count = (counts.get(text) ?? 0) + 1;
    if (count < worthwhile) {
      if (counts.size >= mostCounted) counts = new Map();
      counts.set(text, count);
      return undefined;
    }
    counts.delete(text);
    const given = `s${names.size + 1}`;
    names.set(text, given);
    return given;
  };
}

/** A migration gave a table that a kept plan reads by `*` another shape (feature_not_supported, from plancache.c). */
const isStalePlan = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && error.code === '0A000' && error.routine === 'RevalidateCachedQuery';

type Query = (text: unknown, values?: unknown) => Promise<pg.QueryResult>; // as Kysely calls it

/**
 * Lets a client run named statements by their names, and once more without when the plan has become stale. Inside a transaction
 * that is the caller's to do: PostgreSQL has given the transaction up.
 */
export function prepareStatements(client: pg.Client, nameOf: (text: string) => string | undefined): void {
  const query = client.query.bind(client) as Query;
  const prepared: Query = async (text, values) => {
    const name = typeof text === 'string' && Array.isArray(values) && values.length > 0 ? nameOf(text) : undefined;
    if (name === undefined) return query(text, values);
    const outside = client.getTransactionStatus() === 'I';
    try {
      return await query({ name, text, values });
    } catch (error) {
      if (!outside || !isStalePlan(error)) throw error;
      return query(text, values);
    }
  };
  client.query = prepared as pg.Client['query'];
}
