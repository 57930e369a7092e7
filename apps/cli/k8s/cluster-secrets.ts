import type { Configuration } from '../configuration.ts';
import { CommandError } from '../failure.ts';
import type { Root } from '../root.ts';
import { readSecrets } from '../secrets.ts';
import type { KubeObject } from './objects.ts';
import type { Environment } from './releases.ts';
import type { Session } from './session.ts';

/** Secrets that every environment shares, by the Secret that holds them. */
const shared = [
  { name: 'platform-secrets', namespace: 'infra', keys: ['POSTGRES_PASSWORD', 'TEMPORAL_DATABASE_PASSWORD', 'VALKEY_PASSWORD'] },
  { name: 'monitoring-secrets', namespace: 'monitoring', keys: ['GRAFANA_ADMIN_PASSWORD'] },
] as const;

const ofAnEnvironment =
  /^(SERVICE_TOKEN_KEYS|ENCRYPTION_KEYS|ADMIN_API_KEY|[A-Z]+_DATABASE_(PASSWORD|URL)|TEMPORAL_(API_KEY|TLS_(CA|CERT|KEY))|KAFKA_(PASSWORD|TLS_CA))$/;

/** The Secrets of an environment and of what it shares, from the files of the root folder. None before `secrets generate`. */
export function environmentSecrets(root: Root, environment: Environment, configuration: Configuration): KubeObject[] {
  const common = readSecrets(root, 'prod');
  const own = readSecrets(root, environment);
  if (common['POSTGRES_PASSWORD'] === undefined || own['ADMIN_API_KEY'] === undefined) return [];
  const waybill = Object.entries(own).filter(
    ([key]) => ofAnEnvironment.test(key) && !shared.some(({ keys }) => (keys as readonly string[]).includes(key)),
  );
  const administrator =
    configuration.cli.K8S_DATABASE_URL?.reveal() ??
    `postgres://postgres:${encodeURIComponent(common['POSTGRES_PASSWORD'])}@postgresql.infra.svc:5432/postgres`;
  return [
    ...shared.map(({ name, namespace, keys }) =>
      secretObject(
        name,
        namespace,
        keys.map((key): [string, string] => [key, common[key] ?? '']),
      ),
    ),
    secretObject('waybill-secrets', environment, [...waybill, ['DATABASE_URL', administrator]]),
  ];
}

const secretObject = (name: string, namespace: string, entries: readonly (readonly [string, string])[]): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace, labels: { 'app.kubernetes.io/part-of': 'waybill', 'waybill.dev/made-by': 'secrets' } },
  type: 'Opaque',
  stringData: Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1))),
});

/** Puts the Secrets of these namespaces into the cluster. Their values travel on standard input only. */
export async function applySecrets(session: Session, namespaces: readonly string[]): Promise<void> {
  const { context, environment, configuration, tools } = session;
  const all = environmentSecrets(context.root, environment, configuration);
  if (all.length === 0 && !context.dryRun) {
    throw new CommandError('not_found', `the secrets of ${environment} have not been made`, {
      fix: `run "waybill ${context.root.flag}secrets generate -e ${environment}"`,
    });
  }
  const wanted = all.filter(({ metadata }) => namespaces.includes(metadata.namespace ?? ''));
  if (wanted.length === 0 && !context.dryRun) return;
  // Applied by the server: the client would repeat every value in an annotation.
  await tools.change('kubectl', ['apply', '--server-side', '--force-conflicts', '--field-manager=waybill', '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: wanted }),
  });
}
