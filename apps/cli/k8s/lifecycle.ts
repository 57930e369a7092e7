import { type Context, print, proseOf } from '../context.ts';
import { CommandError } from '../failure.ts';
import { historyOf } from './helm.ts';
import { installAll, prepareSecrets } from './install.ts';
import { type KubeObject, nameOf } from './objects.ts';
import { environments, type Release, releasesOf, selectReleases } from './releases.ts';
import { openSession, remember, type Session } from './session.ts';
import type { SelectOptions } from './status.ts';
import { parseReplicas } from './values.ts';
import { waitForRelease } from './wait.ts';
import { workloadsOf } from './workloads.ts';

/** How many replicas a workload had before it was stopped. */
const rememberedAt = 'waybill.dev/replicas';

/** Brings an installation back: starts what was stopped, and makes again what was deleted. */
export async function start(context: Context, options: SelectOptions & { takeOver?: boolean; forceUpgrade?: boolean }): Promise<undefined> {
  const session = openSession(context, options);
  const releases = selectReleases(session, options.part);
  if (!context.dryRun) await requireInstalled(session, releases);
  await prepareSecrets(session);
  for (const release of releases) {
    for (const workload of await workloadsOf(session, release)) {
      const replicas = workload.metadata.annotations?.[rememberedAt];
      if (replicas === undefined) continue;
      await scaleTo(session, workload, Number(replicas));
      await annotate(session, workload, `${rememberedAt}-`);
    }
  }
  await installAll(session, releases, options);
  print(context, { started: releases.map(({ name }) => name) }, ['everything is ready']);
}

/** Scales everything to zero. Volumes, Services and with them the external address stay. */
export async function stop(context: Context, options: SelectOptions): Promise<undefined> {
  const session = openSession(context, options);
  const selected = selectReleases(session, options.part);
  const releases = options.part === undefined ? await withoutShared(session, selected) : selected;
  const stopped: string[] = [];
  for (const release of releases.toReversed()) {
    for (const workload of await workloadsOf(session, release, options.selector)) {
      const replicas: number = workload.spec?.replicas ?? 1;
      if (replicas === 0) continue;
      await annotate(session, workload, `${rememberedAt}=${replicas}`);
      await scaleTo(session, workload, 0);
      stopped.push(nameOf(workload));
    }
  }
  const env = session.environment === 'prod' ? '' : ` -e ${session.environment}`;
  print(context, { stopped }, [
    stopped.length === 0
      ? 'nothing was running'
      : `${stopped.length} workloads ${context.dryRun ? 'would be' : 'are'} stopped; data and addresses stay, and "waybill k8s start${env}" goes on`,
  ]);
}

/** Infra and monitoring stay while another environment uses them. */
async function withoutShared(session: Session, releases: readonly Release[]): Promise<Release[]> {
  for (const other of environments.filter((name) => name !== session.environment)) {
    const [, , waybill] = releasesOf(other);
    const running = (await workloadsOf(session, waybill)).some(({ spec }) => (spec?.replicas ?? 1) > 0);
    if (!running) continue;
    proseOf(session.context)(`infra and monitoring stay, because ${other} uses them; stop them with -l infra and -l monitoring`);
    return releases.filter(({ part }) => part === 'apps');
  }
  return [...releases];
}

/** Exchanges the pods one by one. */
export async function restart(context: Context, options: SelectOptions): Promise<undefined> {
  const session = openSession(context, options);
  const releases = selectReleases(session, options.part ?? 'apps');
  for (const release of releases) {
    await restartRelease(session, release, options.selector);
    if (!context.dryRun) await waitForRelease(session, release, { ...(options.selector !== undefined && { selector: options.selector }) });
  }
  print(context, { restarted: releases.map(({ name }) => name) }, ['restarted']);
}

