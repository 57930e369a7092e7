import { componentOf, type KubeObject, labelOf, nameOf } from './objects.ts';

/** What runs of a namespace: pods and what makes them, with the events about them. */
export type Snapshot = { objects: readonly KubeObject[]; events: readonly KubeObject[] };

/** A text that only the cluster can give, and that says more than the objects do. */
export type Ask =
  | { kind: 'log'; namespace: string; pod: string; container: string; previous: boolean }
  | { kind: 'readyz'; namespace: string; pod: string; port: number };

export type Finding = {
  component: string;
  object: string;
  /** `stopped` was scaled to zero on purpose; `failed` does not mend itself. */
  state: 'ready' | 'waiting' | 'failed' | 'stopped';
  /** How many of how many, or what else there is to say of what is well. */
  figure: string;
  reason?: string;
  fix?: string;
  ask?: Ask;
};

/** Says of every workload, Job and claim whether it is as it should be, and of what is not, why. */
export function explain({ objects, events }: Snapshot): Finding[] {
  const pods = objects.filter(({ kind }) => kind === 'Pod');
  const byOwner = (object: KubeObject) => podsOf(object, objects, pods);
  return objects.filter(isCurrent(objects)).flatMap((object): Finding[] => {
    if (object.kind === 'Deployment' || object.kind === 'StatefulSet') return [workload(object, byOwner(object), events)];
    if (object.kind === 'Job') return [job(object, byOwner(object), events)];
    if (object.kind === 'PersistentVolumeClaim' && object.status?.phase !== 'Bound') return [claim(object, events)];
    return [];
  });
}

/** Of the Jobs of a component only the newest counts: earlier attempts stay to be read. */
const isCurrent =
  (objects: readonly KubeObject[]) =>
  (object: KubeObject): boolean =>
    object.kind !== 'Job' ||
    !objects.some(
      (other) =>
        other.kind === 'Job' &&
        componentOf(other) === componentOf(object) &&
        (other.metadata.creationTimestamp ?? '') > (object.metadata.creationTimestamp ?? ''),
    );

function podsOf(object: KubeObject, objects: readonly KubeObject[], pods: readonly KubeObject[]): KubeObject[] {
  const isOwnedBy = (child: KubeObject, kind: string, name: string) =>
    child.metadata.ownerReferences?.some((owner) => owner.kind === kind && owner.name === name) ?? false;
  const { kind, metadata } = object;
  const sameNamespace = ({ metadata: other }: KubeObject) => other.namespace === metadata.namespace;
  const sets = objects.filter((one) => one.kind === 'ReplicaSet' && sameNamespace(one) && isOwnedBy(one, kind, metadata.name));
  return pods.filter(
    (pod) =>
      sameNamespace(pod) && (isOwnedBy(pod, kind, metadata.name) || sets.some((set) => isOwnedBy(pod, 'ReplicaSet', set.metadata.name))),
  );
}

function workload(object: KubeObject, pods: readonly KubeObject[], events: readonly KubeObject[]): Finding {
  const wanted: number = object.spec?.replicas ?? 1;
  const { readyReplicas = 0, updatedReplicas = 0, observedGeneration = 0, replicas = 0 } = object.status ?? {};
  const base = { component: componentOf(object), object: nameOf(object), figure: `${readyReplicas}/${wanted} ready` };
  if (wanted === 0) return { ...base, state: 'stopped', figure: 'scaled to zero' };
  const seen = observedGeneration >= (object.metadata.generation ?? 0);
  const isNew =
    object.kind === 'StatefulSet' ? object.status?.currentRevision === object.status?.updateRevision : replicas === updatedReplicas;
  if (seen && readyReplicas >= wanted && updatedReplicas >= wanted && isNew) return { ...base, state: 'ready' };
  const alive = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  for (const pod of alive.toSorted((a, b) => (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? ''))) {
    const trouble = explainPod(pod, events);
    if (trouble) return { ...base, ...trouble };
  }
  const refused = events.find(
    ({ involvedObject, reason }) => reason === 'FailedCreate' && involvedObject?.name?.startsWith(object.metadata.name),
  );
  if (alive.length === 0 && refused) return { ...base, state: 'waiting', reason: `its pods are refused: ${refused['message']}` };
  if (readyReplicas >= wanted) return { ...base, state: 'waiting', reason: 'the new version replaces the old one, pod by pod' };
  return { ...base, state: 'waiting', reason: alive.length === 0 ? 'its pods are not there yet' : 'it is starting' };
}

