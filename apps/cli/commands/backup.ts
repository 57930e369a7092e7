import type { Command } from 'commander';
import { masterOf } from '../backup/backup-key.ts';
import { localSource } from '../backup/local-backup.ts';
import { checkTarget, restoreLocal } from '../backup/local-restore.ts';
import { type Manifest, verifyManifest } from '../backup/manifest.ts';
import { openStore } from '../backup/open-store.ts';
import { findManifest } from '../backup/read.ts';
import { secretForBackup, secretForRestore } from '../backup/secret.ts';
import { takeBackup } from '../backup/server-backup.ts';
import { manifestName } from '../backup/store.ts';
import { loadConfiguration } from '../configuration.ts';
import { type Act, type Context, print, proseOf, table } from '../context.ts';
import { examples } from '../examples.ts';
import { Interrupted } from '../failure.ts';
import { startDetached } from '../local/start.ts';
import { reconcile } from './reconcile.ts';

type BackupOptions = { to?: string; list?: boolean };
type RestoreOptions = { version: string; from?: string; replace?: boolean; start: boolean };

export function addBackup(program: Command, act: Act): void {
  program
    .command('backup')
    .option('--to <where>', 'a folder, or s3://BUCKET/PREFIX; by default the folder backups of the root')
    .option('--list', 'show the backups that are kept there')
    .description('copy everything as it is at one instant, encrypted, while it runs')
    .addHelpText('after', examples('waybill backup --to /mnt/backups', 'waybill backup --list --to s3://acme-backups/shop'))
    .action(act((context, options: BackupOptions) => (options.list ? list(context, options) : backup(context, options))));
  program
    .command('restore')
    .requiredOption('--version <version>', 'which one, as "backup --list" shows it, or latest')
    .option('--from <where>', 'a folder, or s3://BUCKET/PREFIX; by default the folder backups of the root')
    .option('--replace', 'move data that is there aside, rather than refuse')
    .option('--no-start', 'only put the data in place')
    .description('put a backup in place, start, and compare what it holds with the world outside')
    .addHelpText('after', examples('waybill restore --version latest --from /mnt/backups', 'waybill -r /srv/shop restore --version latest'))
    .action(act(restore));
}

const megabytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MB`;
const sizeOf = ({ parts }: Manifest): number => parts.reduce((sum, { bytes }) => sum + bytes, 0);

async function list(context: Context, { to }: BackupOptions): Promise<undefined> {
  const store = openStore(context, to);
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

async function backup(context: Context, { to }: BackupOptions): Promise<undefined> {
  const configuration = loadConfiguration(context.root, context.io.env);
  const store = openStore(context, to);
  const from = localSource(context.root, configuration);
  if (context.dryRun) return print(context, { would: 'backup', to: store.where }, [`would back up ${context.root.path} to ${store.where}`]);
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

async function restore(context: Context, options: RestoreOptions): Promise<number | undefined> {
  const { root } = context;
  const replace = options.replace ?? false;
  const configuration = loadConfiguration(root, context.io.env);
  const store = openStore(context, options.from);
  checkTarget(root, replace);
  const manifest = await findManifest(store, options.version);
  const master = masterOf(manifest.key, await secretForRestore(context, configuration, manifest.key));
  verifyManifest(manifest, master);
  const { version, instant } = manifest;
  if (context.dryRun)
    return print(context, { would: 'restore', version, instant }, [
      `would restore ${version}, everything as it was at ${instant}, into ${root.path}`,
    ]);
  const say = proseOf(context);
  const aside = await interruptibly(context, (signal) =>
    restoreLocal({ root, configuration, store, manifest, master, replace, signal, tell: say }),
  );
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
