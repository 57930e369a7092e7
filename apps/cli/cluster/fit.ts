import { componentOf, type KubeObject } from '../k8s/objects.ts';

/** What is free on a node, or what one pod asks for: MiB and thousandths of a core. */
export type Room = { name: string; memory: number; cpu: number };

/** A quantity such as 96Mi or 1.5Gi, in MiB. */
export function mebibytes(quantity: string | number | undefined): number {
  const match = /^(\d+(?:\.\d+)?)(Ki|Mi|Gi|Ti|k|M|G|T)?$/.exec(String(quantity ?? '0'));
  const units: Record<string, number> = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, k: 1e3, M: 1e6, G: 1e9, T: 1e12 };
  return (Number(match?.[1] ?? 0) * (units[match?.[2] ?? ''] ?? 1)) / 2 ** 20;
}

/** A quantity such as 100m or 2, in thousandths of a core. */
export function millicores(quantity: string | number | undefined): number {
  const text = String(quantity ?? '0');
  return text.endsWith('m') ? Number(text.slice(0, -1)) : Number(text) * 1_000;
}

type PodSpec = { containers?: Container[]; initContainers?: (Container & { restartPolicy?: string })[] };
type Container = { resources?: { requests?: { memory?: string; cpu?: string } } };

/** As the scheduler counts: containers together, or the largest init container. */
export function requestOf(name: string, spec: PodSpec): Room {
  const sum = (list: readonly Container[], read: (one: Container) => number) => list.reduce((total, one) => total + read(one), 0);
  const memory = (one: Container) => mebibytes(one.resources?.requests?.memory);
  const cpu = (one: Container) => millicores(one.resources?.requests?.cpu);
  const running = [...(spec.containers ?? []), ...(spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')];
  const first = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy !== 'Always');
  return {
    name,
    memory: Math.max(sum(running, memory), ...first.map(memory)),
    cpu: Math.max(sum(running, cpu), ...first.map(cpu)),
  };
}

/** Every pod that these objects make at rest; an autoscaler counts with its least replicas. */
export function podsOf(objects: readonly KubeObject[]): Room[] {
  return objects.flatMap((object) => {
    if (object.kind !== 'Deployment' && object.kind !== 'StatefulSet') return [];
    const scaler = objects.find(
      ({ kind, metadata, spec }) =>
        kind === 'HorizontalPodAutoscaler' &&
        metadata.namespace === object.metadata.namespace &&
        spec?.scaleTargetRef?.name === object.metadata.name,
    );
    const count: number = scaler?.spec?.minReplicas ?? object.spec?.replicas ?? 1;
    return Array.from({ length: count }, () => requestOf(componentOf(object), object.spec?.template?.spec ?? {}));
  });
}

/** What is left on each node that takes ordinary pods, without the pods that `isOurs` will replace. */
export function roomOn(nodes: readonly KubeObject[], pods: readonly KubeObject[], isOurs: (pod: KubeObject) => boolean): Room[] {
  return nodes.filter(takesPods).map((node) => {
    const others = pods.filter(
      (pod) => pod.spec?.nodeName === node.metadata.name && !['Succeeded', 'Failed'].includes(pod.status?.phase) && !isOurs(pod),
    );
    const used = others.map((pod) => requestOf(pod.metadata.name, pod.spec ?? {}));
    const { memory, cpu } = node.status?.allocatable ?? {};
    return {
      name: node.metadata.name,
      memory: mebibytes(memory) - used.reduce((sum, one) => sum + one.memory, 0),
      cpu: millicores(cpu) - used.reduce((sum, one) => sum + one.cpu, 0),
    };
  });
}

const takesPods = ({ spec, status }: KubeObject): boolean =>
  spec?.unschedulable !== true &&
  !(spec?.taints ?? []).some(({ effect }: { effect: string }) => effect === 'NoSchedule' || effect === 'NoExecute') &&
  (status?.conditions ?? []).some((one: { type: string; status: string }) => one.type === 'Ready' && one.status === 'True');

export type Fit = { placed: Map<string, Room[]>; left: Room[] };

/** Largest first, each on the fullest node that has room: close to the best there is, and what a patient scheduler reaches. */
export function fitOn(nodes: readonly Room[], pods: readonly Room[]): Fit {
  const free = nodes.map((node) => ({ ...node }));
  const placed = new Map(nodes.map(({ name }): [string, Room[]] => [name, []]));
  const left: Room[] = [];
  for (const pod of pods.toSorted((a, b) => b.memory - a.memory || b.cpu - a.cpu)) {
    const node = free.filter(({ memory, cpu }) => memory >= pod.memory && cpu >= pod.cpu).toSorted((a, b) => a.memory - b.memory)[0];
    if (!node) {
      left.push(pod);
      continue;
    }
    node.memory -= pod.memory;
    node.cpu -= pod.cpu;
    placed.get(node.name)?.push(pod);
  }
  return { placed, left };
}
