import { checkCluster } from '../cluster/check.ts';
import { type Context, proseOf } from '../context.ts';
import { requireTool } from '../external/tools.ts';
import { CommandError } from '../failure.ts';
import { secretCommand } from './cluster-secrets.ts';
import { installAll, prepareSecrets } from './install.ts';
import { runJob } from './job.ts';
import type { KubeObject } from './objects.ts';
import { parseEnvironment, selectReleases } from './releases.ts';
import { openSession, remember, type Session } from './session.ts';
import { hostOf } from './values.ts';
import { verifyIn } from './verify.ts';

export type QuickstartOptions = {
  env?: string;
  part?: string;
  topology?: string;
  image?: string;
  seed: boolean;
  verify: boolean;
  check: boolean;
  takeOver?: boolean;
  forceUpgrade?: boolean;
  sku?: string;
};

/** From an empty cluster to an order that went through it; on an installation that is there, an upgrade. */
export async function quickstart(context: Context, options: QuickstartOptions): Promise<number> {
  let session = choose(context, options);
  const { environment, tools, configuration } = session;
  const say = proseOf(context);
  await requireTool(tools, 'kubectl');
  await requireTool(tools, 'helm');
  const releases = selectReleases(session, options.part);
  if (options.check && !context.dryRun) {
    const report = await checkCluster(session);
    for (const line of report.lines) say(line);
    if (!report.ok) throw new CommandError('unavailable', 'the cluster cannot take this installation', { fix: report.fix });
  }
  await prepareSecrets(session);
  session = await installAll(session, releases, { ...options, tidy: true });
  if (!releases.some(({ name }) => name === 'waybill')) return 0;
  if (!context.dryRun && !(await wasBegun(session))) {
    if (options.seed) await runJob(session, 'seed');
    await tools.change('kubectl', ['annotate', 'namespace', environment, '--overwrite', `${begunAt}=${new Date().toISOString()}`]);
  }
  const code = options.verify ? await verifyIn(session, { ...(options.sku && { sku: options.sku }) }) : 0;
  if (!context.json) for (const line of summary(session, hostOf(configuration, environment))) say(line);
  return code;
}

/** Set on the namespace once an installation has its first goods, whoever they are from: later ones are the shop's own business. */
export const begunAt = 'waybill.dev/begun-at';

async function wasBegun({ tools, environment }: Session): Promise<boolean> {
  const { stdout } = await tools.read('kubectl', ['get', 'namespace', environment, '--output', 'json']);
  return (JSON.parse(stdout) as KubeObject).metadata.annotations?.[begunAt] !== undefined; // what kubectl prints
}

/** What the command line chose is kept, so that every later command means the same installation. */
function choose(context: Context, options: QuickstartOptions): Session {
  const session = openSession(context, options);
  const environment = parseEnvironment(options.env ?? 'prod');
  const known = session.configuration.cli.K8S_ENVIRONMENTS;
  const topology = options.topology;
  if (topology !== undefined && topology !== 'compact' && topology !== 'services') {
    throw new CommandError('invalid', `there is no topology "${topology}"`, { fix: 'choose compact or services' });
  }
  return remember(session, {
    ...(topology !== undefined && { [`K8S_${environment.toUpperCase()}_TOPOLOGY`]: topology }),
    ...(options.image !== undefined && { K8S_IMAGE: options.image }),
    ...(!known.includes(environment) && { K8S_ENVIRONMENTS: [...known, environment].join(',') }),
  });
}

function summary(session: Session, host: string | undefined): string[] {
  const { context, environment, configuration } = session;
  const { flag } = context.root;
  const env = environment === 'prod' ? '' : ` -e ${environment}`;
  return [
    '',
    `  API          ${host ? `https://${host}` : `waybill ${flag}k8s port-forward web${env}, then http://localhost:3000`}`,
    `  Temporal UI  waybill ${flag}k8s port-forward temporal-ui`,
    ...(configuration.cli.K8S_MONITORING ? [`  Grafana      waybill ${flag}k8s port-forward grafana`] : []),
    `  the key      ${secretCommand(session, 'ADMIN_API_KEY')}`,
    '',
  ];
}
