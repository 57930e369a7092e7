import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { CommandError } from '../failure.ts';
import { writeWhole } from '../yaml-file.ts';
import { clearFailedJobs } from './failed-jobs.ts';
import { inNamespace, parseManifests, writeManifests } from './manifests.ts';
import type { KubeObject } from './objects.ts';
import type { Release } from './releases.ts';
import { objectsOf, type Rendered, valuesPaths } from './render.ts';
import { readIfThere, type Session } from './session.ts';

export type Revision = { revision: number; updated: string; status: string; chart: string; app_version: string; description: string };

/** The revisions of a release, oldest first; none when it is not installed. */
export async function historyOf(session: Session, { name, namespace }: Release): Promise<Revision[]> {
  const ran = await session.tools.read('helm', ['history', name, '--namespace', namespace, '--output', 'json'], {
    accept: [1],
    repeated: true,
  });
  if (ran.code === 0) return JSON.parse(ran.stdout) as Revision[]; // Helm's own shape
  if (/not found/i.test(ran.stderr)) return [];
  throw new CommandError('unavailable', `helm cannot say what is installed: ${ran.stderr.trim()}`, {
    fix: 'set KUBECONFIG to the file of a cluster that can be reached',
  });
}

/** Installs or upgrades one release as it was rendered. Returns when Helm and its hooks are done, not when pods are ready. */
export async function installRelease(
  session: Session,
  release: Release,
  rendered: Rendered,
  options: { takeOver: boolean },
): Promise<void> {
  const { context, tools, configuration } = session;
  if (!context.dryRun) {
    await clearPending(session, release, options.takeOver);
    if (release.part === 'infra') await clearFailedJobs(session, release);
  }
  const chart = rendered.overlaid ? plainChart(session, release, rendered) : release.chart;
  const values = rendered.overlaid ? [] : valuesPaths(context.root, release).flatMap((path) => ['--values', path]);
  // Helm 4 would apply by the server, which refuses to take back a replica count that "k8s stop" or an HPA has set.
  const mode = (await session.helmMajor()) >= 4 ? ['--server-side=false'] : [];
  await tools.change(
    'helm',
    [
      'upgrade',
      '--install',
      release.name,
      chart,
      '--namespace',
      release.namespace,
      ...values,
      ...mode,
      '--history-max',
      '10',
      '--timeout',
      `${configuration.cli.K8S_TIMEOUT / 1_000}s`,
    ],
    { timeoutMs: configuration.cli.K8S_TIMEOUT + 120_000 },
  );
}

/** What the user's kustomization made of a release, as a chart whose one template is printed as it is. */
function plainChart(session: Session, release: Release, rendered: Rendered): string {
  const folder = join(session.context.root.cache, 'charts', `${release.namespace}-${release.name}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'templates'), { recursive: true });
  const original = parse(readIfThere(join(release.chart, 'Chart.yaml')) ?? '') as Record<string, unknown> | null; // checked when it was rendered
  const { name, version, appVersion, description } = original ?? {};
  writeWhole(join(folder, 'Chart.yaml'), stringify({ apiVersion: 'v2', name, version, appVersion, description }), 0o644);
  writeWhole(join(folder, 'manifests.yaml'), writeManifests(objectsOf(rendered, release)), 0o644);
  writeWhole(join(folder, 'templates', 'manifests.yaml'), '{{ .Files.Get "manifests.yaml" }}\n', 0o644);
  return folder;
}

/**
 * A Helm that was killed leaves its release locked for ever. The record of the broken attempt is taken out, on request only:
 * nothing tells whether another Helm is still at work.
 */
async function clearPending(session: Session, release: Release, takeOver: boolean): Promise<void> {
  const last = (await historyOf(session, release)).at(-1);
  if (!last?.status.startsWith('pending')) return;
  if (!takeOver) {
    throw new CommandError('conflict', `${release.name} in ${release.namespace} is being changed (${last.status} since ${last.updated})`, {
      fix: 'wait until the other command has ended; if it was killed, repeat this with --take-over',
    });
  }
  await session.tools.change('kubectl', [
    'delete',
    'secret',
    `sh.helm.release.v1.${release.name}.v${last.revision}`,
    '--namespace',
    release.namespace,
  ]);
}

/** The revision to go back to: the one that is named, else the last good one before the current. */
export async function revisionBefore(session: Session, release: Release, to: number | undefined): Promise<number> {
  const history = await historyOf(session, release);
  const current = history.at(-1);
  const target =
    to ?? history.toReversed().find(({ revision, status }) => revision < (current?.revision ?? 0) && status === 'superseded')?.revision;
  if (current !== undefined && target !== undefined && history.some(({ revision }) => revision === target)) return target;
  throw new CommandError(
    'conflict',
    `${release.name} in ${release.namespace} has no revision ${to ?? 'before the current one'} to go back to`,
    {
      fix: `"waybill k8s history -e ${session.environment} -l ${release.name}" shows the ones there are`,
    },
  );
}

export async function rollbackRelease(session: Session, { name, namespace }: Release, revision: number): Promise<void> {
  const timeout = `${session.configuration.cli.K8S_TIMEOUT / 1_000}s`;
  const mode = (await session.helmMajor()) >= 4 ? ['--server-side=false'] : [];
  await session.tools.change('helm', ['rollback', name, String(revision), '--namespace', namespace, ...mode, '--timeout', timeout], {
    timeoutMs: session.configuration.cli.K8S_TIMEOUT + 120_000,
  });
}

/** What Helm has installed as a release, now or in an earlier revision; nothing when it has not. */
export async function installedObjects(session: Session, { name, namespace }: Release, revision?: number): Promise<KubeObject[]> {
  const which = revision === undefined ? [] : ['--revision', String(revision)];
  const ran = await session.tools.read('helm', ['get', 'manifest', name, '--namespace', namespace, ...which], {
    accept: [1],
    repeated: true,
  });
  return ran.code === 0 ? inNamespace(parseManifests(ran.stdout, `the manifest of ${name}`), namespace) : [];
}
