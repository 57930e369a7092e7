import type { Configuration } from '../configuration.ts';
import { CommandError } from '../failure.ts';
import type { Root } from '../root.ts';
import { readSecrets } from '../secrets.ts';
import { applyObject, listOf } from './apply.ts';
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

/**
 * A secret of the installation: from the root folder, or from the cluster where somebody else puts it there. While it is being
 * exchanged it holds both values, a line each.
 */
export async function secretValue(session: Session, key: string): Promise<string | undefined> {
  const { context, environment, configuration, tools } = session;
  const common = shared.find(({ keys }) => (keys as readonly string[]).includes(key));
  if (configuration.cli.K8S_SECRETS === 'generate') return readSecrets(context.root, common ? 'prod' : environment)[key];
  const { name, namespace } = common ?? { name: 'waybill-secrets', namespace: environment };
  const args = ['get', 'secret', name, '--namespace', namespace, '--ignore-not-found', '--output', `jsonpath={.data.${key}}`];
  const { stdout } = await tools.read('kubectl', args, { repeated: true });
  return stdout === '' ? undefined : Buffer.from(stdout, 'base64').toString('utf8').trim();
}

/** The command that prints a secret of the installation. */
export function secretCommand({ context, environment, configuration }: Session, key: string): string {
  const common = shared.find(({ keys }) => (keys as readonly string[]).includes(key));
  if (configuration.cli.K8S_SECRETS === 'generate')
    return `waybill ${context.root.flag}config printvalue ${key}${common || environment === 'prod' ? '' : ` -e ${environment}`}`;
  const { name, namespace } = common ?? { name: 'waybill-secrets', namespace: environment };
  return `kubectl get secret ${name} -n ${namespace} -o jsonpath='{.data.${key}}' | base64 -d`;
}

/** Puts the Secrets of these namespaces into the cluster, unless somebody else does. Their values travel on standard input only. */
export async function applySecrets(session: Session, namespaces: readonly string[]): Promise<void> {
  const { context, environment, configuration, tools } = session;
  if (configuration.cli.K8S_SECRETS === 'external') return;
  const all = environmentSecrets(context.root, environment, configuration);
  if (all.length === 0 && !context.dryRun) {
    throw new CommandError('not_found', `the secrets of ${environment} have not been made`, {
      fix: `run "waybill ${context.root.flag}secrets generate -e ${environment}"`,
    });
  }
  const wanted = all.filter(({ metadata }) => namespaces.includes(metadata.namespace ?? ''));
  if (wanted.length === 0 && !context.dryRun) return;
  await applyObject(tools, listOf(wanted), { force: true });
}
