import { Readable } from 'node:stream';
import type { BackupSecret } from './backup-key.ts';
import { newMaster } from './backup-key.ts';
import { openReplication, type ReplicationSession } from './base-backup.ts';
import { readSchemas } from './describe.ts';
import { type Manifest, type Part, signManifest } from './manifest.ts';
import { type BackupStore, manifestName } from './store.ts';
import { flushedTo, walArchive } from './wal.ts';
import { writePart } from './write.ts';

export type BackupSource = {
  source: Manifest['source'];
  /** The administrator's address of the PostgreSQL server that holds everything. */
  databaseUrl: string;
  prefix: string;
  waybill: string;
  encryptionKeyIds: readonly string[];
  /** What opens the data again: secrets and settings, as text. */
  secrets: Record<string, string>;
  /**
   * Called once the server is copied: takes what is kept outside of PostgreSQL, asking for the server's position in the very
   * moment in which that is fixed. Without it the instant is the moment after the copy.
   */
  outside?: (position: () => Promise<string>) => Promise<{ position: string; name: string; content: Readable; done(): Promise<void> }>;
  temporal: Manifest['temporal'];
};

export const base = 'postgres-base.tar.gz.enc';
export const wal = 'postgres-wal.tar.gz.enc';
export const secretsName = 'secrets.json.gz.enc';

/** Name of a backup: when it was begun, and something that keeps two of one second apart. */
export const newVersion = (): string =>
  `${new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')}-${Math.floor(Math.random() * 65_536)
    .toString(16)
    .padStart(4, '0')}`;

/** Takes a backup of everything as it is at one instant, which is told in the manifest, written last. */
export async function takeBackup(options: {
  from: BackupSource;
  store: BackupStore;
  secret: BackupSecret;
  tell(line: string): void;
  signal: AbortSignal;
}): Promise<Manifest> {
  const { from, store, tell, signal } = options;
  const { master, recipe } = newMaster(options.secret);
  const version = newVersion();
  const session = await openReplication(from.databaseUrl);
  const abort = () => void session.close();
  signal.addEventListener('abort', abort, { once: true });
  try {
    const put = (name: string, content: Readable): Promise<Part> => writePart({ store, version, name, master, content, signal });
    const [server] = await session.query<{ version: string; id: string }>(
      "select current_setting('server_version') as version, system_identifier::text as id from pg_control_system()",
    );
    tell('copying PostgreSQL');
    const copy = session.baseBackup();
    const parts = [await put(base, copy.archive)];
    const start = await copy.start;
    const { instant, position, part } = await fixInstant(session, from, put);
    tell(`everything as it was at ${instant}`);
    parts.push(await put(wal, walArchive(session, start, position)), ...part);
    parts.push(await put(secretsName, Readable.from([JSON.stringify(from.secrets)], { objectMode: false })));
    const manifest = signManifest(
      {
        format: 1,
        version,
        instant,
        source: from.source,
        waybill: from.waybill,
        postgres: { version: server?.version ?? '', systemId: server?.id ?? '', from: start, upTo: position },
        temporal: from.temporal,
        schemas: await readSchemas(from.databaseUrl, from.prefix),
        encryptionKeyIds: [...from.encryptionKeyIds],
        key: recipe,
        parts,
      },
      master,
    );
    await store.write(version, manifestName, Readable.from([`${JSON.stringify(manifest, null, 2)}\n`], { objectMode: false }), signal);
    return manifest;
  } catch (error) {
    await store.remove(version).catch(() => {}); // without its manifest it counts for nothing
    throw signal.aborted ? (signal.reason ?? error) : error;
  } finally {
    signal.removeEventListener('abort', abort);
    await session.close();
  }
}

async function fixInstant(session: ReplicationSession, from: BackupSource, put: (name: string, content: Readable) => Promise<Part>) {
  let instant = '';
  const position = async () => {
    const upTo = await flushedTo(session);
    // By the server's clock, as are the times in its rows.
    const [row] = await session.query<{ at: Date }>('select clock_timestamp() as at');
    instant = (row?.at ?? new Date()).toISOString();
    return upTo;
  };
  if (!from.outside) return { position: await position(), instant, part: [] };
  const taken = await from.outside(position);
  try {
    return { position: taken.position, instant, part: [await put(taken.name, taken.content)] };
  } finally {
    await taken.done();
  }
}
