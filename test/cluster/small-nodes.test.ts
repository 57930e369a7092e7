import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { stringify } from 'yaml';
import { requestOf } from '../../apps/cli/cluster/fit.ts';
import { parseManifests } from '../../apps/cli/k8s/manifests.ts';
import { isHook, type KubeObject } from '../../apps/cli/k8s/objects.ts';
import { compactPods, smallNodeMi, smallNodes } from '../../deploy/budgets.ts';
import { apply, componentOf, environment, kubectl, objects, requireCluster, succeeds, withEnvironment } from './installation.ts';

// Nodes that have memory and nobody who runs their pods: it is the scheduler that is asked.
const label = 'waybill.dev/small-node';
const nodes = Array.from({ length: smallNodes }, (_, index) => `small-${index + 1}`);
const capacity = { cpu: '4', memory: `${smallNodeMi}Mi`, 'ephemeral-storage': '20Gi', pods: '110' };
const node = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: { [label]: 'true', 'kubernetes.io/hostname': name } },
  spec: { taints: [{ key: label, effect: 'NoSchedule' }] },
  status: { allocatable: capacity, capacity },
});

const patch = (target: Record<string, string>, ...operations: { op: string; path: string; value?: unknown }[]) => ({
  target,
  patch: stringify(operations),
});
const ownVolume = (kind: string, name: string) => ({
  target: { kind, name },
  patch: stringify({
    apiVersion: 'apps/v1',
    kind,
    metadata: { name },
    spec: { template: { spec: { volumes: [{ name: 'data', persistentVolumeClaim: null, emptyDir: {} }] } } },
  }),
});

// These nodes only, whatever is said of their health; and no claims of volumes, which nobody there could meet.
const overlay = {
  apiVersion: 'kustomize.config.k8s.io/v1alpha1',
  kind: 'Component',
  patches: [
    patch(
      { kind: 'Deployment|StatefulSet|Job' },
      { op: 'add', path: '/spec/template/spec/nodeSelector', value: { [label]: 'true' } },
      { op: 'add', path: '/spec/template/spec/tolerations', value: [{ operator: 'Exists' }] },
    ),
    ...['postgresql', 'prometheus'].flatMap((name) => [
      patch(
        { kind: 'StatefulSet', name },
        { op: 'remove', path: '/spec/volumeClaimTemplates' },
        { op: 'remove', path: '/spec/persistentVolumeClaimRetentionPolicy' },
      ),
      ownVolume('StatefulSet', name),
    ]),
    ownVolume('Deployment', 'caddy'),
  ],
};

const root = mkdtempSync(join(tmpdir(), 'waybill-small-'));
const settings = {
  WAYBILL_ROOT: root,
  [`K8S_${environment.toUpperCase()}_TOPOLOGY`]: 'compact',
  K8S_MONITORING: 'true',
  K8S_ENTRANCE: 'caddy',
  [environment === 'prod' ? 'K8S_HOST' : 'K8S_STAGING_HOST']: 'shop.example.com',
  K8S_SECRETS: 'external', // those of the installation stay as they are
};
const namespaces = ['infra', 'monitoring', environment];

beforeAll(async () => {
  requireCluster();
  await succeeds('k8s', 'delete', '-e', environment, '-l', 'all', '-y'); // its data stays
  await removeAll(); // of a run that was cut off
  mkdirSync(join(root, 'env-custom'));
  writeFileSync(join(root, 'env-custom', 'kustomization.yaml'), stringify(overlay));
});
afterAll(async () => {
  await removeAll();
  rmSync(root, { recursive: true });
});

test('a compact installation with monitoring and entrance finds room on three small nodes, in the order of an install', async () => {
  await apply(nodes.map(node));
  await withEnvironment(settings, async () => {
    for (const part of ['infra', 'monitoring', 'apps']) {
      await succeeds('k8s', 'render', '-e', environment, '-l', part);
      const all = parseManifests(await kubectl('kustomize', root), part).filter(({ kind }) => kind !== 'PersistentVolumeClaim');
      await place(all.filter((object) => !isWorkload(object) && !isHook(object)));
      await place(all.filter(isHook)); // they have ended before the rest is made
      await place(all.filter((object) => isWorkload(object) && !isHook(object)));
    }
  });
  const pods = await podsThere();
  for (const name of nodes) {
    const own = pods.filter(({ spec }) => spec.nodeName === name).map((pod) => requestOf(componentOf(pod), pod.spec));
    console.log(`${name}: ${own.map((pod) => `${pod.name} ${pod.memory}`).join(', ')}`);
  }
  const asked = Object.fromEntries(pods.map((pod) => [componentOf(pod), requestOf('', pod.spec).memory]));
  expect(asked).toEqual(compactPods());
  expect(pods.length).toBe(Object.keys(asked).length);
});

const isWorkload = ({ kind }: KubeObject): boolean => kind === 'Deployment' || kind === 'StatefulSet' || kind === 'Job';

/** Makes objects, and waits until each of their pods has a node. Jobs end, where there is somebody to run them: here they are taken out. */
async function place(list: readonly KubeObject[]): Promise<void> {
  if (list.length === 0) return;
  await apply(list);
  const workloads = list.filter(isWorkload).map(({ metadata }) => metadata.name);
  const without = async () => {
    const pods = await podsThere();
    for (const { metadata } of pods) if (metadata.deletionTimestamp) await endPod(metadata.namespace ?? '', metadata.name); // they give way
    const missing = workloads.filter((name) => !pods.some(({ metadata }) => metadata.name.startsWith(name)));
    return [...missing, ...pods.filter(({ spec }) => !spec.nodeName).map(reasonOf)];
  };
  await expect.poll(without, { timeout: 90_000, interval: 1_000 }).toEqual([]);
  for (const { kind, metadata } of list) {
    const { name, namespace = '' } = metadata;
    if (kind !== 'Job') continue;
    await kubectl('delete', 'job', name, '--namespace', namespace, '--wait=false');
    await endPod(namespace, '--selector', `job-name=${name}`);
  }
}

const podsThere = async (): Promise<KubeObject[]> =>
  (await Promise.all(namespaces.map((namespace) => objects('pods', '--namespace', namespace)))).flat();

const reasonOf = ({ metadata, status }: KubeObject): string =>
  `${metadata.name}: ${status?.conditions?.find(({ type }: { type: string }) => type === 'PodScheduled')?.message ?? 'not looked at yet'}`;

/** At once: no node would ever say that it has ended. */
const endPod = (namespace: string, ...which: string[]): Promise<string> =>
  kubectl('delete', 'pods', '--namespace', namespace, ...which, '--grace-period=0', '--force', '--ignore-not-found');

const kinds = 'deployments,statefulsets,jobs,services,configmaps,poddisruptionbudgets,networkpolicies,serviceaccounts,roles,rolebindings';

async function removeAll(): Promise<void> {
  const ours = 'app.kubernetes.io/part-of=waybill';
  for (const namespace of namespaces) {
    await kubectl('delete', kinds, '--namespace', namespace, '--selector', ours, '--wait=false');
    await vi.waitUntil(
      async () => {
        await endPod(namespace, '--selector', ours);
        return (await objects('pods', '--namespace', namespace)).length === 0;
      },
      { timeout: 60_000, interval: 1_000 },
    );
  }
  await kubectl('delete', 'priorityclasses', '--selector', ours); // Helm takes over none that it did not make
  await kubectl('delete', 'nodes', ...nodes, '--ignore-not-found', '--wait=false');
}
