import type { KubeObject } from '@waybill/cli/k8s/objects';

export type Port = { name?: string; containerPort: number; protocol?: string };

// biome-ignore lint/suspicious/noExplicitAny: a container as YAML has it; tests read what they check
export type Container = { name: string; ports?: Port[]; [field: string]: any };

/** A pod as its Deployment, StatefulSet, DaemonSet or Job makes it. */
export type Pod = {
  owner: KubeObject;
  namespace: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  // biome-ignore lint/suspicious/noExplicitAny: see above
  spec: any;
  containers: Container[];
};

const workloads = new Set(['Deployment', 'StatefulSet', 'DaemonSet', 'Job']);

export const podsOf = (objects: readonly KubeObject[]): Pod[] =>
  objects
    .filter(({ kind }) => workloads.has(kind))
    .map((owner) => {
      const { metadata = {}, spec } = owner.spec.template;
      return {
        owner,
        namespace: owner.metadata.namespace ?? '',
        labels: metadata.labels ?? {},
        annotations: metadata.annotations ?? {},
        spec,
        containers: [...(spec.initContainers ?? []), ...spec.containers],
      };
    });

/** `Deployment prod/gateway`. */
export const nameOf = ({ owner }: Pod): string => `${owner.kind} ${owner.metadata.namespace}/${owner.metadata.name}`;

export type LabelSelector = {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
};

export function matches(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  const expressions = selector.matchExpressions ?? [];
  return (
    Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value) &&
    expressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      if (operator === 'In') return value !== undefined && values.includes(value);
      if (operator === 'NotIn') return value === undefined || !values.includes(value);
      if (operator === 'Exists') return value !== undefined;
      if (operator === 'DoesNotExist') return value === undefined;
      throw new Error(`${operator} is no operator of a label selector`);
    })
  );
}

/** The port that a name or number means in a pod; undefined when no container has it. */
export const containerPort = ({ containers }: Pod, port: string | number): Port | undefined =>
  containers.flatMap(({ ports = [] }) => ports).find((one) => one.name === port || one.containerPort === port);

/** Everything a pod is told, as text by where it stands: variables, ConfigMaps as variables and as files, arguments. */
export function textsOf(pod: Pod, objects: readonly KubeObject[]): Record<string, string> {
  const configMap = (name: string): Record<string, string> => {
    const found = objects.find(
      ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === name && metadata.namespace === pod.namespace,
    );
    if (!found) throw new Error(`${nameOf(pod)} wants the ConfigMap ${pod.namespace}/${name}, which no chart renders`);
    return found['data'] ?? {};
  };
  const texts: Record<string, string> = {};
  for (const { name, env = [], envFrom = [], args = [], command = [] } of pod.containers) {
    for (const { configMapRef } of envFrom)
      if (configMapRef) for (const [key, value] of Object.entries(configMap(configMapRef.name))) texts[`${name} ${key}`] = value;
    for (const { name: key, value, valueFrom } of env) {
      if (value !== undefined) texts[`${name} ${key}`] = value;
      if (valueFrom?.configMapKeyRef)
        texts[`${name} ${key}`] = configMap(valueFrom.configMapKeyRef.name)[valueFrom.configMapKeyRef.key] ?? '';
    }
    texts[`${name} arguments`] = [...command, ...args].join('\n');
  }
  for (const { name, configMap: mounted, projected } of pod.spec.volumes ?? []) {
    const names = [
      ...(mounted ? [mounted.name] : []),
      ...(projected?.sources ?? []).flatMap((one: { configMap?: { name: string } }) => one.configMap?.name ?? []),
    ];
    for (const map of names) for (const [file, text] of Object.entries(configMap(map))) texts[`${name}/${file}`] = text;
  }
  return texts;
}

/** Keys of Secrets that a pod reads, by the Secret's name. */
export function secretKeysOf(pod: Pod): { secret: string; key: string }[] {
  const fromVolumes = (pod.spec.volumes ?? []).flatMap(
    ({
      secret,
      projected,
    }: {
      secret?: { secretName: string; items?: { key: string }[] };
      projected?: { sources: { secret?: { name: string; items?: { key: string }[] } }[] };
    }) => [
      ...(secret?.items ?? []).map(({ key }) => ({ secret: secret?.secretName ?? '', key })),
      ...(projected?.sources ?? []).flatMap(({ secret: one }) => (one?.items ?? []).map(({ key }) => ({ secret: one?.name ?? '', key }))),
    ],
  );
  const fromVariables = pod.containers.flatMap(({ env = [] }) =>
    env.flatMap(({ valueFrom }: { valueFrom?: { secretKeyRef?: { name: string; key: string; optional?: boolean } } }) =>
      valueFrom?.secretKeyRef ? [{ secret: valueFrom.secretKeyRef.name, key: valueFrom.secretKeyRef.key }] : [],
    ),
  );
  return [...fromVolumes, ...fromVariables];
}