async function restartRelease(session: Session, release: Release, selector?: string): Promise<void> {
  const workloads = (await workloadsOf(session, release, selector)).filter(({ spec }) => (spec?.replicas ?? 1) > 0);
  if (workloads.length === 0) return;
  const names = workloads.map(({ kind, metadata }) => `${kind.toLowerCase()}/${metadata.name}`);
  await session.tools.change('kubectl', ['rollout', 'restart', '--namespace', release.namespace, ...names]);
}

/** Sets replica counts, and keeps them in config.yml so that the next upgrade does not undo them. */
export async function scale(context: Context, wishes: readonly string[], options: { env?: string }): Promise<undefined> {
  const session = openSession(context, options);
  const { environment, configuration } = session;
  const [, , waybill] = releasesOf(environment);
  const wanted = parseReplicas(wishes.map((wish) => `${environment}/${wish}`));
  const workloads = await workloadsOf(session, waybill);
  for (const { component, count } of wanted) {
    const own = workloads.filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/component'] === component);
    if (own.length === 0) {
      const names = [...new Set(workloads.map(({ metadata }) => metadata.labels?.['app.kubernetes.io/component']))].filter(Boolean);
      throw new CommandError('not_found', `${environment} has no component "${component}"`, {
        fix: names.length > 0 ? `choose one of ${names.join(', ')}` : `install it first: "waybill k8s quickstart -e ${environment}"`,
      });
    }
    await refuseAutoscaled(session, own);
    for (const workload of own) await scaleTo(session, workload, count);
  }
  const kept = (configuration.cli.K8S_REPLICAS ?? []).filter(
    (entry) => !wanted.some((one) => entry.startsWith(`${environment}/${one.component}=`)),
  );
  remember(session, { K8S_REPLICAS: [...kept, ...wanted.map(({ component, count }) => `${environment}/${component}=${count}`)].join(',') });
  print(context, { environment, replicas: Object.fromEntries(wanted.map(({ component, count }) => [component, count])) }, [
    ...wanted.map(({ component, count }) => `${component} in ${environment}: ${count}`),
  ]);
}

async function refuseAutoscaled(session: Session, workloads: readonly KubeObject[]): Promise<void> {
  for (const { kind, metadata } of workloads) {
    const args = ['get', 'hpa', '--namespace', metadata.namespace ?? 'default', '--output', 'json'];
    const { items } = JSON.parse((await session.tools.read('kubectl', args, { repeated: true })).stdout) as { items: KubeObject[] }; // what kubectl prints
    const hpa = items.find(({ spec }) => spec?.scaleTargetRef?.kind === kind && spec?.scaleTargetRef?.name === metadata.name);
    if (!hpa) continue;
    throw new CommandError(
      'conflict',
      `${metadata.name} is scaled by itself, between ${hpa.spec?.minReplicas} and ${hpa.spec?.maxReplicas}`,
      {
        fix: `set components.${metadata.labels?.['app.kubernetes.io/component']}.autoscaling in env-custom/values/waybill.yaml`,
      },
    );
  }
}

async function requireInstalled(session: Session, releases: readonly Release[]): Promise<void> {
  for (const release of releases) {
    if ((await historyOf(session, release)).length > 0) continue;
    throw new CommandError('not_found', `${release.name} is not installed in ${release.namespace}`, {
      fix: `install it with "waybill k8s quickstart -e ${session.environment}"`,
    });
  }
}

const reference = ({ kind, metadata }: KubeObject): string[] => [
  '--namespace',
  metadata.namespace ?? 'default',
  `${kind.toLowerCase()}/${metadata.name}`,
];

async function scaleTo(session: Session, workload: KubeObject, replicas: number): Promise<void> {
  await session.tools.change('kubectl', ['scale', ...reference(workload), `--replicas=${replicas}`]);
}

async function annotate(session: Session, workload: KubeObject, annotation: string): Promise<void> {
  await session.tools.change('kubectl', ['annotate', '--overwrite', ...reference(workload), annotation]);
}