type Trouble = Pick<Finding, 'state' | 'reason' | 'fix' | 'ask'>;

/** Undefined when there is nothing wrong with the pod. */
export function explainPod(pod: KubeObject, events: readonly KubeObject[]): Trouble | undefined {
  const status = pod.status ?? {};
  const condition = (type: string) => status.conditions?.find((one: { type: string }) => one.type === type);
  if (condition('Ready')?.status === 'True') return undefined;
  if (status.reason === 'Evicted')
    return {
      state: 'failed',
      reason: `evicted: ${status.message}`,
      fix: 'the node lacks memory or disk; "waybill cluster check" adds it up',
    };
  const unschedulable = condition('PodScheduled');
  if (unschedulable?.status === 'False') {
    return {
      state: 'waiting',
      reason: `pending: ${unschedulable.message ?? 'no node has been found'}`,
      fix: schedulingFix(unschedulable.message ?? ''),
    };
  }
  const own = { namespace: pod.metadata.namespace ?? 'default', pod: pod.metadata.name };
  const preparing = (status.initContainerStatuses ?? []).find((one: ContainerStatus) => one.state?.running && !one.started && !one.ready);
  if (preparing) {
    return {
      state: 'waiting',
      reason: `${preparing.name} is at work`,
      ask: { kind: 'log', ...own, container: preparing.name, previous: false },
    };
  }
  for (const container of [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])]) {
    const trouble = explainContainer(container, pod, own, events);
    if (trouble) return trouble;
  }
  const mount = latest(events, pod, ['FailedMount', 'FailedAttachVolume', 'FailedCreatePodSandBox']);
  if (mount && !status.containerStatuses?.some((one: { started?: boolean }) => one.started)) {
    return { state: 'waiting', reason: mount['message'], fix: mountFix(mount['message'] ?? '') };
  }
  return status.phase === 'Succeeded' ? undefined : { state: 'waiting', reason: 'it is starting' };
}

type ContainerStatus = {
  name: string;
  ready: boolean;
  started?: boolean;
  restartCount: number;
  state?: { waiting?: { reason?: string; message?: string }; running?: object; terminated?: { exitCode: number; reason?: string } };
  lastState?: { terminated?: { exitCode: number; reason?: string; signal?: number } };
};

const imageReasons = new Set(['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', 'ErrImageNeverPull']);

function explainContainer(
  container: ContainerStatus,
  pod: KubeObject,
  own: { namespace: string; pod: string },
  events: readonly KubeObject[],
): Trouble | undefined {
  const waiting = container.state?.waiting;
  const specs = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  const spec = specs.find(({ name }: { name: string }) => name === container.name);
  const log = (previous: boolean): Ask => ({ kind: 'log', ...own, container: container.name, previous });
  if (waiting?.reason && imageReasons.has(waiting.reason)) {
    return {
      state: 'waiting',
      reason: `the image ${spec?.image} cannot be pulled: ${pullReason(waiting.message ?? waiting.reason)}`,
      fix: 'push it ("waybill images push"), correct its name (K8S_IMAGE), or give the cluster the registry’s credentials',
    };
  }
  if (
    waiting?.reason === 'CreateContainerConfigError' ||
    waiting?.reason === 'CreateContainerError' ||
    waiting?.reason === 'RunContainerError'
  ) {
    const fix = /secret/i.test(waiting.message ?? '')
      ? 'run "waybill k8s quickstart", which puts the secrets there'
      : '"waybill k8s start" brings back what is missing';
    return { state: 'waiting', reason: waiting.message ?? waiting.reason, fix };
  }
  const ended = container.state?.terminated ?? (waiting?.reason === 'CrashLoopBackOff' ? container.lastState?.terminated : undefined);
  if (ended && ended.exitCode !== 0) {
    const memory = ended.reason === 'OOMKilled';
    return {
      state: 'waiting',
      reason: `${container.name} ${memory ? 'was killed for want of memory' : `ended with exit code ${ended.exitCode}`}${container.restartCount > 0 ? `, ${container.restartCount} times` : ''}`,
      fix: memory ? 'raise its memory in env-custom/values, or give it less to do' : 'its log says why; correct that and run this again',
      ask: log(container.state?.terminated === undefined),
    };
  }
  if (container.state?.running && !container.ready && spec?.readinessProbe) {
    const probe = spec.readinessProbe.httpGet;
    const failing = latest(events, pod, ['Unhealthy']);
    const restarted = container.restartCount > 0 ? `; it was restarted ${container.restartCount} times` : '';
    if (!failing && !restarted) return { state: 'waiting', reason: 'it is starting' };
    const port = portOf(probe?.port, spec);
    return {
      state: 'waiting',
      reason: `it runs and is not ready: ${failing?.['message'] ?? 'its probe fails'}${restarted}`,
      ...(probe && port !== undefined ? { ask: { kind: 'readyz', ...own, port } } : { ask: log(false) }),
    };
  }
  return undefined;
}

