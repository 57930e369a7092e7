import { join, resolve } from 'node:path';
import type { Context } from '../context.ts';
import { CommandError } from '../failure.ts';
import { folderStore } from './folder-store.ts';
import { s3Store } from './s3-store.ts';
import type { BackupStore } from './store.ts';

/** Where `--to` or `--from` points: a folder or s3://BUCKET/PREFIX; without either the folder `backups` of the root. */
export function openStore(context: Context, where: string | undefined): BackupStore {
  if (where === undefined) return folderStore(join(context.root.path, 'backups'));
  if (where.startsWith('s3://')) return s3Store(where, context.io.env);
  if (/^[a-z]+:\/\//.test(where))
    throw new CommandError('invalid', `${where} is not where a backup can be kept`, { fix: 'name a folder, or s3://BUCKET/PREFIX' });
  return folderStore(resolve(context.io.cwd, where));
}
