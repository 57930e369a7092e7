import { chmodSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parse, stringify } from 'yaml';
import { CommandError } from '../failure.ts';
import { removeOthers } from '../rendered-folder.ts';
import { createRoot, type Root } from '../root.ts';
import { writeWhole } from '../yaml-file.ts';
import { environmentSecrets } from './cluster-secrets.ts';
import { imageOf } from './image.ts';
import { inNamespace, namespaceObject, parseManifests, splitByRelease, writeManifests } from './manifests.ts';
import type { KubeObject } from './objects.ts';
import { customValues, type Environment, environments, parseEnvironment, type Release, releasesIn } from './releases.ts';
import { readIfThere, type Session } from './session.ts';
import { topologyOf, valuesFor } from './values.ts';

export type Rendered = {
  /** The objects of each release as they are installed, the user's overlay applied. */
  objects: Map<Release, KubeObject[]>;
  /** True when the user's kustomization changes what the charts say. */
  overlaid: boolean;
  files: string[];
};

/** Files given to Helm for a release, weakest first. */
export const valuesPaths = (root: Root, release: Release): string[] => [
  join(root.env, release.namespace, `${release.name}-values.yaml`),
  ...customValues(root, release),
];

/**
 * Writes `$ROOT/env`: values of every release, manifests rendered from the charts with them, and kustomizations over all. The
 * same configuration always gives the same bytes. `env-custom` is read and never written. With `only` it is these releases, and
 * nothing of the others stays in the folder.
 */
export async function render(session: Session, only?: readonly Release[]): Promise<Rendered> {
  const { root } = session.context;
  createRoot(root);
  const rendered = environmentsOf(session);
  const releases = uniqueReleases(session, rendered).filter(
    ([release]) => only === undefined || only.some(({ name, namespace }) => name === release.name && namespace === release.namespace),
  );
  const image = await imageOf(session);
  const files = new Map<string, string>();
  for (const [release, environment] of releases) {
    const values = valuesFor(release, environment, platformConfiguration(session, rendered, release), image);
    files.set(join(root.env, release.namespace, `${release.name}-values.yaml`), stringify(values, { lineWidth: 0 }));
  }
  writeFiles(files); // Helm reads them
  const installed = new Map<Release, KubeObject[]>();
  for (const [release] of releases) {
    const objects = await templateOf(session, release);
    installed.set(release, objects);
    files.set(join(root.env, release.namespace, `${release.name}.yaml`), writeManifests(objects));
  }
  const namespaces = [...new Set(releases.map(([{ namespace }]) => namespace))];
  files.set(join(root.env, 'namespaces.yaml'), writeManifests(namespaces.map(namespaceObject)));
  const resources = ['namespaces.yaml', ...releases.map(([{ name, namespace }]) => `${namespace}/${name}.yaml`)];
  files.set(join(root.env, 'kustomization.yaml'), kustomization({ resources }));
  writeFiles(files);
  removeOthers(root.env, files);
  writeSecrets(session, rendered, namespaces);
  const overlay = overlayOf(root);
  writeWhole(root.kustomization, kustomization(topKustomization(root, overlay)), 0o644);
  const objects = overlay ? await overlaid(session, [...installed.keys()]) : installed;
  return { objects, overlaid: overlay !== undefined, files: [...files.keys(), root.kustomization] };
}

/** Those of the configuration and the one that is asked for. */
function environmentsOf(session: Session): Environment[] {
  const named = session.configuration.cli.K8S_ENVIRONMENTS.map(parseEnvironment);
  return environments.filter((name) => name === session.environment || named.includes(name)).toReversed();
}

/** Platform and monitoring serve every environment, so each stands here once. */
function uniqueReleases({ configuration }: Session, rendered: readonly Environment[]): [Release, Environment][] {
  const seen = new Map<string, [Release, Environment]>();
  for (const environment of rendered) {
    for (const release of releasesIn(environment, configuration)) {
      const key = `${release.namespace}/${release.name}`;
      if (!seen.has(key)) seen.set(key, [release, environment]);
    }
  }
  return [...seen.values()];
}

/** The platform serves every environment, and must carry the larger topology of those. */
function platformConfiguration(session: Session, rendered: readonly Environment[], release: Release): Session['configuration'] {
  const { configuration } = session;
  const larger = rendered.some((environment) => topologyOf(configuration, environment) === 'services') ? 'services' : 'compact';
  if (release.name !== 'platform') return configuration;
  const cli = { ...configuration.cli, K8S_ENVIRONMENTS: rendered, K8S_PROD_TOPOLOGY: larger, K8S_STAGING_TOPOLOGY: larger } as const;
  return { ...configuration, cli };
}