/** The same reason, whether it is tried just now or paused for. */
const pullReason = (message: string): string => message.replace(/^Back-off pulling image "[^"]+"(: ErrImagePull)?:? ?/, '');

function portOf(port: number | string | undefined, spec: { ports?: { name?: string; containerPort: number }[] }): number | undefined {
  if (typeof port === 'number') return port;
  return spec.ports?.find(({ name }) => name === port)?.containerPort;
}

function latest(events: readonly KubeObject[], object: KubeObject, reasons: readonly string[]): KubeObject | undefined {
  return events
    .filter(({ involvedObject, reason }) => involvedObject?.name === object.metadata.name && reasons.includes(reason))
    .filter((event) => timeOf(event) >= (object.metadata.creationTimestamp ?? '')) // a StatefulSet's pods inherit names
    .toSorted((a, b) => timeOf(b).localeCompare(timeOf(a)))[0];
}

const timeOf = (event: KubeObject): string => event['lastTimestamp'] ?? event['eventTime'] ?? event.metadata.creationTimestamp ?? '';

function schedulingFix(message: string): string {
  if (/Insufficient memory|Insufficient cpu/i.test(message))
    return 'add a node, stop something, or use less: "waybill cluster check" adds it up';
  if (/PersistentVolumeClaim|volume node affinity/i.test(message))
    return 'its volume cannot be had: "kubectl get pvc,storageclass" shows what is missing';
  if (/taint/i.test(message)) return 'every node is closed to it by a taint: add a node, or remove the taint';
  return '"kubectl describe pod" shows what the scheduler tried';
}

function mountFix(message: string): string {
  const found = /(secret|configmap) "([^"]+)" not found/i.exec(message);
  if (found?.[1]?.toLowerCase() === 'secret') return 'run "waybill k8s quickstart", which puts the secrets there';
  return found ? '"waybill k8s start" brings it back' : '"kubectl describe pod" shows the volume';
}

function job(object: KubeObject, pods: readonly KubeObject[], events: readonly KubeObject[]): Finding {
  const base = { component: componentOf(object), object: nameOf(object) };
  const condition = (type: string) =>
    object.status?.conditions?.find((one: { type: string; status: string }) => one.type === type && one.status === 'True');
  if (condition('Complete')) return { ...base, state: 'ready', figure: 'done' };
  const last = pods.toSorted((a, b) => (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? ''))[0];
  const container = last?.spec?.containers?.[0]?.name;
  const ask: Ask | undefined =
    last && container
      ? { kind: 'log', namespace: last.metadata.namespace ?? 'default', pod: last.metadata.name, container, previous: false }
      : undefined;
  const failure = condition('Failed');
  if (failure) {
    return {
      ...base,
      state: 'failed',
      figure: 'failed',
      reason: `the job has failed: ${failure.message ?? failure.reason}`,
      fix: 'its log says why; correct that and run the same command again',
      ...(ask && { ask }),
    };
  }
  const trouble = last && explainPod(last, events);
  return { ...base, figure: 'running', ...(trouble ?? { state: 'waiting', reason: last ? 'the job runs' : 'the job has no pod yet' }) };
}

function claim(object: KubeObject, events: readonly KubeObject[]): Finding {
  const event = latest(events, object, ['ProvisioningFailed', 'FailedBinding', 'WaitForFirstConsumer', 'ExternalProvisioning']);
  return {
    component: labelOf(object, 'component') ?? object.metadata.name,
    object: nameOf(object),
    state: 'waiting',
    figure: object.status?.phase ?? 'Pending',
    reason: event?.['message'] ?? 'the volume is not bound yet',
    fix: 'a default StorageClass must be there: "waybill cluster check" looks',
  };
}
