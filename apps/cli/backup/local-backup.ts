import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Configuration } from '../configuration.ts';
import { CommandError } from '../failure.ts';
import { embeddedUrl } from '../local/installation.ts';
import { liveRunState } from '../local/run-file.ts';
import manifest from '../package.json' with { type: 'json' };
import type { Root } from '../root.ts';
import type { BackupSource } from './server-backup.ts';
import { removeCopy, snapshotTemporal } from './temporal-snapshot.ts';

export const temporalName = 'temporal.db.gz.enc';

const textOf = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');

/** The installation of a root folder, while it runs. */
export function localSource(root: Root, configuration: Configuration): BackupSource {
  for (const [key, what] of [
    ['DATABASE_URL', 'a PostgreSQL server'],
    ['TEMPORAL_ADDRESS', 'a Temporal'],
  ] as const)
    if (configuration.chosen(key))
      throw new CommandError(
        'unsupported',
        `this installation uses ${what} of your own (${key}), so one instant of everything cannot be had from here`,
        {
          fix: `back that up with its own means, and keep ${root.secrets} and ${root.config} with it (docs/backup.md, "Servers of your own")`,
        },
      );
  const state = liveRunState(root);
  if (state?.state !== 'running')
    throw new CommandError('unavailable', `nothing runs in ${root.path}, so there is nobody to ask for a backup`, {
      fix: `start it first: waybill ${root.flag}local start -d`,
    });
  const copy = join(root.cache, `temporal-${process.pid}.copy`);
  return {
    source: 'local',
    databaseUrl: embeddedUrl(configuration),
    prefix: configuration.text('DATABASE_PREFIX') ?? 'waybill',
    waybill: manifest.version,
    encryptionKeyIds: (configuration.text('ENCRYPTION_KEYS') ?? '').split(',').map((entry) => entry.trim().split(':')[0] ?? ''),
    secrets: { 'secrets.yml': textOf(root.secrets), 'config.yml': textOf(root.config) },
    temporal: 'SQLite file',
    async outside(askPosition) {
      const { pid } = state.children.temporal ?? {};
      if (pid === undefined) throw new CommandError('unavailable', 'Temporal does not run just now', { fix: 'try again in a moment' });
      const position = await snapshotTemporal({ dbFile: root.temporalDb, pid, copy }, askPosition);
      return {
        position,
        name: temporalName,
        content: createReadStream(copy),
        done: () => removeCopy(copy),
      };
    },
  };
}
