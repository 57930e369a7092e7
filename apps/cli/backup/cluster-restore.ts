import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { databaseName } from '@waybill/kernel/provision';
import { serviceNames } from '@waybill/server/roles';
import pg from 'pg';
import { CommandError } from '../failure.ts';
import { applySecrets, secretValue } from '../k8s/cluster-secrets.ts';
import { openForward } from '../k8s/forward.ts';
import { start, stop } from '../k8s/lifecycle.ts';
import type { KubeObject } from '../k8s/objects.ts';
import { type Environment, environments, releasesOf } from '../k8s/releases.ts';
import { openSession, type Session } from '../k8s/session.ts';
import { workloadsOf } from '../k8s/workloads.ts';
import { createRoot } from '../root.ts';
import { secretsPath } from '../secrets.ts';
import { writeWhole } from '../yaml-file.ts';
import { type ClusterPostgres, databasePrefix, findPostgres } from './cluster-backup.ts';
import type { Manifest } from './manifest.ts';
import { readPart } from './read.ts';
import { base, secretsName, wal } from './server-backup.ts';
import type { BackupStore } from './store.ts';
import { openVolume, type Volume } from './volume.ts';

type Restore = {
  session: Session;
  store: BackupStore;
  manifest: Manifest;
  master: Buffer;
  replace: boolean;
  signal: AbortSignal;
  tell(line: string): void;
};

/**
 * Puts a backup in place of the data of the cluster's PostgreSQL: all environments, and Temporal. What is there is stopped first and kept
 * beside it on the volume; everything is checked and unpacked before it changes places. Returns the environments that run again.
 */
export async function restoreCluster(options: Restore): Promise<Environment[]> {
  const { session, manifest, replace, signal, tell } = options;
  const { context } = session;
  if (manifest.source !== 'kubernetes')
    throw new CommandError('unsupported', `the backup ${manifest.version} is of an installation on one machine`, {
      fix: `restore it there: "waybill restore --version ${manifest.version}" without --k8s`,
    });
  const postgres = await findPostgres(session);
  if (!replace) await refuseOrders(session);
  const running = await environmentsThere(session);
  const secrets = await readSecretsPart(options);
  tell('stopping everything that uses the databases');
  for (const env of running) await stop(quiet(session), { env, part: 'apps' });
  await stop(quiet(session), { env: session.environment, part: 'infra' });
  await untilGone(session, postgres);
  const volume = await openVolume(session, {
    namespace: 'infra',
    claim: postgres.claim,
    userId: postgres.userId,
    mountPath: postgres.mountPath,
  });
  try {
    await exchange(options, volume, postgres);
  } finally {
    await volume.close();
  }
  tell('the data is in place; starting');
  adoptFiles(session, secrets, manifest);
  const fresh = openSession(context, { env: session.environment });
  await applySecrets(fresh, ['infra']);
  for (const env of running) await applySecrets(openSession(context, { env }), [env]);
  signal.throwIfAborted();
  await start(quiet(fresh), { env: session.environment, part: 'infra' });
  for (const env of running) await publishAgain(openSession(context, { env }), manifest.instant);
  for (const env of running) await start(quiet(fresh), { env, part: 'apps' });
  return running;
}

/** What the lifecycle prints is no answer of ours. */
const quiet = ({ context }: Session) => ({ ...context, json: false, io: { ...context.io, out: context.io.err } });

async function environmentsThere(session: Session): Promise<Environment[]> {
  const there: Environment[] = [];
  for (const environment of environments) {
    const [, , waybill] = releasesOf(environment);
    if ((await workloadsOf(session, waybill)).length > 0) there.push(environment);
  }
  return there;
}

async function withDatabase<T>(session: Session, database: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const password = (await secretValue(session, 'POSTGRES_PASSWORD')) ?? '';
  const forward = await openForward(session, { namespace: 'infra', target: 'statefulset/postgresql', port: 5432 });
  const client = new pg.Client({
    connectionString: `postgres://postgres:${encodeURIComponent(password)}@127.0.0.1:${forward.port}/${database}`,
    connectionTimeoutMillis: 10_000,
  });
  client.on('error', () => {}); // told by the statement
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => {});
    forward.close();
  }
}

