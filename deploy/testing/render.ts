import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseManifests } from '@waybill/cli/k8s/manifests';
import type { KubeObject } from '@waybill/cli/k8s/objects';
import { parse } from 'yaml';
import { findHelm, type HelmMajor } from '../../test/tools/helm.ts';
import type { Topology } from '../budgets.ts';

const run = promisify(execFile);

export const deployFile = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

export type Chart = 'waybill' | 'platform' | 'monitoring';
export type EnvironmentName = 'staging' | 'prod';
export const topologies: readonly Topology[] = ['compact', 'services'];
export const environmentNames: readonly EnvironmentName[] = ['staging', 'prod'];
export const entrances = ['none', 'gatewayApi', 'ingress', 'caddy'] as const;

/** Values by their path: `{ 'entrance.type': 'caddy' }`. */
export type Settings = Readonly<Record<string, string | number | boolean | readonly unknown[] | object>>;

/** A file of values, for `set`, which takes values by their first key. */
export const settingsOf = (path: string): Settings => parse(readFileSync(deployFile(path), 'utf8'), { merge: true });

/** `alone`: prod without staging beside it. */
export type Rendering = {
  chart: Chart;
  topology?: Topology;
  environment?: EnvironmentName;
  alone?: boolean;
  set?: Settings;
  helm?: HelmMajor;
};

const namespaceOf = ({ chart, environment = 'prod' }: Rendering): string =>
  chart === 'platform' ? 'infra' : chart === 'monitoring' ? 'monitoring' : environment;

/** The files that the command gives to Helm for a release, weakest first. */
export function valuesFiles({ chart, topology = 'compact', environment = 'prod', alone = false }: Rendering): string[] {
  if (chart === 'platform') {
    const staging = ['environments/staging-platform.yaml', `topologies/${topology}-platform-staging.yaml`];
    return ['environments/infra.yaml', `topologies/${topology}-platform.yaml`, ...(alone ? [] : staging)];
  }
  if (chart === 'monitoring') return ['environments/monitoring.yaml'];
  return [`topologies/${topology}.yaml`, `environments/${environment}.yaml`];
}

const rendered = new Map<string, Promise<string>>();

/** What `helm template` prints. Rejects with what Helm says. The same rendering is done once. */
export function renderText(rendering: Rendering): Promise<string> {
  const key = JSON.stringify(rendering);
  const known = rendered.get(key);
  if (known !== undefined) return known;
  const text = template(rendering);
  rendered.set(key, text);
  return text;
}

async function template(rendering: Rendering): Promise<string> {
  const { chart, set = {}, helm = 4 } = rendering;
  const files = valuesFiles(rendering).map(deployFile).filter(existsSync); // a topology need not say anything about every chart
  const { stdout } = await run(
    await findHelm(helm),
    [
      'template',
      chart,
      deployFile(`charts/${chart}`),
      '--namespace',
      namespaceOf(rendering),
      ...['--kube-version', '1.36.0'], // a Helm 3 of `go install` believes in 1.20
      ...files.flatMap((file) => ['--values', file]),
      ...Object.entries(set).flatMap(([path, value]) => ['--set-json', `${path}=${JSON.stringify(value)}`]),
    ],
    { maxBuffer: 64_000_000 },
  ).catch((error: { stderr?: string }) => {
    throw new Error(error.stderr ?? String(error));
  });
  return stdout;
}

/** The objects of a chart, each with its namespace. */
export async function render(rendering: Rendering): Promise<KubeObject[]> {
  const objects = parseManifests(await renderText(rendering), `the chart ${rendering.chart}`);
  const namespace = namespaceOf(rendering);
  return objects.map((object) => ({ ...object, metadata: { namespace, ...object.metadata } }));
}

/** All three charts, as they stand beside each other in a cluster. */
export async function renderAll(rendering: Omit<Rendering, 'chart'>): Promise<KubeObject[]> {
  const { set, ...common } = rendering;
  const charts = await Promise.all([
    render({ ...common, chart: 'platform' }),
    render({ ...common, chart: 'monitoring' }),
    render({ ...common, chart: 'waybill', ...(set && { set }) }),
  ]);
  return charts.flat();
}
