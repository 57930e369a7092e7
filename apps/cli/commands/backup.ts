import type { Command } from 'commander';
import { masterOf } from '../backup/backup-key.ts';
import { clusterSource } from '../backup/cluster-backup.ts';
import { restoreCluster } from '../backup/cluster-restore.ts';
import { localSource } from '../backup/local-backup.ts';
import { checkTarget, restoreLocal } from '../backup/local-restore.ts';
import { type Manifest, verifyManifest } from '../backup/manifest.ts';
import { openStore } from '../backup/open-store.ts';
import { findManifest } from '../backup/read.ts';
import { secretForBackup, secretForRestore } from '../backup/secret.ts';
import { type BackupSource, takeBackup } from '../backup/server-backup.ts';
import { type BackupStore, manifestName } from '../backup/store.ts';
import { volumeStore } from '../backup/volume-store.ts';
import { loadConfiguration } from '../configuration.ts';
import { type Act, type Context, print, proseOf, table } from '../context.ts';
import { refuseInDocker } from '../docker/lifecycle.ts';
import { examples } from '../examples.ts';
import { CommandError, Interrupted } from '../failure.ts';
import { openSession } from '../k8s/session.ts';
import { startDetached } from '../local/start.ts';
import { reconcile } from './reconcile.ts';

type Cluster = { k8s?: boolean; env?: string };
type BackupOptions = Cluster & { to?: string; list?: boolean };
type RestoreOptions = Cluster & { version: string; from?: string; replace?: boolean; start: boolean };

export function addBackup(program: Command, act: Act): void {
  program
    .command('backup')
    .option('--to <where>', 'a folder, s3://BUCKET/PREFIX or pvc:NAME; by default the folder backups of the root')
    .option('--list', 'show the backups that are kept there')
    .option('--k8s', 'of the cluster rather than of this machine')
    .option('-e, --env <environment>', 'prod or staging, with --k8s', 'prod')
    .description('copy everything as it is at one instant, encrypted, while it runs')
    .addHelpText(
      'after',
      examples(
        'waybill backup --to /mnt/backups',
        'waybill backup --list --to s3://acme-backups/shop',
        'waybill backup --k8s --to pvc:backups',
      ),
    )
    .action(act((context, options: BackupOptions) => (options.list ? list(context, options) : backup(context, options))));
  program
    .command('restore')
    .requiredOption('--version <version>', 'which one, as "backup --list" shows it, or latest')
    .option('--from <where>', 'a folder, s3://BUCKET/PREFIX or pvc:NAME; by default the folder backups of the root')
    .option('--replace', 'move data that is there aside, rather than refuse')
    .option('--no-start', 'only put the data in place (not with --k8s)')
    .option('--k8s', 'into the cluster rather than on this machine')
    .option('-e, --env <environment>', 'prod or staging, with --k8s', 'prod')
    .description('put a backup in place, start, and compare what it holds with the world outside')
    .addHelpText('after', examples('waybill restore --version latest --from /mnt/backups', 'waybill -r /srv/shop restore --version latest'))
    .action(act(restore));
}

const megabytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MB`;
const sizeOf = ({ parts }: Manifest): number => parts.reduce((sum, { bytes }) => sum + bytes, 0);

function list(context: Context, options: BackupOptions): Promise<undefined> {
  return withStore(context, options.to, options, (store) => listIn(context, store));
}

async function listIn(context: Context, store: BackupStore): Promise<undefined> {
  const found: { version: string; manifest: Manifest | undefined }[] = [];
  for (const version of await store.versions()) {
    const text = await store.readText(version, manifestName);
    found.push({ version, manifest: text === undefined ? undefined : await findManifest(store, version) });
  }
  const data = found.map(({ version, manifest }) =>
    manifest
      ? { version, whole: true, instant: manifest.instant, bytes: sizeOf(manifest), waybill: manifest.waybill, source: manifest.source }
      : { version, whole: false },
  );
  const rows = found.map(({ version, manifest }) =>
    manifest
      ? [version, manifest.instant, megabytes(sizeOf(manifest)), manifest.waybill]
      : [version, 'interrupted: cannot be restored', '', ''],
  );
  print(
    context,
    { where: store.where, backups: data },
    rows.length > 0 ? table([['VERSION', 'AS IT WAS AT', 'SIZE', 'WAYBILL'], ...rows]) : [`no backups in ${store.where}`],
  );
}

/** Runs work that Ctrl-C ends. */
async function interruptibly<T>(context: Context, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const forget = context.io.onStop(() => stop.abort(new Interrupted()));
  try {
    return await work(stop.signal);
  } catch (error) {
    throw stop.signal.aborted ? new Interrupted() : error;
  } finally {
    forget();
  }
}

const inDocker = [
  'PostgreSQL in its container holds everything, Temporal too',
  'docs/single-server.md, "Back up", has the command',
] as const;

async function backup(context: Context, options: BackupOptions): Promise<undefined> {
  if (!options.k8s) refuseInDocker(context, ...inDocker);
  return withStore(context, options.to, options, async (store) => {
    if (context.dryRun) {
      const what = options.k8s ? `the cluster (${options.env ?? 'prod'})` : context.root.path;
      return print(context, { would: 'backup', to: store.where }, [`would back up ${what} to ${store.where}`]);
    }
    if (!options.k8s) return backupFrom(context, localSource(context.root, loadConfiguration(context.root, context.io.env)), store);
    const from = await clusterSource(openSession(context, options));
    try {
      return await backupFrom(context, from, store);
    } finally {
      from.close();
    }
  });
}

async function backupFrom(context: Context, from: BackupSource, store: BackupStore): Promise<undefined> {
  const configuration = loadConfiguration(context.root, context.io.env);
  const { secret, made } = secretForBackup(context, configuration);
  const say = proseOf(context);
  const manifest = await interruptibly(context, (signal) => takeBackup({ from, store, secret, tell: say, signal }));
  const { version, instant } = manifest;
  if (made)
    for (const line of [
      `a BACKUP_KEY was made and is in ${context.root.secrets}; without it nobody can read this backup:`,
      `keep a copy of it elsewhere: waybill ${context.root.flag}config printvalue BACKUP_KEY`,
    ])
      context.io.err(line);
  print(context, { version, instant, where: store.where, bytes: sizeOf(manifest) }, [
    `backup ${version}: everything as it was at ${instant}, ${megabytes(sizeOf(manifest))} in ${store.where}`,
  ]);
}

/** Opens where backups are kept, for as long as the work takes. */
async function withStore<T>(
  context: Context,
  where: string | undefined,
  options: Cluster,
  work: (store: BackupStore) => Promise<T>,
): Promise<T> {
  if (!where?.startsWith('pvc:')) return work(openStore(context, where));
  if (!options.k8s)
    throw new CommandError('invalid', `${where} is a volume of a cluster`, { fix: 'add --k8s, or name a folder or s3://BUCKET/PREFIX' });
  if (context.dryRun) return work({ ...openStore(context, undefined), where });
  const store = await volumeStore(openSession(context, options), where.slice('pvc:'.length));
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

async function restore(context: Context, options: RestoreOptions): Promise<number | undefined> {
  if (!options.k8s) refuseInDocker(context, ...inDocker);
  return withStore(context, options.from, options, async (store) => {
    if (!options.k8s) checkTarget(context.root, options.replace ?? false);
    const configuration = loadConfiguration(context.root, context.io.env);
    const manifest = await findManifest(store, options.version);
    const master = masterOf(manifest.key, await secretForRestore(context, configuration, manifest.key));
    verifyManifest(manifest, master);
    const { version, instant } = manifest;
    if (context.dryRun) {
      const target = options.k8s ? 'the cluster' : context.root.path;
      return print(context, { would: 'restore', version, instant }, [
        `would restore ${version}, everything as it was at ${instant}, into ${target}`,
      ]);
    }
    return options.k8s
      ? toCluster(context, options, { store, manifest, master })
      : toThisMachine(context, options, { store, manifest, master });
  });
}

type Found = { store: BackupStore; manifest: Manifest; master: Buffer };

async function toCluster(context: Context, options: RestoreOptions, found: Found): Promise<undefined> {
  const { version, instant } = found.manifest;
  const session = openSession(context, options);
  const replace = options.replace ?? false;
  const running = await interruptibly(context, (signal) => restoreCluster({ ...found, session, replace, signal, tell: proseOf(context) }));
  for (const env of running) await reconcile(context, { since: instant, restored: version, k8s: true, env });
}

async function toThisMachine(context: Context, options: RestoreOptions, found: Found): Promise<number | undefined> {
  const { root } = context;
  const { version, instant } = found.manifest;
  const configuration = loadConfiguration(root, context.io.env);
  const say = proseOf(context);
  const replace = options.replace ?? false;
  const aside = await interruptibly(context, (signal) => restoreLocal({ ...found, root, configuration, replace, signal, tell: say }));
  if (aside) say(`what was there is in ${aside}; delete it when it is no longer needed`);
  if (!options.start) {
    return print(context, { version, instant, started: false, before: aside ?? null }, [
      `restored: everything as it was at ${instant}`,
      `  start it with "waybill ${root.flag}local start -d", then compare it with the world outside: waybill ${root.flag}reconcile --since ${instant}`,
    ]);
  }
  const code = await startDetached({ ...context, json: false, io: { ...context.io, out: say } });
  if (code !== 0) return code;
  return reconcile(context, { since: instant, restored: version });
}
