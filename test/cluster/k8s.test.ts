import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { door, environment, kubectl, leave, requireCluster, root, succeeds, topology, waybill, withEnvironment } from './installation.ts';
import { placeSteadily, unfinished } from './steady-orders.ts';

// CLUSTER_NEXT_IMAGE names what is upgraded to: the same or newer code under another tag.
beforeAll(() => requireCluster());
afterAll(leave);

test('one command leads from an empty cluster to a completed order', async () => {
  const out = await succeeds('k8s', 'quickstart', '-e', environment);
  expect(out).toMatch(/ord_\w+ is completed after/);
  await succeeds('k8s', 'status', '-e', environment);
});

test('the same command again changes nothing, and diff says so', async () => {
  await succeeds('k8s', 'quickstart', '-e', environment);
  expect(await succeeds('k8s', 'diff', '-e', environment)).toContain('no difference');
});

test('what is deleted comes back with start', async () => {
  for (const object of ['deployment/codec-server', 'service/gateway', 'configmap/waybill-config']) {
    await kubectl('delete', '--namespace', environment, object);
  }
  await kubectl('delete', 'jobs', '--namespace', environment, '--all');
  await succeeds('k8s', 'start', '-e', environment);
  await succeeds('k8s', 'verify', '-e', environment);
});

test('stop keeps volumes and Services, and start goes on with every order', async () => {
  const address = await kubectl('get', 'service', 'gateway', '--namespace', environment, '--output', 'jsonpath={.spec.clusterIP}');
  const volumes = await kubectl('get', 'pvc', '--namespace', 'infra', '--output', 'name');
  await succeeds('k8s', 'stop', '-e', environment);
  await expect.poll(async () => (await waybill('k8s', 'status', '-e', environment)).out, { timeout: 120_000 }).toContain('it is stopped');
  expect(await kubectl('get', 'pvc', '--namespace', 'infra', '--output', 'name')).toBe(volumes);
  await succeeds('k8s', 'start', '-e', environment);
  expect(await kubectl('get', 'service', 'gateway', '--namespace', environment, '--output', 'jsonpath={.spec.clusterIP}')).toBe(address);
  await succeeds('k8s', 'verify', '-e', environment);
});

test('the overlay of the guide changes a replica count and adds a label, and rollback takes it back', async () => {
  const custom = join(root, 'env-custom');
  mkdirSync(custom, { recursive: true });
  const guide = readFileSync(new URL('../../docs/kubernetes.md', import.meta.url), 'utf8');
  const [, example = ''] = /```yaml\n# env-custom\/kustomization.yaml\n(.+?)```/s.exec(guide) ?? [];
  expect(example).toContain('team: shop');
  writeFileSync(join(custom, 'kustomization.yaml'), example.replace('namespace: prod', `namespace: ${environment}`));
  try {
    await succeeds('k8s', 'start', '-e', environment, '-l', 'apps');
    const replicas = () =>
      kubectl(
        'get',
        'deployment',
        'codec-server',
        '--namespace',
        environment,
        '--output',
        'jsonpath={.spec.replicas} {.metadata.labels.team}',
      );
    expect(await replicas()).toBe('2 shop');
    await succeeds('k8s', 'rollback', '-e', environment);
    expect(await replicas()).toBe('1');
  } finally {
    rmSync(join(custom, 'kustomization.yaml')); // and not the values beside it
  }
});

test('a database password and the key rings are exchanged without an error', async () => {
  for (const name of ['ORDERS_DATABASE_PASSWORD', 'ENCRYPTION_KEYS', 'SERVICE_TOKEN_KEYS']) {
    await succeeds('secrets', 'rotate', name, '-e', environment, '--settle', '10'); // pods read within a second what an annotation announces
    await succeeds('k8s', 'verify', '-e', environment);
  }
  const kept = await waybill('secrets', 'rotate', 'ENCRYPTION_KEYS', '-e', environment, '--retire');
  expect(kept.code).toBe(5);
  expect(kept.err).toContain('are sealed with the old key');
});

test('a migration that fails stops the upgrade with its log, what served goes on, and the next try succeeds', async () => {
  const wrong = 'postgres://postgres:wrong@postgresql.infra.svc:5432/postgres';
  const failed = await withEnvironment({ K8S_DATABASE_URL: wrong }, () => waybill('k8s', 'start', '-e', environment, '-l', 'apps'));
  expect(failed.code).toBe(6);
  expect(failed.err).toMatch(/Job .*migrate.*has failed/s);
  await succeeds('k8s', 'verify', '-e', environment);
  await succeeds('k8s', 'start', '-e', environment, '-l', 'apps');
});

test('a newer build takes over while orders are in flight, and rollback goes back; every order ends', async () => {
  const nextImage = process.env['CLUSTER_NEXT_IMAGE'];
  if (!nextImage) throw new Error('CLUSTER_NEXT_IMAGE is missing: name an image of the same or newer code under another tag');
  const before = await currentBuild();
  const next = nextImage.slice(nextImage.lastIndexOf(':') + 1);
  expect(before, 'CLUSTER_NEXT_IMAGE names the build that runs').not.toBe(next);
  const chosen = await waybill('config', 'printvalue', 'K8S_IMAGE');
  using customers = await placeSteadily(await door());
  await customers.accepted(10);
  try {
    await succeeds('k8s', 'quickstart', '-e', environment, '--image', nextImage);
    expect(await currentBuild()).toBe(next);
    if (topology === 'services') expect(await openOrdersOf(before)).toBeGreaterThanOrEqual(10);
    await customers.accepted(20);
    await succeeds('k8s', 'rollback', '-e', environment);
    expect(await currentBuild()).toBe(before);
    if (topology === 'services') expect(await openOrdersOf(next)).toBeGreaterThan(0);
  } finally {
    await succeeds('config', 'save', ...(chosen.code === 0 ? ['-s', `K8S_IMAGE=${chosen.out.trim()}`] : ['-U', 'K8S_IMAGE']));
  }
  const ended = await customers.finish();
  expect(unfinished(ended)).toEqual([]);
  const ran = (build: string | null) => `TemporalUsedWorkerDeploymentVersions = "waybill-orders:${build}"`;
  expect(await countWorkflows(ran(next)), 'orders began on the new build').toBeGreaterThan(0);
  const changed = expect(await countWorkflows(`${ran(next)} and ${ran(before)}`), 'orders that changed their build');
  if (topology === 'services') changed.toBe(0);
  else changed.toBeGreaterThan(0);
  await succeeds('k8s', 'verify', '-e', environment);
});

/** Of the workers of orders, as Temporal says. */
async function buildsOfOrders() {
  const { deployments } = JSON.parse(await succeeds('temporal', 'builds', '-e', environment, '--json')) as {
    deployments: { name: string; current: string | null; builds: { buildId: string; openOrders: number }[] }[];
  };
  return deployments.find(({ name }) => name === 'waybill-orders');
}

const currentBuild = async (): Promise<string | null> => (await buildsOfOrders())?.current ?? null;

const openOrdersOf = async (build: string | null): Promise<number> =>
  (await buildsOfOrders())?.builds.find(({ buildId }) => buildId === build)?.openOrders ?? 0;

async function countWorkflows(query: string): Promise<number> {
  const out = await succeeds('temporal', 'exec', '-e', environment, '--', 'workflow', 'count', '--output', 'json', '--query', query);
  return Number((JSON.parse(out) as { count?: string }).count ?? 0); // Temporal leaves out a zero
}
