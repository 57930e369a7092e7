import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../apps/cli/k8s/objects.ts';
import { entrances, environmentNames, type Rendering, render, type Settings, settingsOf, topologies } from '../../deploy/testing/render.ts';
import { helmMajors } from '../tools/helm.ts';
import { goModule } from './image/programs.ts';
import { apply, kubectl, requireCluster, serverApply } from './installation.ts';

const namespace = 'waybill-dry-run';
const clusterScoped = new Set(['ClusterRole', 'ClusterRoleBinding', 'PriorityClass', 'Namespace']);

/** Kinds that a cluster has only with an operator's definitions, and where those are. */
const definitions = [
  { module: 'sigs.k8s.io/gateway-api@v1.4.1', folder: 'config/crd/standard' },
  { module: 'github.com/prometheus-operator/prometheus-operator@v0.85.0', folder: 'example/prometheus-operator-crd' },
  { module: 'github.com/kedacore/keda/v2@v2.18.1', folder: 'config/crd/bases' },
  { module: 'github.com/external-secrets/external-secrets@v1.3.2', folder: 'config/crds/bases' },
  { module: 'github.com/envoyproxy/gateway@v1.9.1', folder: 'charts/gateway-helm/charts/crds/crds/generated' },
  { module: 'github.com/traefik/traefik/v3@v3.7.13', folder: 'docs/content/reference/dynamic-configuration' },
];
const needed =
  /_(gatewayclasses|gateways|httproutes|grpcroutes|servicemonitors|podmonitors|prometheusrules|scaledobjects|triggerauthentications|externalsecrets|clienttrafficpolicies|tlsoptions)\.yaml$/;

beforeAll(async () => {
  requireCluster();
  await apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }]);
  for (const { module, folder } of definitions) {
    const from = join(await goModule(module), folder);
    const files = readdirSync(from).filter((name) => needed.test(name));
    expect(files, `definitions in ${module}`).not.toEqual([]);
    const crds = files.flatMap((name) => parseAllDocuments(readFileSync(join(from, name), 'utf8')).map((document) => document.toJS()));
    await apply(crds.filter(Boolean));
  }
  await kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s');
});
afterAll(() => kubectl('delete', 'namespace', namespace, '--ignore-not-found', '--wait=false'));

const route = (type: string, more: Settings): Settings => ({
  'temporal.route.type': type,
  'temporal.route.host': 'temporal.example.com',
  'temporal.route.tls.clientCa': 'temporal-clients',
  ...more,
});

function renderings(): Rendering[] {
  const each = <T>(values: readonly T[], make: (value: T) => Rendering[]) => values.flatMap(make);
  return [
    ...each(topologies, (topology) => each([true, false], (alone) => [{ chart: 'platform', topology, alone }])),
    ...each(['platform-large', 'platform-aws', 'platform-operators', 'platform-temporal-cloud'], (name) => [
      { chart: 'platform', topology: 'services', set: settingsOf(`production/${name}.yaml`) },
    ]),
    {
      chart: 'platform',
      set: route('gatewayApi', { 'temporal.route.gateway.className': 'envoy', 'temporal.route.gateway.clientValidation': 'envoy' }),
    },
    ...each(['nginx', 'traefik'], (controller) => [
      { chart: 'platform', set: route('ingress', { 'temporal.route.ingress.controller': controller }) },
    ]),
    { chart: 'monitoring' },
    ...each(['monitoring', 'monitoring-operator'], (name) => [{ chart: 'monitoring', set: settingsOf(`production/${name}.yaml`) }]),
    ...each(topologies, (topology) =>
      each(environmentNames, (environment) =>
        each(entrances, (type) => [
          {
            chart: 'waybill',
            topology,
            environment,
            set:
              type === 'none'
                ? {}
                : { 'entrance.type': type, 'entrance.host': 'shop.example.com', 'entrance.gatewayApi.className': 'envoy' },
          },
        ]),
      ),
    ),
    ...each(['waybill-aws', 'waybill-operators'], (name) => [
      { chart: 'waybill', topology: 'services', set: settingsOf(`production/${name}.yaml`) },
    ]),
    { chart: 'waybill', set: settingsOf('production/waybill-temporal-cloud.yaml') }, // names no brokers, which services would need
    { chart: 'waybill', topology: 'services', set: { 'autoscaling.keda.enabled': true, 'serviceMonitor.enabled': true } },
    { chart: 'waybill', set: { 'externalSecret.enabled': true, 'externalSecret.storeName': 'vault' } },
  ];
}

// Strimzi's definitions are in no Go module, so its manifests are not here.
test('the API takes every object of every topology, environment, entrance and production values file, of every Helm', async () => {
  const distinct = new Map<string, KubeObject>();
  for (const rendering of renderings()) {
    for (const helm of helmMajors) {
      for (const object of await render({ ...rendering, helm })) {
        const { namespace: _, ...metadata } = object.metadata;
        const placed = { ...object, metadata: clusterScoped.has(object.kind) ? metadata : { ...metadata, namespace } };
        distinct.set(JSON.stringify(placed), placed);
      }
    }
  }
  const { taken, refused } = await tryOut([...distinct.values()]);
  expect(refused).toEqual([]);
  expect(taken).toBe(distinct.size);
  console.log(`the API would take ${taken} objects`);
});

/** What the API would say to each object, without keeping any. */
async function tryOut(list: readonly KubeObject[]): Promise<{ taken: number; refused: string[] }> {
  const { out, err } = await serverApply(list, '--dry-run=server', '--field-manager=waybill-dry-run');
  const lines = (said: string) => said.split('\n').filter((line) => line.trim() !== '');
  return { taken: lines(out).length, refused: lines(err).filter((line) => !line.startsWith('Warning:')) };
}
