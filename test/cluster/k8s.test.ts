import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { placeSteadily } from './steady-orders.ts';

// Needs KUBECONFIG, and images that the cluster can have: K8S_IMAGE, or the one of this checkout. Everything else of the
// environment (HELM, KUBECTL, K8S_MONITORING, K8S_PROD_TOPOLOGY) is passed on. CLUSTER_NEXT_IMAGE names what is upgraded to:
// the same or newer code under another tag. The installation stays; with CLUSTER_CLEAN=1 it goes in the end.
const run = promisify(execFile);
const launcher = fileURLToPath(new URL('../../apps/cli/bin/waybill.js', import.meta.url));
const root = process.env['WAYBILL_ROOT'] ?? mkdtempSync(join(tmpdir(), 'waybill-cluster-'));
const environment = process.env['CLUSTER_ENVIRONMENT'] ?? 'prod';

type Ran = { code: number; out: string; err: string };

async function waybill(...args: string[]): Promise<Ran> {
  const env = { ...process.env, WAYBILL_ROOT: root };
  try {
    const { stdout, stderr } = await run(process.execPath, [launcher, '-I', ...args], { env, maxBuffer: 64 * 1_048_576 });
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code = 1, stdout = '', stderr = '' } = error as { code?: number; stdout?: string; stderr?: string }; // execFile's rejection
    return { code, out: stdout, err: stderr };
  }
}

const kubectl = async (...args: string[]): Promise<string> => (await run(process.env['KUBECTL'] ?? 'kubectl', args)).stdout.trim();

async function succeeds(...args: string[]): Promise<string> {
  const { code, out, err } = await waybill(...args);
  expect(code, `waybill ${args.join(' ')}\n${out}\n${err}`).toBe(0);
  return out;
}

beforeAll(() => {
  if (!process.env['KUBECONFIG']) throw new Error('KUBECONFIG is not set: these tests need a cluster');
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

test('an overlay of the user’s changes a replica count and adds a label, and rollback takes it back', async () => {
  const custom = join(root, 'env-custom');
  mkdirSync(custom, { recursive: true });
  writeFileSync(
    join(custom, 'kustomization.yaml'),
    `apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
labels:
  - pairs: { team: shop }
patches:
  - target: { kind: Deployment, name: codec-server, namespace: ${environment} }
    patch: '[{ op: replace, path: /spec/replicas, value: 2 }]'
`,
  );
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
    await succeeds('secrets', 'rotate', name, '-e', environment);
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
    await customers.accepted(20);
    await succeeds('k8s', 'rollback', '-e', environment);
    expect(await currentBuild()).toBe(before);
  } finally {
    await succeeds('config', 'save', ...(chosen.code === 0 ? ['-s', `K8S_IMAGE=${chosen.out.trim()}`] : ['-U', 'K8S_IMAGE']));
  }
  const ended = await customers.finish();
  expect(ended.filter(({ status }) => status !== 'completed').map(({ id, status }) => `${id} ${status}`)).toEqual([]);
  await succeeds('k8s', 'verify', '-e', environment);
});

/** Of the workers of orders, as Temporal says. */
async function currentBuild(): Promise<string | null> {
  const { deployments } = JSON.parse(await succeeds('temporal', 'builds', '-e', environment, '--json')) as {
    deployments: { name: string; current: string | null }[];
  };
  return deployments.find(({ name }) => name === 'waybill-orders')?.current ?? null;
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
