// Everything that one object says of another holds: hosts, ports, probes, selectors, keys of Secrets and names of settings, across the
// three charts as they stand in one cluster.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfiguration } from '@waybill/cli/configuration';
import { environmentSecrets } from '@waybill/cli/k8s/cluster-secrets';
import type { KubeObject } from '@waybill/cli/k8s/objects';
import { rootAt } from '@waybill/cli/root';
import { generateSecrets } from '@waybill/cli/secrets';
import { allSettings } from '@waybill/server/settings';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mayCall } from './testing/network.ts';
import { entrances, environmentNames, renderAll, type Settings, topologies } from './testing/render.ts';
import { containerPort, matches, nameOf, type Pod, podsOf, secretKeysOf, textsOf } from './testing/workloads.ts';

const cases = topologies.flatMap((topology) =>
  environmentNames.flatMap((environment) => entrances.map((entrance) => ({ topology, environment, entrance }))),
);

const settingsOf = (entrance: (typeof entrances)[number]): Settings => ({
  'entrance.type': entrance,
  'entrance.host': 'shop.example.com',
  'entrance.gatewayApi.className': 'traefik',
  'entrance.grpc.enabled': entrance === 'gatewayApi',
});

/** Names that lead out of the cluster, or back into the pod itself. */
const outside = /^(localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\]|shop\.example\.com|)$/;

type Address = { host: string; port: number };

/** Every host:port in a text. */
function addressesIn(text: string): Address[] {
  const found = text.matchAll(/(?<![\w.@-])((?:[a-z][a-z0-9-]*)(?:\.[a-z][a-z0-9-]*)*):(\d{2,5})(?![\w.:])/g);
  return [...found].map(([, host = '', port]) => ({ host, port: Number(port) })).filter(({ host }) => !outside.test(host));
}

function serviceOf(objects: readonly KubeObject[], host: string, from: string): KubeObject | undefined {
  const [name, namespace = from, ...rest] = host.split('.');
  if (!['', 'svc', 'svc.cluster.local'].includes(rest.join('.'))) return undefined;
  return objects.find(({ kind, metadata }) => kind === 'Service' && metadata.name === name && metadata.namespace === namespace);
}

const behind = (service: KubeObject, pods: readonly Pod[]): Pod[] =>
  pods.filter(
    ({ namespace, labels }) => namespace === service.metadata.namespace && matches({ matchLabels: service.spec.selector }, labels),
  );

