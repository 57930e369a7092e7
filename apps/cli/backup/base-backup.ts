import { PassThrough, type Readable } from 'node:stream';
import { databaseFailure } from '@waybill/kernel/database';
import pg from 'pg';
import { CommandError } from '../failure.ts';

/** How the base of a PostgreSQL server is copied, at whatever speed, while it goes on working. */
export type BaseBackup = {
  /** A tar archive of the data directory, without write-ahead log. */
  archive: Readable;
  /** Once the archive is read: the log from here on is needed to make it whole. */
  start: Promise<string>;
};

export type ReplicationSession = {
  baseBackup(): BaseBackup;
  query<R extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<R[]>;
  close(): Promise<void>;
};

type Message = { fields: (string | null)[]; chunk: Buffer };
type Connection = { query(text: string): void; stream: { pause(): void; resume(): void } };

/**
 * Opens a session that may copy the server. A temporary slot keeps the log that the copy needs until the session is closed, or
 * lost. The login must be allowed to replicate and to read the server's files, which managed services do not grant.
 */
export async function openReplication(url: string): Promise<ReplicationSession> {
  // `database` rather than `true`: such a session is admitted by the rules for ordinary connections.
  const config: pg.ClientConfig & { replication: string } = {
    connectionString: url,
    replication: 'database',
    application_name: 'waybill backup',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  };
  const client = new pg.Client(config);
  const plain = new pg.Client({
    connectionString: url,
    application_name: 'waybill backup',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  });
  let lost: Error | undefined;
  for (const each of [client, plain])
    each.on('error', (error) => {
      lost = error;
    });
  const close = async () => {
    // A copy in progress would be sent to its end first.
    (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    await plain.end().catch(() => {});
  };
  try {
    await Promise.all([client.connect(), plain.connect()]);
    await client.query(`CREATE_REPLICATION_SLOT waybill_backup_${process.pid}_${Date.now()} TEMPORARY PHYSICAL RESERVE_WAL`);
  } catch (error) {
    await close();
    throw refusal(error);
  }
  return {
    close,
    async query<R extends pg.QueryResultRow>(text: string, values: unknown[] = []) {
      if (lost) throw lost;
      return (await plain.query<R>(text, values)).rows;
    },
    baseBackup: () => copy(client),
  };
}

function copy(client: pg.Client): BaseBackup {
  const archive = new PassThrough({ highWaterMark: 4 * 1024 * 1024 });
  const start = Promise.withResolvers<string>();
  start.promise.catch(() => {}); // told by the archive too
  const fail = (error: Error) => {
    start.reject(error);
    archive.destroy(error);
  };
  client.on('error', fail);
  let position: string | undefined;
  let archives = 0;
  let paused = false;
  let failed: Error | undefined;
  const receive = (chunk: Buffer, connection: Connection) => {
    const kind = String.fromCharCode(chunk[0] ?? 0);
    if (kind === 'n' && ++archives > 1)
      return fail(
        new CommandError('unsupported', 'this PostgreSQL server has tablespaces of its own, which this backup cannot hold', {
          fix: 'use pg_basebackup',
        }),
      );
    if (kind !== 'd' || archive.destroyed) return;
    // The parser uses its buffer again, so what is kept is copied.
    if (archive.write(Buffer.from(chunk.subarray(1))) || paused) return;
    paused = true;
    connection.stream.pause();
    archive.once('drain', () => {
      paused = false;
      connection.stream.resume();
    });
  };
  const submittable = {
    submit: (connection: Connection) =>
      connection.query("BASE_BACKUP (LABEL 'waybill', CHECKPOINT 'fast', WAIT false, MANIFEST 'no', PROGRESS false)"),
    handleRowDescription() {},
    handleDataRow({ fields }: Message) {
      position ??= fields[0] ?? undefined;
    },
    handleCopyData: ({ chunk }: Message, connection: Connection) => receive(chunk, connection),
    handleCommandComplete() {},
    handleEmptyQuery() {},
    handleError(error: Error) {
      failed = error;
      fail(refusal(error));
    },
    handleReadyForQuery() {
      if (failed) return;
      if (position === undefined) return fail(new Error('the server did not say where its backup begins'));
      start.resolve(position);
      archive.end();
    },
  };
  client.query(submittable as unknown as pg.Query); // the driver asks for these methods, and its types for more
  return { archive, start: start.promise };
}

function refusal(error: unknown): Error {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (['42501', '28000', '28P01', '0A000'].includes(code))
    return new CommandError('forbidden', `PostgreSQL does not let this login copy the server: ${(error as Error).message}`, {
      fix: 'use a superuser or a login with REPLICATION and pg_read_server_files; of a managed server take the provider’s snapshots (docs/backup.md)',
      cause: error,
    });
  return databaseFailure(error) ?? (error instanceof Error ? error : new Error(String(error)));
}
