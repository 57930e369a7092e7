import { setTimeout as delay } from 'node:timers/promises';
import type { UpgradeReport } from '@waybill/server/operations/check-upgrade';
import { CommandError } from '../failure.ts';
import { componentOf, type KubeObject } from '../k8s/objects.ts';
import { releasesOf } from '../k8s/releases.ts';
import { objectsOf, render } from '../k8s/render.ts';
import type { Session } from '../k8s/session.ts';

const limitMs = 600_000;

/** Replays orders inside the cluster with the image that the next install would bring. Needs an installation that is there. */
export async function checkInCluster(session: Session, sample: string): Promise<{ report: UpgradeReport; lines: string[]; code: number }> {
  const { tools, environment } = session;
  const [, , waybill] = releasesOf(environment);
  const worker = objectsOf(await render(session), waybill).find(
    (object) => object.kind === 'Deployment' && ['worker', 'orders-worker'].includes(componentOf(object) ?? ''),
  );
  if (!worker) throw new CommandError('not_found', `the chart waybill has no worker of orders in ${environment}`, { fix: 'turn it on' });
  const job = jobLike(worker, ['check-upgrade', '--json', '--sample', sample]);
  const target = ['--namespace', environment, `job/${job.metadata.name}`];
  await tools.change('kubectl', ['apply', '--server-side', '--field-manager=waybill', '-f', '-'], { input: JSON.stringify(job) });
  const failed = await untilEnded(session, job.metadata.name);
  const { stdout } = await tools.read('kubectl', ['logs', ...target, '--tail', '-1']);
  const report = parseReport(stdout);
  if (!report) {
    throw new CommandError('unavailable', `orders could not be replayed in ${environment}: ${stdout.trim().slice(-1_000)}`, {
      fix: `look at "kubectl logs ${target.join(' ')}", then repeat this`,
    });
  }
  const { linesOf } = await import('@waybill/server/operations/check-upgrade');
  return { report, lines: linesOf(report), code: failed ? 5 : 0 };
}

/** One run of the same image, settings, secrets and limits as a worker's; never again by itself. */
function jobLike({ metadata, spec }: KubeObject, args: readonly string[]): KubeObject {
  const pod = structuredClone(spec.template);
  const labels = { ...pod.metadata.labels, 'app.kubernetes.io/component': 'check-upgrade' };
  pod.metadata = { labels };
  pod.spec.restartPolicy = 'Never';
  delete pod.spec.topologySpreadConstraints;
  const [container] = pod.spec.containers;
  const { livenessProbe: _, readinessProbe: _r, startupProbe: _s, ports: _p, ...rest } = container;
  pod.spec.containers = [{ ...rest, args }];
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

/** True when it ended with a failure, which is how a check says that an order would stop. */
async function untilEnded({ tools, environment }: Session, name: string): Promise<boolean> {
  for (const deadline = Date.now() + limitMs; Date.now() < deadline; await delay(1_000)) {
    const { stdout } = await tools.read('kubectl', ['get', 'job', name, '--namespace', environment, '--output', 'json'], {
      repeated: true,
    });
    const { status } = JSON.parse(stdout) as { status?: { succeeded?: number; failed?: number } }; // what kubectl prints
    if (status?.succeeded) return false;
    if (status?.failed) return true;
  }
  throw new CommandError('unavailable', `the Job ${name} in ${environment} has not ended after ${limitMs / 60_000} minutes`, {
    fix: `kubectl describe job/${name} --namespace ${environment} says why`,
  });
}

/** The report comes last, after what the runtime may have said. */
function parseReport(log: string): UpgradeReport | undefined {
  try {
    return JSON.parse(log.slice(Math.max(0, log.search(/^\{$/m)))) as UpgradeReport; // printed by the same version's server
  } catch {
    return undefined;
  }
}
