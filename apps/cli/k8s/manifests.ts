import { type DocumentOptions, parseAllDocuments, type SchemaOptions, stringify } from 'yaml';
import { CommandError } from '../failure.ts';
import { isClusterWide, type KubeObject } from './objects.ts';
import type { Release } from './releases.ts';

/** YAML as Helm and kubectl read it: 0555 is octal and `off` no text, but nothing becomes a time. */
const dialect: DocumentOptions & SchemaOptions = {
  version: '1.1',
  customTags: (tags) =>
    tags.filter(
      (tag) => typeof tag === 'string' || (tag.tag !== 'tag:yaml.org,2002:timestamp' && !('format' in tag && tag.format === 'TIME')),
    ),
};

/** The objects of rendered manifests, in order. */
export function parseManifests(text: string, from: string): KubeObject[] {
  const documents = parseAllDocuments(text, dialect);
  if (!Array.isArray(documents)) return [];
  return documents.flatMap((document) => {
    const [problem] = document.errors;
    if (problem) throw new CommandError('invalid', `${from} is not valid YAML: ${problem.message.split('\n')[0]}`);
    const value = document.toJS() as (KubeObject & { items?: KubeObject[] }) | null; // a Kubernetes object by the check below
    if (value === null) return [];
    if (value.kind === 'List') return value.items ?? [];
    if (typeof value.kind === 'string' && typeof value.metadata?.name === 'string') return [value];
    throw new CommandError('invalid', `${from} holds something that is no Kubernetes object (kind and metadata.name are missing)`);
  });
}

/** YAML that is the same for the same objects: no anchors, no folding, kinds and names in a fixed order. */
export function writeManifests(objects: readonly KubeObject[]): string {
  return objects
    .toSorted((a, b) => sortKey(a).localeCompare(sortKey(b), 'en'))
    .map((object) => stringify(object, { ...dialect, aliasDuplicateObjects: false, lineWidth: 0 }))
    .join('---\n');
}

const sortKey = ({ kind, metadata }: KubeObject): string =>
  [kind === 'Namespace' ? 0 : 1, kind, metadata.namespace ?? '', metadata.name].join('/');

/** Helm leaves the namespace to the call that installs; a file must say it. */
export const inNamespace = (objects: readonly KubeObject[], namespace: string): KubeObject[] =>
  objects.map((object) =>
    isClusterWide(object.kind) || object.metadata.namespace !== undefined
      ? object
      : { ...object, metadata: { ...object.metadata, namespace } },
  );

/**
 * Which release each object of an overlaid whole belongs to: the one its labels name, in its namespace; what the user added
 * goes with the release of its namespace, and what has none with waybill. Secrets and Namespaces are put there by the command itself.
 */
export function splitByRelease(objects: readonly KubeObject[], releases: readonly Release[]): Map<Release, KubeObject[]> {
  const parts = new Map(releases.map((release): [Release, KubeObject[]] => [release, []]));
  for (const object of objects) {
    if (object.kind === 'Namespace' || (object.kind === 'Secret' && object.metadata.labels?.['waybill.dev/made-by'] === 'secrets'))
      continue;
    const { namespace, labels } = object.metadata;
    const instance = labels?.['app.kubernetes.io/instance'];
    const owner =
      releases.find(({ name, namespace: own }) => name === instance && (namespace === undefined || namespace === own)) ??
      releases.find(({ namespace: own }) => own === namespace) ??
      (namespace === undefined ? releases.find(({ name }) => name === 'waybill') : undefined);
    if (owner) parts.get(owner)?.push(object);
  }
  return parts;
}

/** Namespaces with the strictest Pod Security there is: nothing of ours needs more. */
export const namespaceObject = (name: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name,
    labels: {
      'app.kubernetes.io/part-of': 'waybill',
      'pod-security.kubernetes.io/enforce': 'restricted',
      'pod-security.kubernetes.io/warn': 'restricted',
    },
  },
});
