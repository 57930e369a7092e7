import { type Context, print } from '../context.ts';
import { CommandError, Interrupted } from '../failure.ts';
import { besideLabel } from './builds.ts';
import { historyOf } from './helm.ts';
import { begunAt } from './quickstart.ts';
import { type Release, releasesOf, selectReleases } from './releases.ts';
import { openSession, type Session } from './session.ts';
import type { SelectOptions } from './status.ts';
import { workloadsOf } from './workloads.ts';

type LogOptions = SelectOptions & { follow?: boolean; lines: string; since?: string; previous?: boolean };

/** The logs of a component's pods, or of everything selected. */
export async function logs(context: Context, component: string | undefined, options: LogOptions): Promise<number> {
  const session = openSession(context, options);
  const release = component === undefined ? undefined : await releaseOf(session, component);
  const releases = release ? [release] : selectReleases(session, options.part ?? 'apps');
  const labels = [
    'app.kubernetes.io/part-of=waybill',
    ...(component ? [`app.kubernetes.io/component=${component}`] : []),
    ...(options.selector ? [options.selector] : []),
  ];
  let code = 0;
  for (const { namespace } of releases) {
    const args = [
      ...['logs', '--namespace', namespace, '--selector', labels.join(','), '--all-containers', '--prefix', '--max-log-requests', '50'],
      ...['--tail', options.lines, ...(options.since ? ['--since', options.since] : [])],
      ...(options.follow ? ['--follow'] : []),
      ...(options.previous ? ['--previous'] : []),
    ];
    code ||= await session.tools.attach('kubectl', args);
  }
  return code === 130 ? 0 : code;
}

/** Runs a program in a pod of a component. */
export async function exec(context: Context, component: string, command: readonly string[], options: { env?: string }): Promise<number> {
  const session = openSession(context, options);
  const release = await releaseOf(session, component);
  const [workload] = await workloadsOf(session, release, `app.kubernetes.io/component=${component}`);
  if (!workload) throw unknownComponent(session, component, []);
  const terminal = context.io.tty ? ['-it'] : ['-i'];
  return session.tools.attach('kubectl', [
    ...['exec', ...terminal, '--namespace', release.namespace, `${workload.kind.toLowerCase()}/${workload.metadata.name}`],
    ...['--', ...command],
  ]);
}

async function releaseOf(session: Session, component: string): Promise<Release> {
  const names: string[] = [];
  for (const release of releasesOf(session.environment).toReversed()) {
    const components = (await workloadsOf(session, release)).map(
      ({ metadata }) => metadata.labels?.['app.kubernetes.io/component'] ?? metadata.name,
    );
    if (components.includes(component)) return release;
    names.push(...components);
  }
  throw unknownComponent(session, component, names);
}

const unknownComponent = ({ environment }: Session, component: string, names: readonly string[]): CommandError =>
  new CommandError('not_found', `nothing in ${environment} is called "${component}"`, {
    fix:
      names.length > 0 ? `choose one of ${[...new Set(names)].join(', ')}` : `install it with "waybill k8s quickstart -e ${environment}"`,
  });

/** Takes the releases of an environment out of the cluster. Volumes and secrets stay unless they are named. */
export async function remove(context: Context, options: SelectOptions & { yes?: boolean; volumes?: boolean }): Promise<undefined> {
  const session = openSession(context, options);
  const { environment, tools } = session;
  const releases = selectReleases(session, options.part ?? 'apps');
  if (!context.dryRun) await refuseOthers(session, releases);
  const what = releases.map(({ name, namespace }) => `${name} (${namespace})`).join(', ');
  if (!options.yes && !context.dryRun) await confirm(context, `${what}${options.volumes ? ' with all data' : ''}`, environment);
  for (const { name, namespace } of releases.toReversed()) {
    await tools.change('helm', ['uninstall', name, '--namespace', namespace, '--ignore-not-found', '--wait', '--timeout', '300s'], {
      timeoutMs: 360_000,
    });
    // Helm leaves Jobs that were hooks, and workers that a rollback has put beside the release.
    await tools.change('kubectl', [
      'delete',
      'jobs,deployments',
      '--namespace',
      namespace,
      '--selector',
      `app.kubernetes.io/instance=${name}`,
    ]);
    if (!options.volumes) continue;
    await tools.change('kubectl', ['delete', 'pvc', '--namespace', namespace, '--selector', `app.kubernetes.io/instance=${name}`]);
  }
  // All environments keep their data there; the next quickstart begins anew, with goods to sell.
  if (options.volumes && releases.some(({ part }) => part === 'infra'))
    await tools.change('kubectl', [
      'annotate',
      'namespaces',
      '--selector',
      'app.kubernetes.io/part-of=waybill',
      '--overwrite',
      `${begunAt}-`,
    ]);
  const kept = options.volumes ? 'volumes are gone, secrets stay' : 'volumes and secrets stay, so that "quickstart" brings everything back';
  print(context, { deleted: releases.map(({ name }) => name), volumes: options.volumes ?? false }, [
    `${what} ${context.dryRun ? 'would be' : 'is'} deleted; ${kept}`,
  ]);
}

/** Helm takes out what Helm has put there. The rest would stay in parts, and keep its volumes in use. */
async function refuseOthers(session: Session, releases: readonly Release[]): Promise<void> {
  for (const release of releases) {
    if ((await historyOf(session, release)).length > 0) continue;
    const workloads = await workloadsOf(session, release);
    if (workloads.every(({ metadata }) => metadata.labels?.[besideLabel] !== undefined)) continue; // ours, or none
    throw new CommandError('conflict', `${release.name} in ${release.namespace} was not installed by Helm, so it cannot be deleted by it`, {
      fix: `"kubectl delete -k ${session.context.root.path}" takes out what "kubectl apply -k" has put there: all of it, with the data`,
    });
  }
}

async function confirm(context: Context, what: string, word: string): Promise<void> {
  if (!context.interactive) {
    throw new CommandError('invalid', `this deletes ${what}, and nobody can be asked here`, { fix: 'say yes with -y' });
  }
  const clack = await import('@clack/prompts');
  const answer = await clack.text({ message: `This deletes ${what}. Type ${word} to go on` });
  if (answer !== word) throw new Interrupted();
}
