import { CommandError } from '../failure.ts';
import { secretValue } from '../k8s/cluster-secrets.ts';
import { openForward } from '../k8s/forward.ts';
import type { KubeObject } from '../k8s/objects.ts';
import { releasesOf } from '../k8s/releases.ts';
import { readIfThere, type Session } from '../k8s/session.ts';
import { workloadsOf } from '../k8s/workloads.ts';
import manifest from '../package.json' with { type: 'json' };
import { secretsPath } from '../secrets.ts';
import type { BackupSource } from './server-backup.ts';

/** The bundled PostgreSQL of the cluster: where its data is, and as whom it runs. */
export type ClusterPostgres = { object: KubeObject; claim: string; mountPath: string; dataDir: string; userId: number };

/** Throws unless the cluster runs its own PostgreSQL. */
export async function findPostgres(session: Session): Promise<ClusterPostgres> {
  const [platform] = releasesOf(session.environment);
  const object = (await workloadsOf(session, platform)).find(
    ({ kind, metadata }) => kind === 'StatefulSet' && metadata.name === 'postgresql',
  );
  if (!object)
    throw new CommandError('unsupported', 'the cluster does not run the bundled PostgreSQL in the namespace infra', {
      fix: 'install it first ("waybill k8s quickstart"); a server of your own is backed up by its own means (docs/backup.md, "Servers of your own")',
    });
  const pod = object.spec.template.spec;
  const [container] = pod.containers;
  const mount = container.volumeMounts.find(({ name }: { name: string }) => name === 'data');
  const dataDir = container.env.find(({ name }: { name: string }) => name === 'PGDATA')?.value;
  if (!mount || !dataDir) throw new Error('the StatefulSet postgresql does not say where its data is');
  return {
    object,
    claim: `data-${object.metadata.name}-0`,
    mountPath: mount.mountPath,
    dataDir,
    userId: pod.securityContext?.runAsUser ?? 999,
  };
}

/** The whole PostgreSQL server of a cluster: every environment's databases and Temporal's, of one instant by nature. */
export async function clusterSource(session: Session): Promise<BackupSource & { close(): void }> {
  const { context, configuration, environment } = session;
  const { root } = context;
  await findPostgres(session);
  const password = await secretValue(session, 'POSTGRES_PASSWORD');
  if (password === undefined)
    throw new CommandError('not_found', `there is no POSTGRES_PASSWORD of this cluster in ${root.path}`, {
      fix: 'use the root folder it was installed from, or run "waybill k8s start", which takes its secrets over',
    });
  const forward = await openForward(session, { namespace: 'infra', target: 'statefulset/postgresql', port: 5432 });
  const files = { 'secrets.yml': root.secrets, 'secrets-staging.yml': secretsPath(root, 'staging'), 'config.yml': root.config };
  return {
    source: 'kubernetes',
    databaseUrl: `postgres://postgres:${encodeURIComponent(password)}@127.0.0.1:${forward.port}/postgres`,
    prefix: databasePrefix(configuration.text('DATABASE_PREFIX'), environment),
    waybill: manifest.version,
    encryptionKeyIds: ((await secretValue(session, 'ENCRYPTION_KEYS')) ?? '').split(',').map((entry) => entry.trim().split(':')[0] ?? ''),
    secrets: Object.fromEntries(Object.entries(files).flatMap(([name, path]) => [[name, readIfThere(path) ?? '']])),
    temporal: 'in PostgreSQL',
    close: forward.close,
  };
}

/** Environments share the server, so each has databases of its own. */
export const databasePrefix = (chosen: string | undefined, environment: string): string =>
  environment === 'staging' ? 'waybill_staging' : (chosen ?? 'waybill');
