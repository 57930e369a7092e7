import { setTimeout as delay } from 'node:timers/promises';
import type { UpgradeReport } from '@waybill/server/operations/check-upgrade';
import { proseOf } from '../context.ts';
import { CommandError } from '../failure.ts';
import { applyObject } from '../k8s/apply.ts';
import type { BuildWorkers } from '../k8s/builds.ts';
import { componentOf, type KubeObject, nameOf } from '../k8s/objects.ts';
import { findingsOf, lastWords } from '../k8s/observe.ts';
import { releasesOf } from '../k8s/releases.ts';
import { objectsOf, type Rendered, render } from '../k8s/render.ts';
import type { Session } from '../k8s/session.ts';

const limitMs = 600_000;
/** How long a pod may be without a node or an image: another pod may be going, or a registry slow. */
const patienceMs = 90_000;

type Checked = { report: UpgradeReport; lines: string[]; code: number };

/** Replays orders inside the cluster with the image that the next install would bring. Needs an installation that is there. */
export async function checkInCluster(session: Session, sample: string, rendered?: Rendered): Promise<Checked> {
  const { tools, environment } = session;
  const [, , waybill] = releasesOf(environment);
  const worker = objectsOf(rendered ?? (await render(session)), waybill).find(
    (object) => object.kind === 'Deployment' && ['worker', 'orders-worker'].includes(componentOf(object) ?? ''),
  );
  if (!worker) throw new CommandError('not_found', `the chart waybill has no worker of orders in ${environment}`, { fix: 'turn it on' });
  const job = jobLike(worker, ['check-upgrade', '--json', '--sample', sample]);
  const target = ['--namespace', environment, `job/${job.metadata.name}`];
  await applyObject(tools, job);
  let failed: boolean;
  let stdout: string;
  try {
    failed = await untilEnded(session, job);
    ({ stdout } = await tools.read('kubectl', ['logs', ...target, '--tail', '-1']));
  } finally {
    // One that has failed would count as something of the release that is not well.
    await tools.change('kubectl', ['delete', ...target, '--ignore-not-found']).catch(() => {});
  }
  const report = parseReport(stdout);
  if (!report) {
    throw new CommandError('unavailable', `orders could not be replayed in ${environment}: its Job said last\n${lastWords(stdout)}`, {
      fix: 'correct what it names, and repeat this; without a word it was killed for want of memory',
    });
  }
  const { linesOf } = await import('@waybill/server/operations/check-upgrade');
  return { report, lines: linesOf(report), code: failed ? 5 : 0 };
}

/**
 * Refuses the build that was rendered when an order could not go on with it. Where orders move on, those still pinned to their
 * build do so as well with their next step.
 */
export async function requireReplay(session: Session, rendered: Rendered, before: BuildWorkers): Promise<void> {
  const { environment } = session;
  const say = proseOf(session.context);
  say('asking whether running orders can go on with the new build; nothing of it is installed yet');
  const stay = `"waybill k8s quickstart -e ${environment} --image ${before.object.spec.template.spec.containers[0].image}" stays with what runs`;
  const { report, lines } = await checkInCluster(session, '200', rendered).catch((cause: unknown) => {
    if (!(cause instanceof CommandError)) throw cause;
    throw new CommandError(cause.code, cause.message, {
      fix: `${cause.fix ?? 'repeat this'}; ${stay}; --force-upgrade goes on without an answer`,
      cause,
    });
  });
  for (const line of lines) say(`  ${line}`);
  const refused = refusal(report, environment, stay);
  if (refused) throw refused;
}

/** What an upgrade ends with when an order would stop. */
export function refusal({ broken }: UpgradeReport, environment: string, stay: string): CommandError | undefined {
  if (broken.length === 0) return undefined;
  const count = broken.length === 1 ? 'an order' : `${broken.length} orders`;
  return new CommandError(
    'conflict',
    `${count} of ${environment} would stop under this build, and it was not installed: ${namesOf(broken)}`,
    {
      fix: `keep the old way behind patched() (docs/upgrade.md), or wait until they have ended; ${stay}; --force-upgrade installs it nevertheless`,
    },
  );
}

const namesOf = (broken: UpgradeReport['broken']): string => {
  const names = broken.slice(0, 5).map(({ orderId }) => orderId);
  return `${names.join(', ')}${broken.length > names.length ? ' and others' : ''}`;
};

/**
 * One run of the same image, settings, secrets and limits as a worker's; never again by itself. It asks for little, since the
 * nodes may be full of what it stands beside.
 */
function jobLike({ metadata, spec }: KubeObject, args: readonly string[]): KubeObject {
  const pod = structuredClone(spec.template);
  const labels = { ...pod.metadata.labels, 'app.kubernetes.io/component': 'check-upgrade' };
  pod.metadata = { labels };
  pod.spec.restartPolicy = 'Never';
  delete pod.spec.topologySpreadConstraints;
  const [container] = pod.spec.containers;
  const { livenessProbe: _, readinessProbe: _r, startupProbe: _s, ports: _p, ...rest } = container;
  const resources = { ...rest.resources, requests: { cpu: '10m', memory: '32Mi' } };
  pod.spec.containers = [{ ...rest, args, resources }];
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: `check-upgrade-${Date.now().toString(36)}`,
      ...(metadata.namespace !== undefined && { namespace: metadata.namespace }),
      labels,
    },
    spec: { backoffLimit: 0, ttlSecondsAfterFinished: 3_600, template: pod },
  };
}

/** True when it ended with a failure, which is how a check says that an order would stop. Throws when it cannot begin. */
async function untilEnded(session: Session, job: KubeObject): Promise<boolean> {
  const { environment } = session;
  const [, , waybill] = releasesOf(environment);
  let stuckSince: number | undefined;
  for (const deadline = Date.now() + limitMs; ; await delay(1_000)) {
    const findings = await findingsOf(session, waybill, 'app.kubernetes.io/component=check-upgrade');
    const finding = findings.find(({ object }) => object === nameOf(job));
    if (finding?.state === 'ready') return false;
    if (finding?.state === 'failed') return true;
    stuckSince = finding?.fix === undefined ? undefined : (stuckSince ?? Date.now());
    const stuck = stuckSince !== undefined && Date.now() > stuckSince + patienceMs;
    if (!stuck && Date.now() < deadline) continue;
    throw new CommandError('unavailable', `orders could not be replayed in ${environment}: ${finding?.reason ?? 'the Job has not ended'}`, {
      fix: finding?.fix ?? 'name a smaller --sample',
    });
  }
}

/** The report comes last, after what the runtime may have said. */
function parseReport(log: string): UpgradeReport | undefined {
  try {
    return JSON.parse(log.slice(Math.max(0, log.search(/^\{$/m)))) as UpgradeReport; // printed by the same version's server
  } catch {
    return undefined;
  }
}