describe.each(cases)('$topology, $environment, entrance $entrance', ({ topology, environment, entrance }) => {
  let objects: KubeObject[];
  let pods: Pod[];
  beforeAll(async () => {
    objects = await renderAll({ topology, environment, set: settingsOf(entrance) });
    pods = podsOf(objects);
  });

  it('writes no rule that allows nothing: the cluster forgets it, so that every install would change it again', () => {
    const policies = objects.filter(({ kind }) => kind === 'NetworkPolicy');
    expect(policies.length).toBeGreaterThan(0);
    const empty = policies.filter(({ spec }) => spec.ingress?.length === 0 || spec.egress?.length === 0);
    expect(empty.map(({ metadata }) => metadata.name)).toEqual([]);
  });

  it('gives pods no class of priority that is not made: they would never come', () => {
    const classes = objects.filter(({ kind }) => kind === 'PriorityClass').map(({ metadata }) => metadata.name);
    const named = pods.flatMap((pod) => (pod.spec.priorityClassName ? [`${nameOf(pod)}: ${pod.spec.priorityClassName}`] : []));
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((text) => !classes.some((name) => text.endsWith(`: ${name}`)))).toEqual([]);
  });

  it('leads every host and port that a pod is told to a pod that listens, which the network policies let it reach', () => {
    const problems: string[] = [];
    for (const pod of pods) {
      for (const [where, text] of Object.entries(textsOf(pod, objects))) {
        for (const { host, port } of addressesIn(text)) {
          const told = `${nameOf(pod)}: ${where} names ${host}:${port}`;
          const service = serviceOf(objects, host, pod.namespace);
          const entry = service?.spec.ports.find((one: { port: number }) => one.port === port);
          if (!entry) {
            problems.push(`${told}, and there is no such Service or port`);
            continue;
          }
          const targets = behind(service as KubeObject, pods); // entry was found in it
          if (targets.length === 0) problems.push(`${told}, and no pod stands behind it`);
          for (const target of targets) {
            const listening = containerPort(target, entry.targetPort ?? entry.port);
            if (!listening) problems.push(`${told}, and ${nameOf(target)} has no port ${entry.targetPort}`);
            else if (!mayCall(objects, pod, target, listening.containerPort)) problems.push(`${told}, and a network policy forbids it`);
          }
        }
      }
    }
    expect(problems).toEqual([]);
  });

  it('has a pod with the port behind every port of every Service', () => {
    for (const service of objects.filter(({ kind }) => kind === 'Service')) {
      if (service.spec.type === 'ExternalName' || service.spec.selector === undefined) continue;
      const targets = behind(service, pods);
      expect(targets.length, `${service.metadata.namespace}/${service.metadata.name}`).toBeGreaterThan(0);
      for (const { port, targetPort = port } of service.spec.ports) {
        for (const target of targets)
          expect(containerPort(target, targetPort), `${service.metadata.name}:${port} → ${nameOf(target)}`).toBeDefined();
      }
    }
  });

  it('probes only ports that the container opens, and gives every HTTP probe a time-out', () => {
    for (const pod of pods) {
      for (const container of pod.containers) {
        for (const kind of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
          const probe = container[kind];
          const call = probe?.httpGet ?? probe?.tcpSocket ?? probe?.grpc;
          if (!call) continue;
          expect(containerPort({ ...pod, containers: [container] }, call.port), `${nameOf(pod)} ${kind}`).toBeDefined();
          expect(probe.timeoutSeconds, `${nameOf(pod)} ${kind}`).toBeGreaterThan(1);
          const ours = pod.containers[0]?.['image']?.startsWith('waybill/waybill:');
          if (ours) expect(probe.httpGet.path).toBe(kind === 'readinessProbe' ? '/readyz' : '/healthz');
        }
      }
    }
  });

  it('selects pods by labels that those pods have, and never by a version', () => {
    const selectors = objects.flatMap(({ kind, metadata, spec }) => {
      const selector = kind === 'Service' ? { matchLabels: spec.selector ?? {} } : (spec?.selector ?? spec?.podSelector);
      const fits = ['Service', 'Deployment', 'StatefulSet', 'PodDisruptionBudget', 'NetworkPolicy'].includes(kind);
      return fits && selector ? [{ name: `${kind} ${metadata.namespace}/${metadata.name}`, namespace: metadata.namespace, selector }] : [];
    });
    expect(selectors.length).toBeGreaterThan(0);
    for (const { name, namespace, selector } of selectors) {
      expect(JSON.stringify(selector), name).not.toContain('app.kubernetes.io/version');
      expect(
        pods.some((pod) => pod.namespace === namespace && matches(selector, pod.labels)),
        `${name} selects nothing`,
      ).toBe(true);
    }
    for (const pod of pods) {
      const { selector } = pod.owner.spec;
      if (selector) expect(matches(selector, pod.labels), nameOf(pod)).toBe(true);
    }
  });

  it('gives routes, Ingresses and scalers only targets that are there', () => {
    const exists = (kind: string, name: string) =>
      objects.some((one) => one.kind === kind && one.metadata.name === name && one.metadata.namespace === environment);
    for (const { kind, metadata, spec } of objects.filter((one) => one.metadata.namespace === environment)) {
      if (kind === 'HorizontalPodAutoscaler') expect(exists(spec.scaleTargetRef.kind, spec.scaleTargetRef.name)).toBe(true);
      const backends =
        kind === 'Ingress'
          ? spec.rules.flatMap((rule: { http: { paths: { backend: { service: { name: string; port: { number: number } } } }[] } }) =>
              rule.http.paths.map(({ backend: { service } }) => ({ name: service.name, port: service.port.number })),
            )
          : kind === 'HTTPRoute' || kind === 'GRPCRoute'
            ? spec.rules.flatMap(({ backendRefs = [] }: { backendRefs?: { name: string; port: number }[] }) => backendRefs)
            : [];
      for (const { name, port } of backends) {
        const service = serviceOf(objects, name, environment);
        expect(
          service?.spec.ports.some((one: { port: number }) => one.port === port),
          `${kind} ${metadata.name} → ${name}:${port}`,
        ).toBe(true);
      }
    }
  });

  it('knows every setting that it gives to a pod of ours', () => {
    const others = new Set(['NODE_OPTIONS']);
    for (const pod of pods.filter(({ namespace }) => namespace === environment)) {
      const [container] = pod.containers;
      if (!container?.['image'].startsWith('waybill/waybill:')) continue;
      for (const where of Object.keys(textsOf(pod, objects))) {
        const key = where.split(' ')[1] ?? '';
        if (key === 'arguments' || others.has(key)) continue;
        const plain = key.replace(/_FILE$/, '');
        expect(Object.hasOwn(allSettings, key) || allSettings[plain]?.secret, `${nameOf(pod)}: ${key} is no setting`).toBeTruthy();
      }
    }
  });

  it('gives settings values that they can have', () => {
    const config = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'waybill-config');
    for (const [key, value] of Object.entries<string>(config?.['data']))
      expect(allSettings[key]?.parse(value).ok, `${key}=${value}`).toBe(true);
  });

  it('puts no password and no key into a ConfigMap or a variable', () => {
    for (const pod of pods) {
      for (const [where, text] of Object.entries(textsOf(pod, objects))) {
        expect(/:\/\/[^\s/:@]+:[^\s/@$]+@/.test(text), `${nameOf(pod)}: ${where} holds a login`).toBe(false);
      }
      for (const { env = [] } of pod.containers) {
        for (const { name, value } of env) if (allSettings[name]?.secret) expect(value ?? '', `${nameOf(pod)}: ${name}`).toBe('');
      }
    }
    expect(objects.filter(({ kind }) => kind === 'Secret').map(({ metadata }) => metadata.name)).toEqual([]);
  });

  it('declares in Temporal the namespace that the environment uses', () => {
    const config = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'waybill-config');
    const declaring = pods.find(
      ({ owner, namespace }) => namespace === 'infra' && owner.kind === 'Job' && owner.metadata.name.includes('namespace'),
    );
    expect(declaring).toBeDefined();
    const told = declaring ? Object.values(textsOf(declaring, objects)).join('\n') : '';
    expect(told).toMatch(new RegExp(`(^|[^\\w-])${config?.['data'].TEMPORAL_NAMESPACE}([^\\w-]|$)`, 'm'));
  });
});

