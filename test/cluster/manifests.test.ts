import { afterAll, beforeAll, expect, test } from 'vitest';
import type { KubeObject } from '../../apps/cli/k8s/objects.ts';
import { environment, kubectl, leave, objects, requireCluster, root, succeeds, waybill } from './installation.ts';

const ours = 'app.kubernetes.io/part-of=waybill';
const namespaces = ['infra', 'monitoring', environment];
const kinds = [
  ...['deployments', 'statefulsets', 'services', 'configmaps', 'secrets', 'serviceaccounts', 'persistentvolumeclaims'],
  ...['poddisruptionbudgets', 'networkpolicies', 'roles', 'rolebindings', 'horizontalpodautoscalers'],
];

beforeAll(async () => {
  requireCluster();
  await wipe();
});
afterAll(leave);

test('kubectl apply -k installs, in one go and any order, what the command installs', async () => {
  await succeeds('secrets', 'generate', '-e', environment);
  await succeeds('k8s', 'render', '-e', environment);
  await kubectl('apply', '--server-side', '-k', root);
  await succeeds('k8s', 'wait', '-e', environment, '--timeout', '600');
  await succeeds('k8s', 'do', 'seed', '-e', environment);
  await succeeds('k8s', 'verify', '-e', environment);
  const applied = await everything();

  await wipe();
  await succeeds('k8s', 'quickstart', '-e', environment);
  const installed = await everything();
  expect([...applied.keys()].sort()).toEqual([...installed.keys()].sort());
  for (const [name, object] of installed) expect(applied.get(name), name).toEqual(object);
  console.log(`${installed.size} objects are the same`);
  expect(await succeeds('k8s', 'diff', '-e', environment)).toContain('no difference');
});

/** Data too: its passwords are those of the installation that made it. */
async function wipe(): Promise<void> {
  await waybill('k8s', 'delete', '-e', environment, '-l', 'all', '--volumes', '-y'); // there may be nothing
  await kubectl('delete', 'priorityclasses', '--selector', ours);
  await kubectl('delete', 'namespace', ...namespaces, '--ignore-not-found', '--timeout=300s');
}

/** Every object of ours, without what the cluster writes into it and what only tells who made it. */
async function everything(): Promise<Map<string, unknown>> {
  const all = new Map<string, unknown>();
  for (const object of await objects('priorityclasses', '--selector', ours))
    all.set(`PriorityClass/${object.metadata.name}`, essence(object));
  for (const namespace of namespaces) {
    for (const object of await objects(kinds.join(','), '--namespace', namespace, '--selector', ours))
      all.set(`${namespace}/${object.kind}/${object.metadata.name}`, essence(object));
  }
  return all;
}

const madeByCluster =
  /^(kubectl\.kubernetes\.io|deployment\.kubernetes\.io|meta\.helm\.sh|pv\.kubernetes\.io|volume\.(beta\.)?kubernetes\.io)\//;

function essence({ metadata, status: _, ...rest }: KubeObject): unknown {
  const { annotations = {}, labels: { 'app.kubernetes.io/managed-by': __, ...labels } = {} } = metadata;
  const own = Object.fromEntries(Object.entries(annotations).filter(([name]) => !madeByCluster.test(name)));
  const spec = structuredClone(rest.spec);
  // Given by the cluster, another each time.
  if (rest['kind'] === 'Service') for (const field of ['clusterIP', 'clusterIPs', 'healthCheckNodePort']) delete spec[field];
  if (rest['kind'] === 'PersistentVolumeClaim') delete spec.volumeName;
  return { ...rest, spec, labels, annotations: own };
}