const prefixOf = ({ configuration, environment }: Session): string => databasePrefix(configuration.text('DATABASE_PREFIX'), environment);

async function refuseOrders(session: Session): Promise<void> {
  const name = databaseName(prefixOf(session), 'orders');
  const some = await withDatabase(
    session,
    name,
    async (client) => (await client.query('select from orders limit 1')).rows.length > 0,
  ).catch((error: unknown) => {
    if (error instanceof pg.DatabaseError && (error.code === '3D000' || error.code === '42P01')) return false;
    throw error;
  });
  if (some)
    throw new CommandError('conflict', `${session.environment} holds orders`, {
      fix: 'restore into an empty cluster, or say --replace: what is there stays beside it on the volume of PostgreSQL',
    });
}

async function readSecretsPart({ store, manifest, master, signal }: Restore): Promise<Record<string, string>> {
  const target = new PassThrough();
  const collected = buffer(target);
  await readPart({ store, manifest, name: secretsName, master, signal, target });
  return JSON.parse((await collected).toString());
}

async function untilGone(session: Session, { object }: ClusterPostgres): Promise<void> {
  const deadline = Date.now() + 180_000;
  for (;;) {
    const args = ['get', 'pods', '--namespace', 'infra', '--selector', 'app.kubernetes.io/component=postgresql', '--output', 'json'];
    const { items } = JSON.parse((await session.tools.read('kubectl', args, { repeated: true })).stdout) as { items: KubeObject[] }; // what kubectl prints
    if (items.length === 0) return;
    if (Date.now() > deadline)
      throw new CommandError('unavailable', `${object.metadata.name} does not stop`, { fix: 'look with "waybill k8s status"' });
    await delay(1_000);
  }
}

async function exchange(options: Restore, volume: Volume, { dataDir }: ClusterPostgres): Promise<void> {
  const { store, manifest, master, signal, tell } = options;
  const draft = `${dataDir}.restoring`;
  const put = async (name: string, folder: string) => {
    const archive = new PassThrough();
    const read = readPart({ store, manifest, name, master, signal, target: archive });
    read.catch((error: unknown) => archive.destroy(error instanceof Error ? error : new Error(String(error))));
    await volume.unpack(folder, archive, signal);
    await read;
  };
  await volume.remove(draft);
  try {
    tell('unpacking PostgreSQL in the cluster');
    await put(base, draft);
    await put(wal, `${draft}/pg_wal`);
    await volume.move(dataDir, `${dataDir}.before-${manifest.version}-${Date.now()}`).catch((error: unknown) => {
      if (!(error instanceof Error && /ENOENT/.test(error.message))) throw error; // a volume that never had data
    });
    await volume.move(draft, dataDir);
  } catch (error) {
    await volume.remove(draft).catch(() => {});
    throw error;
  }
}

/** The secrets of the backup become those of the root folder; what was there is kept beside them. */
function adoptFiles({ context, configuration }: Session, secrets: Record<string, string>, { version }: Manifest): void {
  const { root } = context;
  createRoot(root);
  const key = configuration.cli.BACKUP_KEY?.reveal();
  for (const [name, path] of [
    ['secrets.yml', root.secrets],
    ['secrets-staging.yml', secretsPath(root, 'staging')],
  ] as const) {
    const text = secrets[name];
    if (!text) continue;
    if (existsSync(path)) renameSync(path, join(root.path, `${name}.before-${version}-${Date.now()}`));
    const withKey = name === 'secrets.yml' && key !== undefined && !/^BACKUP_KEY:/m.test(text);
    writeWhole(path, withKey ? `${text.trimEnd()}\nBACKUP_KEY: ${JSON.stringify(key)}\n` : text, 0o600);
  }
}

/**
 * Kafka was not put back: a consumer may have read on past events that its database, put back, has not seen. So what was published
 * shortly before the instant is published again; who has seen an event drops it.
 */
async function publishAgain(session: Session, instant: string): Promise<void> {
  for (const service of serviceNames)
    await withDatabase(session, databaseName(prefixOf(session), service), (client) =>
      client.query(`update outbox set published_at = null where published_at >= $1::timestamptz - interval '1 hour'`, [instant]),
    );
}
