import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { KubeObject } from '../../apps/cli/k8s/objects.ts';
import { parseEnvironment } from '../../apps/cli/k8s/releases.ts';
import { launcher, type Ran, run } from './command.ts';

// What the tests of a cluster share. run.ts starts them. They need KUBECONFIG, and images that the cluster can have: K8S_IMAGE, or the
// one of this checkout. Everything else of the environment (HELM, KUBECTL, K8S_MONITORING) is passed on. The installation stays; with
// CLUSTER_CLEAN=1 it goes in the end.
export const root = process.env['WAYBILL_ROOT'] ?? mkdtempSync(join(tmpdir(), 'waybill-cluster-'));
export const environment = parseEnvironment(process.env['CLUSTER_ENVIRONMENT'] ?? 'prod');
const topologyKey = `K8S_${environment.toUpperCase()}_TOPOLOGY`;
export const topology = (process.env['CLUSTER_TOPOLOGY'] ?? process.env[topologyKey]) === 'services' ? 'services' : 'compact';
Object.assign(process.env, { WAYBILL_ROOT: root, [topologyKey]: topology }); // for every command, until `withEnvironment` says otherwise

export const waybill = (...args: string[]): Promise<Ran> =>
  run(process.execPath, [launcher, '-I', ...args], { title: `waybill ${args.join(' ')}` });

export async function succeeds(...args: string[]): Promise<string> {
  const { code, out, err } = await waybill(...args);
  expect(code, `waybill ${args.join(' ')}\n${out}\n${err}`).toBe(0);
  return out;
}

export const kubectlProgram = (): string => process.env['KUBECTL'] ?? 'kubectl';

export async function kubectl(...args: string[]): Promise<string> {
  const { code, out, err } = await run(kubectlProgram(), args);
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}: ${err}`);
  return out.trim();
}

export const serverApply = (list: readonly unknown[], ...args: string[]): Promise<Ran> =>
  run(kubectlProgram(), ['apply', '--server-side', '--force-conflicts', ...args, '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: list }),
  });

/** Puts objects into the cluster as they are. */
export async function apply(list: readonly unknown[]): Promise<void> {
  const { code, err } = await serverApply(list);
  if (code !== 0) throw new Error(`kubectl apply: ${err}`);
}

/** Objects of a kind. */
export async function objects(kind: string, ...args: string[]): Promise<KubeObject[]> {
  const { items } = JSON.parse(await kubectl('get', kind, '--output', 'json', ...args)) as { items: KubeObject[] }; // kubectl's own shape
  return items;
}

/** Pods that run, without those of Jobs and those that go. */
export async function runningPods(...namespaces: readonly string[]): Promise<KubeObject[]> {
  const lists = await Promise.all(namespaces.map((namespace) => objects('pods', '--namespace', namespace)));
  const lasts = ({ metadata }: KubeObject) => metadata.deletionTimestamp === undefined && metadata.labels?.['job-name'] === undefined;
  return lists.flat().filter((pod) => pod.status?.phase === 'Running' && lasts(pod));
}

export const componentOf = ({ metadata }: KubeObject): string => metadata.labels?.['app.kubernetes.io/component'] ?? metadata.name;

/** For `beforeAll`. With CLUSTER_SMALL=1 topology services fits two cores. */
export function requireCluster(folder = root): void {
  if (!process.env['KUBECONFIG']) throw new Error('KUBECONFIG is not set: these tests need a cluster');
  if (topology !== 'services' || process.env['CLUSTER_SMALL'] !== '1') return;
  mkdirSync(join(folder, 'env-custom', 'values'), { recursive: true });
  copyFileSync(fileURLToPath(new URL('small-services.yaml', import.meta.url)), join(folder, 'env-custom', 'values', 'waybill.yaml'));
}

/** For `beforeAll`: the installation as the settings say, whatever was there before. */
export async function install(): Promise<void> {
  requireCluster();
  await succeeds('k8s', 'quickstart', '-e', environment, '--no-verify');
}

/** For `afterAll`. */
export async function leave(): Promise<void> {
  if (process.env['CLUSTER_CLEAN'] !== '1') return;
  await waybill('k8s', 'delete', '-e', environment, '-l', 'all', '--volumes', '-y');
  rmSync(root, { recursive: true, force: true });
}

/** Files below env-custom, by their paths, for as long as the work takes. */
export async function withCustom<T>(files: Record<string, string>, work: () => Promise<T>): Promise<T> {
  const paths = Object.entries(files).map(([path, content]) => {
    const file = join(root, 'env-custom', path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    return file;
  });
  try {
    return await work();
  } finally {
    for (const path of paths) rmSync(path);
  }
}

export async function withEnvironment<T>(changes: Record<string, string>, work: () => Promise<T>): Promise<T> {
  const before = { ...process.env };
  Object.assign(process.env, changes);
  try {
    return await work();
  } finally {
    process.env = before;
  }
}

/** How to come to the API from here: for `placeSteadily` and `openShop`. */
export async function door(of: string = environment): Promise<{ command: [string, ...string[]]; key: string }> {
  const key = (await succeeds('config', 'printvalue', 'ADMIN_API_KEY', '-e', of)).trim();
  return { command: [process.execPath, launcher, '-I', 'k8s', 'port-forward', 'web', '-e', of], key };
}
