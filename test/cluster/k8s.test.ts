import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launcher, type Ran, run } from './command.ts';
import { placeSteadily } from './steady-orders.ts';

// run.ts starts this. Needs KUBECONFIG, and images that the cluster can have: K8S_IMAGE, or the one of this checkout. Everything else
// of the environment (HELM, KUBECTL, K8S_MONITORING) is passed on. CLUSTER_NEXT_IMAGE names what is upgraded to: the same or newer
// code under another tag. The installation stays; with CLUSTER_CLEAN=1 it goes in the end.
const root = process.env['WAYBILL_ROOT'] ?? mkdtempSync(join(tmpdir(), 'waybill-cluster-'));
const environment = process.env['CLUSTER_ENVIRONMENT'] ?? 'prod';
const topologyKey = `K8S_${environment.toUpperCase()}_TOPOLOGY`;
const topology = process.env['CLUSTER_TOPOLOGY'] ?? process.env[topologyKey] ?? 'compact';

const waybill = (...args: string[]): Promise<Ran> =>
  run(process.execPath, [launcher, '-I', ...args], {
    env: { ...process.env, WAYBILL_ROOT: root, [topologyKey]: topology },
    title: `waybill ${args.join(' ')}`,
  });

async function kubectl(...args: string[]): Promise<string> {
  const { code, out, err } = await run(process.env['KUBECTL'] ?? 'kubectl', args);
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}: ${err}`);
  return out.trim();
}

async function succeeds(...args: string[]): Promise<string> {
  const { code, out, err } = await waybill(...args);
  expect(code, `waybill ${args.join(' ')}\n${out}\n${err}`).toBe(0);
  return out;
}

beforeAll(() => {
  if (!process.env['KUBECONFIG']) throw new Error('KUBECONFIG is not set: these tests need a cluster');
  if (topology !== 'services' || process.env['CLUSTER_SMALL'] !== '1') return;
  mkdirSync(join(root, 'env-custom', 'values'), { recursive: true });
  copyFileSync(fileURLToPath(new URL('small-services.yaml', import.meta.url)), join(root, 'env-custom', 'values', 'waybill.yaml'));
});
afterAll(async () => {
  if (process.env['CLUSTER_CLEAN'] !== '1') return;
  await waybill('k8s', 'delete', '-e', environment, '-l', 'all', '--volumes', '-y');
  rmSync(root, { recursive: true, force: true });
});

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
    rmSync(custom, { recursive: true });
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
  const key = (await succeeds('config', 'printvalue', 'ADMIN_API_KEY', '-e', environment)).trim();
  const chosen = await waybill('config', 'printvalue', 'K8S_IMAGE');
  const door = ['--root', root, '-I', 'k8s', 'port-forward', 'web', '-e', environment];
  using customers = await placeSteadily({ command: [process.execPath, launcher, ...door], port: 39_871, key });
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
  expect(ended.filter(({ status }) => status !== 'completed').map(({ id, status }) => `${id} ${status}`)).toEqual([]);
  if (topology === 'services') {
    const ran = (build: string | null) => `TemporalUsedWorkerDeploymentVersions = "waybill-orders:${build}"`;
    expect(await countWorkflows(ran(next)), 'orders that began on the new build end there').toBeGreaterThan(0);
    expect(await countWorkflows(`${ran(next)} and ${ran(before)}`), 'no order changes its build').toBe(0);
  }
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

async function withEnvironment<T>(changes: Record<string, string>, work: () => Promise<T>): Promise<T> {
  const before = { ...process.env };
  Object.assign(process.env, changes);
  try {
    return await work();
  } finally {
    process.env = before;
  }
}