/** What manifests are rendered for: they must not depend on what Helm was built with, nor on the cluster at hand. */
const oldestKubernetes = '1.29.0';

async function templateOf(session: Session, release: Release): Promise<KubeObject[]> {
  if (!existsSync(join(release.chart, 'Chart.yaml'))) {
    throw new CommandError('not_found', `there is no chart in ${release.chart}`, { fix: 'run this from a complete checkout of waybill' });
  }
  await session.helmMajor();
  const values = valuesPaths(session.context.root, release).flatMap((path) => ['--values', path]);
  const { stdout } = await session.tools.read(
    'helm',
    [
      'template',
      release.name,
      release.chart,
      '--namespace',
      release.namespace,
      ...values,
      '--kube-version',
      oldestKubernetes,
      '--skip-tests',
    ],
    { repeated: true },
  );
  return inNamespace(parseManifests(stdout, `the chart ${release.name}`), release.namespace);
}

function writeFiles(files: ReadonlyMap<string, string>): void {
  for (const [path, text] of files) {
    if (readIfThere(path) === text) continue;
    mkdirSync(dirname(path), { recursive: true });
    writeWhole(path, text, 0o644);
  }
}

const generated = '# Rendered by waybill; changes here are lost. Yours belong into env-custom.\n';

const kustomization = (content: Record<string, unknown>): string =>
  `${generated}${stringify({ apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', ...content })}`;

type Overlay = 'Component' | 'Kustomization';

/** What the user's own kustomization is, if there is one. */
function overlayOf(root: Root): Overlay | undefined {
  const text = readIfThere(join(root.envCustom, 'kustomization.yaml'));
  if (text === undefined) return undefined;
  const content = parse(text) as { kind?: string } | null; // kustomize itself says what else is wrong with it
  return content?.kind === 'Component' ? 'Component' : 'Kustomization';
}

/** A component changes what is rendered; a whole kustomization of the user's takes it in by `resources: [../env]`. */
function topKustomization(root: Root, overlay: Overlay | undefined): Record<string, unknown> {
  const secrets = existsSync(root.envSecrets) ? [relative(root.path, root.envSecrets)] : [];
  if (overlay === 'Kustomization') return { resources: ['env-custom', ...secrets] };
  return { resources: ['env', ...secrets], ...(overlay && { components: ['env-custom'] }) };
}

/** Beside the rest, and for this user alone: `kubectl apply -k` installs from files only. None where somebody else owns them. */
function writeSecrets(session: Session, rendered: readonly Environment[], namespaces: readonly string[]): void {
  const { root } = session.context;
  if (session.configuration.cli.K8S_SECRETS === 'external') {
    rmSync(root.envSecrets, { recursive: true, force: true });
    return;
  }
  const objects = new Map<string, KubeObject>();
  for (const environment of rendered) {
    for (const object of environmentSecrets(root, environment, session.configuration)) {
      const { name, namespace = '' } = object.metadata;
      if (namespaces.includes(namespace)) objects.set(`${namespace}/${name}`, object);
    }
  }
  if (objects.size === 0) return;
  mkdirSync(root.envSecrets, { recursive: true, mode: 0o700 });
  chmodSync(root.envSecrets, 0o700);
  writeWhole(join(root.envSecrets, 'secrets.yaml'), writeManifests([...objects.values()]), 0o600);
  writeWhole(join(root.envSecrets, 'kustomization.yaml'), kustomization({ resources: ['secrets.yaml'] }), 0o600);
}

async function overlaid(session: Session, releases: readonly Release[]): Promise<Map<Release, KubeObject[]>> {
  const { root } = session.context;
  const { stdout } = await session.tools.read('kubectl', ['kustomize', root.path], { repeated: true });
  return splitByRelease(parseManifests(stdout, join(root.envCustom, 'kustomization.yaml')), releases);
}

/** The objects of one release of this session's environment. */
export function objectsOf(rendered: Rendered, { name, namespace }: Release): KubeObject[] {
  for (const [release, objects] of rendered.objects) if (release.name === name && release.namespace === namespace) return objects;
  return [];
}
