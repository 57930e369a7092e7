import { spawnSync } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, renameSync, rmSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PassThrough, type Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { serverAccount } from '@waybill/embedded/postgres-files';
import { extractTar } from '@waybill/kernel/tar';
import type { Configuration } from '../configuration.ts';
import { CommandError } from '../failure.ts';
import { stopOrphans } from '../local/orphans.ts';
import { liveRunState, takeRunLock } from '../local/run-file.ts';
import { createRoot, isRootUser, type Root } from '../root.ts';
import { isNodeError, writeFailure, writeWhole } from '../yaml-file.ts';
import { temporalName } from './local-backup.ts';
import type { Manifest } from './manifest.ts';
import { readPart } from './read.ts';
import { base, secretsName, wal } from './server-backup.ts';
import type { BackupStore } from './store.ts';

type Restore = {
  root: Root;
  configuration: Configuration;
  store: BackupStore;
  manifest: Manifest;
  master: Buffer;
  replace: boolean;
  signal: AbortSignal;
  tell(line: string): void;
};

const margin = 100 * 1024 * 1024;

/** Throws unless the root folder may be restored into. */
export function checkTarget(root: Root, replace: boolean): void {
  const state = liveRunState(root);
  if (state && state.supervisor.pid !== process.pid)
    throw new CommandError('conflict', `waybill runs in ${root.path} (pid ${state.supervisor.pid})`, {
      fix: `stop it first: waybill ${root.flag}local stop`,
    });
  if (!replace && (existsSync(root.postgresData) || existsSync(root.temporalDb)))
    throw new CommandError('conflict', `${join(root.path, 'data')} holds data`, {
      fix: 'restore into another root folder with -r FOLDER, or say --replace: what is there is then moved aside, not deleted',
    });
}

function checkRoom(root: Root, manifest: Manifest): void {
  const needed = manifest.parts.reduce((sum, part) => sum + part.plainBytes, margin);
  const { bavail, bsize } = statfsSync(root.path);
  const free = bavail * bsize;
  const megabytes = (bytes: number) => Math.ceil(bytes / 1_048_576);
  if (free < needed)
    throw new CommandError(
      'unavailable',
      `the backup needs ${megabytes(needed)} MB and the disk that holds ${root.path} has ${megabytes(free)} MB free`,
      { fix: 'free some space, or restore into a root folder on another disk with -r FOLDER' },
    );
}

/**
 * Puts a backup in place of a root folder's data. Everything is fetched, checked and unpacked beside the data first; only then are
 * folders renamed, so that a restore that fails leaves what was there. Returns where older data was moved to.
 */
export async function restoreLocal(options: Restore): Promise<string | undefined> {
  const { root, manifest, replace, tell } = options;
  createRoot(root);
  const taken = takeRunLock(root, options.configuration.apiUrl);
  if (!('lock' in taken)) throw new CommandError('conflict', `waybill is being started in ${root.path}`, { fix: 'stop it, then restore' });
  const draft = join(root.path, 'data.restoring');
  try {
    // Servers that a killed run left behind have the files open that are about to be moved.
    await stopOrphans(root, taken.lock, options.configuration.cli.LOCAL_STOP_TIMEOUT, tell);
    checkTarget(root, replace);
    checkRoom(root, manifest);
    rmSync(draft, { recursive: true, force: true });
    const secrets = await unpack(options, draft).catch((error: unknown) => {
      throw isNodeError(error) && (error.code === 'ENOSPC' || error.code === 'EDQUOT') ? writeFailure(draft, error) : error;
    });
    tell('all files are whole; putting them in place');
    return putInPlace(options, draft, secrets);
  } finally {
    rmSync(draft, { recursive: true, force: true });
    taken.lock.release();
  }
}

async function unpack(options: Restore, draft: string): Promise<Record<string, string>> {
  const { store, manifest, master, signal, tell, root } = options;
  const get = (name: string, target: Writable) => readPart({ store, manifest, name, master, signal, target });
  const postgres = join(draft, 'postgres');
  mkdirSync(draft, { mode: isRootUser() ? 0o755 : 0o700 });
  mkdirSync(postgres, { mode: 0o700 });
  const text = new PassThrough();
  const collected = buffer(text);
  await get(secretsName, text);
  const secrets: Record<string, string> = JSON.parse((await collected).toString());
  tell('unpacking PostgreSQL');
  await get(base, extractTar(postgres));
  mkdirSync(join(postgres, 'pg_wal'), { recursive: true, mode: 0o700 });
  await get(wal, extractTar(join(postgres, 'pg_wal')));
  tell('unpacking Temporal');
  const temporal = join(draft, 'temporal');
  mkdirSync(temporal, { mode: 0o700 });
  await get(temporalName, createWriteStream(join(temporal, 'temporal.db'), { mode: 0o600, flush: true }));
  const account = serverAccount(root.postgresData);
  if (account) {
    const { status, stderr } = spawnSync('chown', ['-R', `${account.uid}:${account.gid}`, postgres], { encoding: 'utf8' });
    if (status !== 0) throw new CommandError('unavailable', `the restored files cannot be given to PostgreSQL's user: ${stderr.trim()}`);
  }
  return secrets;
}

function putInPlace({ root, manifest, configuration }: Restore, draft: string, secrets: Record<string, string>): string | undefined {
  const data = dirname(root.postgresData);
  const aside = join(root.path, `before-${manifest.version}-${Date.now()}`);
  let moved = false;
  if (existsSync(root.postgresData) || existsSync(root.temporalDb)) {
    mkdirSync(aside, { mode: 0o700 });
    renameSync(data, join(aside, 'data'));
    if (existsSync(root.secrets)) renameSync(root.secrets, join(aside, 'secrets.yml'));
    moved = true;
  }
  rmSync(data, { recursive: true, force: true }); // empty folders at most
  writeWhole(root.secrets, withBackupKey(secrets['secrets.yml'] ?? '', configuration.cli.BACKUP_KEY?.reveal()), 0o600);
  if (!existsSync(root.config) && secrets['config.yml']) writeWhole(root.config, secrets['config.yml'], 0o600);
  renameSync(draft, data);
  return moved ? aside : undefined;
}

/** The key that opened the backup is the one of the next backup too, unless the backup has its own. */
const withBackupKey = (text: string, key: string | undefined): string =>
  key !== undefined && !/^BACKUP_KEY:/m.test(text) ? `${text.trimEnd()}\nBACKUP_KEY: ${JSON.stringify(key)}\n` : text;
