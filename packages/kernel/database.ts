import { Kysely, PostgresDialect, sql, type Transaction } from 'kysely';
import pg from 'pg';
import { type DatabaseLogin, fixedLogin } from './database-login.ts';
import { WaybillError } from './errors.ts';
import type { Logger } from './log.ts';
import { createStatementNames, prepareStatements } from './prepared-statements.ts';
import { sqlTracing } from './sql-tracing.ts';

pg.types.setTypeParser(pg.types.builtins.INT8, (text) => {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`bigint ${text} does not fit a JavaScript number`);
  return value;
});

/** A service's own database. `T` maps table names to row types. */
export type Database<T> = {
  db: Kysely<T>;
  /** For what needs a session of its own: LISTEN, session locks. */
  login: DatabaseLogin;
  /** Resolves when a trivial query answers; rejects with `unavailable`. */
  ping(): Promise<void>;
  /** How the pool stands. */
  usage(): { used: number; idle: number; waiting: number; max: number };
  close(): Promise<void>;
};

export type Tx<T> = Transaction<T>;

/**
 * Opens a pool of at most `max` connections. Opening never fails: the first query does, and so does `ping`. `prepare: false` is
 * for servers behind a pooler that gives each transaction another connection.
 */
export function openDatabase<T>(options: {
  url: string | DatabaseLogin;
  max: number;
  name: string;
  prepare?: boolean;
  log: Logger;
}): Database<T> {
  const login = typeof options.url === 'string' ? fixedLogin(options.url) : options.url;
  const nameOf = createStatementNames();
  // The pool makes its clients whenever it needs one, and each takes the password of that moment.
  class Client extends pg.Client {
    constructor(config?: pg.ClientConfig) {
      super({ ...config, connectionString: login.url() });
      if (options.prepare !== false) prepareStatements(this, nameOf);
    }
  }
  const pool = new pg.Pool({
    Client,
    max: options.max,
    application_name: options.name,
    connectionTimeoutMillis: 3_000,
    idleTimeoutMillis: 30_000,
    statement_timeout: 15_000,
    idle_in_transaction_session_timeout: 30_000,
    keepAlive: true,
  });
  // The error carries the whole client, so only its message is logged. The pool replaces what it lost.
  const lost = (error: Error) => options.log.warn('database connection lost', { database: options.name, reason: error.message });
  pool.on('error', lost);
  // A connection that dies while it is checked out, between two queries of a transaction, tells only its own listeners; with
  // none it would end the process. The next query on it fails, and that is the error that counts.
  pool.on('connect', (client) => client.on('error', () => {}));
  const db = new Kysely<T>({
    dialect: new PostgresDialect({
      pool: { Client, options: pool.options, connect: () => login.signIn(() => pool.connect()), end: () => pool.end() },
    }),
    ...sqlTracing(options.name),
  });
  return {
    db,
    login,
    async ping() {
      await sql`select 1`.execute(db).catch((error: unknown) => {
        throw databaseFailure(error) ?? error;
      });
    },
    usage: () => ({
      used: pool.totalCount - pool.idleCount,
      idle: pool.idleCount,
      waiting: pool.waitingCount,
      max: options.max,
    }),
    close: () => db.destroy(),
  };
}

const connectionCodes = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'ENOENT']);
// Class 08 connection, 53 out of resources, 57 operator intervention (shutdown, statement time-out), 40 serialization and deadlock, 55P03 lock.
const retryableStates = /^(08|53|57|40)...$|^55P03$/;

/** The form a failure of the database takes for a caller: `unavailable` when a retry can help, otherwise undefined (a bug). */
export function databaseFailure(error: unknown): WaybillError | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const retryable =
    connectionCodes.has(code) ||
    retryableStates.test(code) ||
    /Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error/.test(
      error.message,
    ) ||
    (error instanceof AggregateError && error.errors.some((inner) => databaseFailure(inner) !== undefined));
  return retryable
    ? new WaybillError('unavailable', 'the database cannot be reached right now', { cause: error, retryAfter: 1 })
    : undefined;
}

/** The constraint that a unique violation named, if the error is one. */
export function violatedConstraint(error: unknown): string | undefined {
  if (!(error instanceof pg.DatabaseError) || (error.code !== '23505' && error.code !== '23514')) return undefined;
  return error.constraint ?? '';
}
