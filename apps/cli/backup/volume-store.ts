import { text } from 'node:stream/consumers';
import { CommandError } from '../failure.ts';
import type { Session } from '../k8s/session.ts';
import { type BackupStore, isVersion } from './store.ts';
import { openVolume } from './volume.ts';

const mountPath = '/backups';
/** Nobody's data but ours: any user will do, as long as it is the same one the next time. */
const userId = 65_532;

/** Backups on a volume of the cluster, by its claim in the namespace `infra`. `close` takes the pod away that works on it. */
export async function volumeStore(session: Session, claim: string): Promise<BackupStore & { close(): Promise<void> }> {
  if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(claim))
    throw new CommandError('invalid', `"${claim}" is not the name of a PersistentVolumeClaim`, { fix: 'write pvc:NAME' });
  const volume = await openVolume(session, { namespace: 'infra', claim, userId, mountPath });
  const pathOf = (version: string, name: string): string => `${mountPath}/${version}/${name}`;
  return {
    where: `pvc:${claim}`,
    versions: async () => (await volume.list(mountPath)).filter(isVersion).sort(),
    async readText(version, name) {
      const names = await volume.list(`${mountPath}/${version}`);
      return names.includes(name) ? text(volume.get(pathOf(version, name))) : undefined;
    },
    read: async (version, name) => volume.get(pathOf(version, name)),
    write: (version, name, content, signal) => volume.put(pathOf(version, name), content, signal),
    remove: (version) => volume.remove(`${mountPath}/${version}`),
    close: volume.close,
  };
}
