import type { BuildStatus } from '@waybill/kernel/worker-deployments';
import { CommandError } from '../failure.ts';
import { parseImage } from './image.ts';
import type { KubeObject } from './objects.ts';
import type { Environment } from './releases.ts';

/** A build whose workers stay beside the newest. Its tag is the name under which Temporal knows it. */
export type EarlierBuild = { tag: string; digest?: string };

/** The workers of a Deployment, as it says. */
export type BuildWorkers = {
  object: KubeObject;
  /** Of their worker deployments, such as `orders`. */
  services: string[];
  buildId: string;
  versioning: string;
  image: EarlierBuild;
  /** False of one that stands beside for orders of an earlier build. */
  newest: boolean;
};

/** What Temporal says of a build of the orders' workers. */
export type SeenBuild = {
  buildId: string;
  status: BuildStatus;
  /** Open orders that will not go on with any other. */
  pinnedOrders: number;
};

/** Deployments whose workers say which build they are, to a Temporal where nobody else chooses the current one. */
export function buildWorkersIn(objects: readonly KubeObject[]): BuildWorkers[] {
  return objects.flatMap((object): BuildWorkers[] => {
    if (object.kind !== 'Deployment') return [];
    const { metadata, spec } = object.spec.template;
    const [container] = spec.containers;
    const variable = (key: string) => container.env?.find(({ name }: { name: string }) => name === key)?.value;
    const [buildId, versioning] = [variable('TEMPORAL_WORKER_BUILD_ID'), variable('TEMPORAL_VERSIONING')];
    const services = ((container.args ?? []) as string[]).flatMap((role) => /^(.+)-worker$/.exec(role)?.[1] ?? []);
    const chosenElsewhere = variable('TEMPORAL_DEPLOYMENT_NAME') !== undefined;
    if (services.length === 0 || !buildId || !versioning || versioning === 'off' || chosenElsewhere) return [];
    const { tag, digest } = parseImage(container.image);
    const image = { tag, ...(digest !== undefined && { digest }) };
    return [{ object, services, buildId, versioning, image, newest: metadata.labels?.['waybill/build'] === 'current' }];
  });
}

/** Only orders are workflows: their workers alone cannot be exchanged at any time. */
export const worksOnOrders = ({ services }: BuildWorkers): boolean => services.includes('orders');

/**
 * The earlier builds that need workers beside the wanted one: those that orders are pinned to, and those whose workers pin
 * orders until Temporal says that they are drained. Where Temporal has not been asked, all that have workers or had to stay.
 */
export function buildsToKeep(known: {
  wanted: string;
  running: readonly BuildWorkers[];
  remembered: readonly EarlierBuild[];
  seen?: readonly SeenBuild[] | undefined;
}): EarlierBuild[] {
  const { wanted, running, remembered, seen } = known;
  const pinning = running.filter((workers) => worksOnOrders(workers) && workers.versioning === 'pinned');
  const images = new Map([...remembered, ...pinning.map(({ image }) => image)].map((image) => [image.tag, image]));
  const isNeeded = ({ buildId, status, pinnedOrders }: SeenBuild) =>
    pinnedOrders > 0 || (images.has(buildId) && status !== 'drained' && status !== 'inactive');
  const needed = seen?.filter(isNeeded).map(({ buildId }) => images.get(buildId) ?? { tag: buildId }) ?? [...images.values()];
  return needed.filter(({ tag }) => tag !== wanted).toSorted((a, b) => (a.tag < b.tag ? -1 : 1));
}

/** Entries of K8S_EARLIER_BUILDS: `prod/0.1.0-0123456789ab`, with `@sha256:…` behind it where the image was named by its digest. */
export function parseEarlierBuilds(entries: readonly string[], environment: Environment): EarlierBuild[] {
  return entries.flatMap((entry): EarlierBuild[] => {
    const match = /^(staging|prod)\/([\w][\w.-]*)(?:@(sha256:[0-9a-f]{64}))?$/.exec(entry);
    if (!match?.[2]) {
      throw new CommandError('invalid', `K8S_EARLIER_BUILDS holds "${entry}"`, {
        fix: 'write it as prod/TAG or prod/TAG@sha256:…, or take it out: "waybill k8s quickstart" finds out what is needed',
      });
    }
    return match[1] === environment ? [{ tag: match[2], ...(match[3] && { digest: match[3] }) }] : [];
  });
}

/** The setting with the builds of one environment exchanged; undefined when none is left. */
export function withEarlierBuilds(
  entries: readonly string[],
  environment: Environment,
  builds: readonly EarlierBuild[],
): string | undefined {
  const others = entries.filter((entry) => !entry.startsWith(`${environment}/`));
  const own = builds.map(({ tag, digest }) => `${environment}/${tag}${digest === undefined ? '' : `@${digest}`}`);
  return [...others, ...own].join(',') || undefined;
}

/** On a Deployment that stands beside those of its release, until Helm takes it over or its build is drained. */
export const besideLabel = 'waybill.dev/beside';

/**
 * The same workers beside those of their release, where Helm leaves them alone: named and marked as the chart does it with
 * earlier builds, so that the next install takes them over.
 */
export function beside({ object, buildId }: BuildWorkers, { name: release, namespace }: { name: string; namespace: string }): KubeObject {
  const build = buildId
    .replaceAll(/[^\w.-]/g, '-')
    .slice(0, 63)
    .replace(/[-._]+$/, '');
  const component: string = object.metadata.labels?.['app.kubernetes.io/component'] ?? object.metadata.name;
  const spec = structuredClone(object.spec);
  spec.replicas = 1;
  spec.selector.matchLabels['waybill/build'] = build;
  spec.template.metadata.labels['waybill/build'] = build;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: `${component}-${build.toLowerCase().replaceAll(/[^a-z0-9-]/g, '-')}`.slice(0, 63).replace(/-$/, ''),
      namespace,
      labels: { ...object.metadata.labels, 'app.kubernetes.io/managed-by': 'Helm', [besideLabel]: 'true' },
      annotations: {
        'meta.helm.sh/release-name': release,
        'meta.helm.sh/release-namespace': namespace,
        'helm.sh/resource-policy': 'keep', // it may be one of the release's that the rollback would take out
      },
    },
    spec,
  };
}