describe('the Secrets that the command makes', () => {
  const path = mkdtempSync(join(tmpdir(), 'waybill-secrets-'));
  afterAll(() => rmSync(path, { recursive: true }));

  it.each(cases.filter(({ entrance }) => entrance === 'none'))(
    'hold every key that a pod reads: $topology, $environment',
    async ({ topology, environment }) => {
      const root = rootAt({ flag: path, env: {}, cwd: path });
      generateSecrets(root, 'cluster');
      generateSecrets(root, 'staging');
      const made = environmentSecrets(root, environment, loadConfiguration(root, {}));
      const keys = new Set(
        made.flatMap(({ metadata, stringData }) => Object.keys(stringData).map((key) => `${metadata.namespace}/${metadata.name} ${key}`)),
      );
      const objects = await renderAll({ topology, environment });
      const wanted = podsOf(objects).flatMap((pod) => secretKeysOf(pod).map(({ secret, key }) => `${pod.namespace}/${secret} ${key}`));
      expect(wanted.length).toBeGreaterThan(0);
      expect(wanted.filter((key) => !keys.has(key))).toEqual([]);
    },
  );
});

it('finds addresses in texts, and nothing else', () => {
  expect(addressesIn('postgresql://postgresql.infra:5432/postgres?x=1, kafka.infra:9092,b:9092 localhost:80 12:30 10.0.0.1:80')).toEqual([
    { host: 'postgresql.infra', port: 5432 },
    { host: 'kafka.infra', port: 9092 },
    { host: 'b', port: 9092 },
  ]);
});
