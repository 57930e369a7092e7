import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { isNodeError, writeFailure } from '../yaml-file.ts';
import { type BackupStore, isVersion } from './store.ts';

const absent = (error: unknown): undefined => {
  if (isNodeError(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
  throw error;
};

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  await folder.sync().catch(() => {}); // not every file system can
  await folder.close();
}

/** Backups in a folder of this machine, readable by its owner only. */
export function folderStore(folder: string): BackupStore {
  return {
    where: folder,
    versions: async () => (await readdir(folder).catch(absent))?.filter(isVersion).sort() ?? [],
    readText: async (version, name) => readFile(join(folder, version, name), 'utf8').catch(absent),
    async read(version, name) {
      const path = join(folder, version, name);
      await stat(path);
      return createReadStream(path);
    },
    async write(version, name, content, signal) {
      const path = join(folder, version, name);
      const draft = `${path}.part`;
      try {
        await mkdir(join(folder, version), { recursive: true, mode: 0o700 });
        await pipeline(content, createWriteStream(draft, { mode: 0o600, flush: true }), { signal });
        await rename(draft, path);
        await syncFolder(join(folder, version));
      } catch (error) {
        content.destroy();
        await rm(draft, { force: true });
        throw isNodeError(error) && ['ENOSPC', 'EDQUOT', 'EACCES', 'EROFS', 'ENOTDIR'].includes(error.code ?? '')
          ? writeFailure(path, error)
          : error;
      }
    },
    remove: (version) => rm(join(folder, version), { recursive: true, force: true }),
  };
}
