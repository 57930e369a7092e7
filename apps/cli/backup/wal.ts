import { Readable } from 'node:stream';
import { tarEnd, tarHeader, tarPadding } from '@waybill/kernel/tar';
import type { ReplicationSession } from './base-backup.ts';

const readBytes = 1024 * 1024;

/** How far the log has been written for good: everything that was answered before this is in it. */
export async function flushedTo(session: ReplicationSession): Promise<string> {
  const [row] = await session.query<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn');
  if (!row) throw new Error('the server does not say how far its log is');
  return row.lsn;
}

type Segment = { name: string; bytes: number };

/** The files of the log between two positions, and how much of each counts. */
async function segmentsBetween(session: ReplicationSession, from: string, upTo: string): Promise<{ size: number; segments: Segment[] }> {
  const [row] = await session.query<{ size: string }>("select setting as size from pg_settings where name = 'wal_segment_size'");
  const size = Number(row?.size);
  const segments = await session.query<{ name: string; bytes: number }>(
    `with bounds as (
       select ($1::pg_lsn - '0/0'::pg_lsn)::numeric as low, ($2::pg_lsn - '0/0'::pg_lsn)::numeric as high, $3::numeric as size
     ), place as (
       select n, size, high from bounds, generate_series(floor(low / size), floor((high - 1) / size)) n
     )
     select pg_walfile_name('0/0'::pg_lsn + (n * size + 1)) as name, least(high - n * size, size)::int as bytes from place order by n`,
    [from, upTo, size],
  );
  return { size, segments };
}

/**
 * A tar archive of the log from one position to another. The last file is blank behind the end, so a server that reads it stops
 * exactly there: that is what makes the end the instant of the backup.
 */
export function walArchive(session: ReplicationSession, from: string, upTo: string): Readable {
  async function* contents() {
    const { size, segments } = await segmentsBetween(session, from, upTo);
    for (const { name, bytes } of segments) {
      yield tarHeader(name, size);
      for (let at = 0; at < size; at += readBytes) {
        const length = Math.max(0, Math.min(readBytes, bytes - at));
        const [row] =
          length === 0
            ? [{ data: Buffer.alloc(0) }]
            : await session.query<{ data: Buffer }>('select pg_read_binary_file($1, $2, $3) as data', [`pg_wal/${name}`, at, length]);
        if (row?.data.length !== length) throw new Error(`the log file ${name} is shorter than it should be`);
        yield Buffer.concat([row.data, Buffer.alloc(Math.min(readBytes, size - at) - length)]);
      }
      yield tarPadding(size);
    }
    yield tarEnd();
  }
  return Readable.from(contents(), { objectMode: false });
}
