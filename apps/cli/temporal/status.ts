import { type Context, print } from '../context.ts';
import type { Finding } from '../k8s/explain.ts';
import type { KubeObject } from '../k8s/objects.ts';
import { findingsOf } from '../k8s/observe.ts';
import { releasesOf } from '../k8s/releases.ts';
import { openSession, type Session } from '../k8s/session.ts';
import { namespaceOf, withTemporal } from './access.ts';
import { buildLines, reportOf } from './builds.ts';

/** `blocked` needs somebody to act, `waiting` goes on by itself. */
export type TemporalState = 'blocked' | 'waiting' | 'active';

export type TemporalReport = {
  state: TemporalState;
  reason?: string;
  fix?: string;
  address: string;
  namespace: string;
  schema?: string;
  retention?: string;
  route?: string;
};

/** Exit code 6 unless Temporal is active. */
export async function status(context: Context, options: { env?: string }): Promise<number> {
  const session = openSession(context, options);
  const report = await reportOn(session);
  const builds = report.state === 'active' ? await reportOf(session) : undefined;
  print(context, { ...report, ...builds }, [
    `Temporal is ${report.state}${report.reason ? `: ${report.reason}` : ''}`,
    ...(report.fix ? [`  how to fix: ${report.fix}`] : []),
    `  address    ${report.address} inside the cluster`,
    `  route      ${report.route ?? 'none from outside (temporal.route in env-custom/values/platform.yaml)'}`,
    `  schema     ${report.schema ?? 'unknown'}`,
    `  namespace  ${report.namespace}${report.retention ? `, closed workflows are kept for ${report.retention}` : ''}`,
    ...(builds ? ['', ...(await buildLines(builds))] : []),
  ]);
  return report.state === 'active' ? 0 : 6;
}

async function reportOn(session: Session): Promise<TemporalReport> {
  const [platform] = releasesOf(session.environment);
  const namespace = namespaceOf(session);
  const base = { address: 'temporal-frontend.infra:7233', namespace, ...(await routeOf(session)) };
  const findings = (await findingsOf(session, platform)).filter(({ component }) => /^(temporal|postgresql)/.test(component));
  const schema = await schemaOf(session);
  const known = { ...base, ...(schema !== undefined && { schema }) };
  const judged = judge(findings);
  if (judged.state !== 'active') return { ...judged, ...known };
  try {
    return { state: 'active', ...known, retention: await retentionOf(session, namespace) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      state: /not.?found/i.test(reason) ? 'blocked' : 'waiting',
      reason: `the namespace ${namespace} does not answer: ${reason}`,
      fix: 'declare it with "waybill temporal namespace apply"',
      ...known,
    };
  }
}

/** What the pods and Jobs of Temporal and its database say, the cause before its consequences. */
export function judge(findings: readonly Finding[]): Pick<TemporalReport, 'state' | 'reason' | 'fix'> {
  const of = (component: string) => findings.find((finding) => finding.component === component);
  const because = (finding: Finding, what: string) => ({
    reason: `${what}${finding.reason ? `: ${finding.reason}` : ''}`,
    ...(finding.fix && { fix: finding.fix }),
  });
  const server = of('temporal');
  if (!server) return { state: 'blocked', reason: 'it is not installed', fix: 'waybill temporal install' };
  const database = of('postgresql');
  if (database?.state === 'stopped') return { state: 'blocked', reason: 'its database is stopped', fix: 'waybill k8s start -l infra' };
  if (database && database.state !== 'ready') return { state: 'blocked', ...because(database, 'its database cannot be reached') };
  const schema = of('temporal-schema');
  if (schema?.state === 'failed') {
    return {
      state: 'blocked',
      ...because(schema, 'the schema is missing or behind'),
      fix: 'mend what the log names, then "waybill temporal schema upgrade"',
    };
  }
  if (server.state === 'stopped') return { state: 'blocked', reason: 'it is stopped', fix: 'waybill k8s start -l infra' };
  if (schema && schema.state === 'waiting') return { state: 'waiting', ...because(schema, 'the schema is being made') };
  if (server.state === 'failed') return { state: 'blocked', ...because(server, 'the server cannot run') };
  if (server.state === 'waiting') {
    const behind = /has no schema yet|has schema/.test(server.reason ?? '');
    return {
      state: behind ? 'blocked' : 'waiting',
      ...because(server, behind ? 'the schema is missing or behind' : 'the server is not ready'),
    };
  }
  const namespaces = of('temporal-namespaces');
  if (namespaces?.state === 'failed') return { state: 'blocked', ...because(namespaces, 'the namespaces could not be declared') };
  return { state: 'active' };
}

/** From the bundled PostgreSQL; of one elsewhere only the schema Job knows. */
async function schemaOf({ tools }: Session): Promise<string | undefined> {
  // The server trusts nobody, not even its own pod; the password stays in there.
  const login = 'PGPASSWORD=$(head -n 1 /run/secrets/platform/POSTGRES_PASSWORD) exec psql -h 127.0.0.1 -U postgres -XAtq "$@"';
  const pod = ['exec', '--namespace', 'infra', 'statefulset/postgresql', '--container', 'postgresql', '--', 'sh', '-c', login, 'psql'];
  const found: string[] = [];
  for (const database of ['temporal', 'temporal_visibility']) {
    const query = 'select curr_version from schema_version where version_partition = 0';
    const args = [...pod, '-d', database, '-c', query];
    const ran = await tools.read('kubectl', args, { accept: [1, 2], timeoutMs: 20_000 }).catch(() => undefined);
    if (ran?.code === 0) found.push(`${database} ${ran.stdout.trim()}`);
  }
  return found.length > 0 ? found.join(', ') : undefined;
}

async function retentionOf(session: Session, namespace: string): Promise<string> {
  return withTemporal(session, async ({ connection }) => {
    const { config } = await connection.workflowService.describeNamespace({ namespace });
    const hours = Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) / 3_600;
    return hours >= 48 ? `${hours / 24} days` : `${hours} hours`;
  });
}

/** The host by which clients outside reach the frontend, if there is a route. */
async function routeOf({ tools }: Session): Promise<{ route?: string }> {
  for (const kind of ['grpcroutes.gateway.networking.k8s.io', 'ingresses']) {
    const args = ['get', kind, '--namespace', 'infra', '--selector', 'app.kubernetes.io/component=temporal', '--output', 'json'];
    const ran = await tools.read('kubectl', args, { accept: [1] });
    if (ran.code !== 0) continue; // a cluster without the Gateway API
    const { items } = JSON.parse(ran.stdout) as { items: KubeObject[] }; // what kubectl prints
    const host = items.flatMap(
      ({ spec }): string[] => spec?.hostnames ?? (spec?.rules ?? []).map((rule: { host: string }) => rule.host),
    )[0];
    if (host) return { route: host };
  }
  return {};
}
