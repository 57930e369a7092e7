import type { KubeObject } from '@waybill/cli/k8s/objects';
import { allSettings } from '@waybill/server/settings';
import { describe, expect, it } from 'vitest';
import { helmMajors } from '../test/tools/helm.ts';
import { entrances, environmentNames, render, renderText, type Settings, topologies } from './testing/render.ts';
import { type Container, nameOf, podsOf } from './testing/workloads.ts';

const entranceSettings = (type: (typeof entrances)[number]): Settings => ({
  'entrance.type': type,
  'entrance.host': 'shop.example.com',
  'entrance.tls.clusterIssuer': 'letsencrypt',
  'entrance.gatewayApi.className': 'traefik',
});

const cases = topologies.flatMap((topology) =>
  environmentNames.flatMap((environment) => entrances.map((entrance) => ({ topology, environment, entrance }))),
);

const one = (objects: readonly KubeObject[], kind: string, name: string): KubeObject => {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  if (!found) throw new Error(`no ${kind} ${name} is rendered`);
  return found;
};
const variable = ({ env = [] }: Container, key: string): string | undefined =>
  env.find(({ name }: { name: string }) => name === key)?.value;

describe.each(cases)('the chart waybill: $topology, $environment, entrance $entrance', ({ topology, environment, entrance }) => {
  const set = entranceSettings(entrance);

  it('renders the same under every Helm', async () => {
    const [first, ...others] = await Promise.all(helmMajors.map((helm) => render({ chart: 'waybill', topology, environment, set, helm })));
    for (const other of others) expect(other).toEqual(first);
  });

  it('makes pods that Pod Security "restricted" admits, which hold no token and have bounds', async () => {
    for (const pod of podsOf(await render({ chart: 'waybill', topology, environment, set }))) {
      const { spec } = pod;
      expect(spec.automountServiceAccountToken, nameOf(pod)).toBe(false);
      expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } });
      for (const { securityContext, resources, imagePullPolicy } of pod.containers) {
        expect(securityContext).toMatchObject({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        expect(securityContext.capabilities.add ?? []).toEqual(pod.containers[0]?.name === 'caddy' ? ['NET_BIND_SERVICE'] : []);
        expect(resources.requests).toHaveProperty('cpu');
        expect(resources.limits).toHaveProperty('memory');
        expect(imagePullPolicy).toBe('IfNotPresent');
      }
      for (const volume of spec.volumes) {
        expect(
          Object.keys(volume).filter((key) => !['name', 'secret', 'configMap', 'emptyDir', 'persistentVolumeClaim'].includes(key)),
        ).toEqual([]);
        if (volume.emptyDir) expect(volume.emptyDir.sizeLimit).toBeDefined();
      }
    }
  });

  it('labels every object, and opens no port on nodes', async () => {
    for (const { kind, metadata, spec } of await render({ chart: 'waybill', topology, environment, set })) {
      for (const key of ['name', 'instance', 'component', 'part-of', 'version', 'managed-by'])
        expect(metadata.labels?.[`app.kubernetes.io/${key}`], `${kind} ${metadata.name} lacks the label ${key}`).toBeTruthy();
      expect(metadata.namespace).toBe(environment);
      if (kind === 'Service') expect(spec.type ?? 'ClusterIP').not.toBe('NodePort');
      if (kind === 'Service' && spec.type === 'LoadBalancer') expect(metadata.name).toBe('caddy');
    }
  });

  it('gives a process that hangs no time to drain: its liveness probe has a bound, and ends it soon', async () => {
    const pods = podsOf(await render({ chart: 'waybill', topology, environment, set })).filter(
      ({ owner, spec }) => owner.kind !== 'Job' && spec.containers[0].name !== 'caddy',
    );
    expect(pods.length).toBeGreaterThan(0);
    for (const { livenessProbe } of pods.map(({ spec }) => spec.containers[0])) {
      expect(livenessProbe.timeoutSeconds).toBeLessThanOrEqual(10);
      expect(
        livenessProbe.periodSeconds * livenessProbe.failureThreshold + livenessProbe.terminationGracePeriodSeconds,
      ).toBeLessThanOrEqual(45);
    }
  });

  it('gives a pod time to drain before it is killed', async () => {
    const objects = await render({ chart: 'waybill', topology, environment, set });
    const { data } = one(objects, 'ConfigMap', 'waybill-config') as KubeObject & { data: Record<string, string> };
    const milliseconds = (key: string): number => {
      const parsed = allSettings[key]?.parse(data[key] ?? '');
      return parsed?.ok ? Number(parsed.value) : Number.NaN;
    };
    const stopLimit = 30_000; // after which a process that cannot stop ends itself
    for (const { owner, spec } of podsOf(objects).filter(
      ({ owner: { kind, metadata } }) => kind === 'Deployment' && metadata.name !== 'caddy',
    ))
      expect(spec.terminationGracePeriodSeconds * 1_000, owner.metadata.name).toBeGreaterThanOrEqual(
        milliseconds('DRAIN_DELAY') + milliseconds('DRAIN_TIMEOUT') + stopLimit,
      );
  });
});

describe('the migration', () => {
  it('is a hook that needs nothing of the release, and stays for reading when it fails', async () => {
    const objects = await render({ chart: 'waybill', topology: 'services' });
    const jobs = objects.filter(({ kind }) => kind === 'Job');
    expect(jobs.map(({ metadata }) => metadata.annotations)).toEqual([
      { 'helm.sh/hook': 'pre-install,pre-upgrade', 'helm.sh/hook-delete-policy': 'before-hook-creation' },
    ]);
    const [job] = podsOf(jobs);
    expect(job?.owner.spec.backoffLimit).toBe(3);
    expect(job?.spec.serviceAccountName).toBeUndefined();
    expect(JSON.stringify(job?.spec)).not.toMatch(/configMap|envFrom/);
    expect(job?.containers.map(({ args }) => args)).toEqual([['migrate']]);
    // Under plain manifests PostgreSQL is made at the same time, and tries that fail at once would be used up before it is there.
    expect(job?.containers.map((container) => variable(container, 'MIGRATE_WAIT'))).toEqual(['2m']);
  });

  it('is another Job with another version or other settings, and the same with the same', async () => {
    const nameWith = async (set: Settings) => (await render({ chart: 'waybill', set })).find(({ kind }) => kind === 'Job')?.metadata.name;
    const names = await Promise.all([
      nameWith({ 'image.tag': '0.2.0-0123456789ab' }),
      nameWith({ 'image.tag': '0.2.0-0123456789ab', 'config.DATABASE_PREFIX': 'other' }),
      nameWith({ 'image.tag': '0.3.0-0123456789ab' }),
      nameWith({ 'image.tag': '0.2.0-0123456789ab', 'entrance.type': 'ingress', 'entrance.host': 'shop.example.com' }),
    ]);
    expect(new Set(names).size).toBe(3);
    expect(names[3]).toBe(names[0]);
    expect(names[0]).toMatch(/^migrate-0-2-0-0123456789ab-[0-9a-f]{8}$/);
  });
});

describe('what changes roll which pods', () => {
  const checksums = async (set: Settings) =>
    podsOf(await render({ chart: 'waybill', set }))
      .map(({ annotations }) => annotations['checksum/config'])
      .filter(Boolean);

  it('rolls all of them for a changed setting', async () => {
    const [before, after] = await Promise.all([checksums({}), checksums({ 'config.STOCK_LEASE': '20m' })]);
    expect(before).toHaveLength(3);
    expect(before.some((sum) => after.includes(sum))).toBe(false);
  });

  it('mounts secrets as whole folders, so that a changed one reaches running processes', async () => {
    for (const { spec, containers } of podsOf(await render({ chart: 'waybill', topology: 'services' }))) {
      const [container] = containers;
      expect(container?.['volumeMounts'].find(({ name }: { name: string }) => name === 'secrets')).toEqual({
        name: 'secrets',
        mountPath: '/run/secrets/waybill',
        readOnly: true,
      });
      expect(spec.volumes.find(({ name }: { name: string }) => name === 'secrets').secret.defaultMode).toBe(0o440);
      const keys: { key: string }[] = spec.volumes.find(({ name }: { name: string }) => name === 'secrets').secret.items;
      for (const { key } of keys) expect(container && variable(container, `${key}_FILE`)).toBe(`/run/secrets/waybill/${key}`);
    }
  });

  it('gives a pod only the passwords of its own services, and only the migration the administrator', async () => {
    const pods = podsOf(await render({ chart: 'waybill', topology: 'services' }));
    const keysOf = (name: string) =>
      pods
        .filter(({ owner }) => owner.metadata.name === name || (name === 'migrate' && owner.kind === 'Job'))
        .flatMap(({ spec }) => spec.volumes[0].secret.items.map(({ key }: { key: string }) => key));
    expect(keysOf('orders-worker')).toEqual(['SERVICE_TOKEN_KEYS', 'ENCRYPTION_KEYS', 'ORDERS_DATABASE_PASSWORD']);
    expect(keysOf('gateway')).toEqual(['SERVICE_TOKEN_KEYS', 'ENCRYPTION_KEYS', 'ADMIN_API_KEY']);
    expect(keysOf('migrate')).toContain('DATABASE_URL');
    for (const { owner, spec } of pods) if (owner.kind !== 'Job') expect(JSON.stringify(spec)).not.toContain('DATABASE_URL_FILE');
  });
});

describe('worker builds', () => {
  const earlier = [{ tag: '0.1.0-aaaaaaaaaaaa', replicas: 2 }];
  const set: Settings = { 'image.tag': '0.2.0-bbbbbbbbbbbb', 'components.orders-worker.deploymentVersioning.previousBuilds': earlier };

  it('stand beside each other in Deployments whose pods do not mix', async () => {
    const objects = await render({ chart: 'waybill', topology: 'services', set });
    const [now, before] = ['orders-worker', 'orders-worker-0-1-0-aaaaaaaaaaaa'].map((name) => one(objects, 'Deployment', name));
    const container = (deployment: KubeObject | undefined): Container => deployment?.spec.template.spec.containers[0];
    expect(container(now)['image']).toBe('waybill/waybill:0.2.0-bbbbbbbbbbbb');
    expect(container(before)['image']).toBe('waybill/waybill:0.1.0-aaaaaaaaaaaa');
    expect(variable(container(now), 'TEMPORAL_WORKER_BUILD_ID')).toBe('0.2.0-bbbbbbbbbbbb');
    expect(variable(container(before), 'TEMPORAL_WORKER_BUILD_ID')).toBe('0.1.0-aaaaaaaaaaaa');
    expect(variable(container(before), 'TEMPORAL_VERSIONING')).toBe('pinned');
    expect(before?.spec.replicas).toBe(2);
    expect(now?.spec.selector.matchLabels['waybill/build']).toBe('current');
    expect(before?.spec.selector.matchLabels['waybill/build']).toBe('0.1.0-aaaaaaaaaaaa');
  });

  it('leave the Deployment of the current build alone when an earlier one goes', async () => {
    const withEarlier = await render({ chart: 'waybill', topology: 'services', set });
    const without = await render({ chart: 'waybill', topology: 'services', set: { 'image.tag': '0.2.0-bbbbbbbbbbbb' } });
    expect(one(without, 'Deployment', 'orders-worker')).toEqual(one(withEarlier, 'Deployment', 'orders-worker'));
  });

  it('move orders on in topology compact, where there is one worker', async () => {
    const worker = one(await render({ chart: 'waybill' }), 'Deployment', 'worker').spec.template.spec.containers[0];
    expect(variable(worker, 'TEMPORAL_VERSIONING')).toBe('autoUpgrade');
    expect(variable(worker, 'TEMPORAL_DEPLOYMENT_NAME')).toBeUndefined();
  });
});

describe('servers elsewhere', () => {
  it('are told their keys by files, and only pods that talk to them', async () => {
    const set = {
      'config.TEMPORAL_TLS': true,
      'config.KAFKA_TLS': true,
      'config.KAFKA_SASL_MECHANISM': 'scram-sha-512',
      secretKeys: { temporal: ['TEMPORAL_TLS_CERT', 'TEMPORAL_TLS_KEY'], kafka: ['KAFKA_PASSWORD'] },
    };
    const pods = podsOf(await render({ chart: 'waybill', topology: 'services', set }));
    const further = Object.fromEntries(
      pods.map(({ owner, containers: [container] }) => [
        owner.metadata.name,
        (container?.['env'] ?? []).flatMap(({ name }: { name: string }) => /^(TEMPORAL|KAFKA)_.*(?=_FILE$)/.exec(name)?.[0] ?? []),
      ]),
    );
    expect(further).toMatchObject({
      gateway: [],
      'catalog-api': [],
      'orders-api': ['TEMPORAL_TLS_CERT', 'TEMPORAL_TLS_KEY'],
      'catalog-worker': ['TEMPORAL_TLS_CERT', 'TEMPORAL_TLS_KEY', 'KAFKA_PASSWORD'],
      'codec-server': [],
    });
  });
});

describe('scaling', () => {
  it('is by processor time, and by backlog where an adapter serves it', async () => {
    const objects = await render({ chart: 'waybill', topology: 'services', set: { 'autoscaling.externalMetric.enabled': true } });
    const metrics = (name: string) => one(objects, 'HorizontalPodAutoscaler', name).spec.metrics.map(({ type }: { type: string }) => type);
    expect(metrics('orders-api')).toEqual(['Resource']);
    expect(metrics('orders-worker')).toEqual(['Resource', 'External']);
    expect(one(objects, 'Deployment', 'orders-worker').spec.replicas).toBeUndefined();
  });

  it('is left to KEDA for workers where KEDA is on', async () => {
    const objects = await render({ chart: 'waybill', topology: 'services', set: { 'autoscaling.keda.enabled': true } });
    const { spec } = one(objects, 'ScaledObject', 'orders-worker');
    expect(spec.triggers[0].metadata).toMatchObject({ taskQueue: 'orders', workerDeploymentName: 'waybill-orders' });
    expect(objects.some(({ kind, metadata }) => kind === 'HorizontalPodAutoscaler' && metadata.name === 'orders-worker')).toBe(false);
    expect(one(objects, 'HorizontalPodAutoscaler', 'orders-api').spec.minReplicas).toBe(3);
  });

  it('begins at the replicas that are asked for, and ends where none are', async () => {
    const objects = await render({
      chart: 'waybill',
      topology: 'services',
      set: { 'components.orders-api.replicas': 8, 'components.billing-api.replicas': 0 },
    });
    expect(one(objects, 'HorizontalPodAutoscaler', 'orders-api').spec).toMatchObject({ minReplicas: 8, maxReplicas: 8 });
    expect(one(objects, 'Deployment', 'billing-api').spec.replicas).toBe(0);
    expect(objects.some(({ kind, metadata }) => kind === 'HorizontalPodAutoscaler' && metadata.name === 'billing-api')).toBe(false);
  });
});

describe('entrances', () => {
  it('make nothing public but the gateway', async () => {
    for (const entrance of entrances) {
      const objects = await render({ chart: 'waybill', topology: 'services', set: entranceSettings(entrance) });
      const text = JSON.stringify(objects.filter(({ kind }) => ['Ingress', 'HTTPRoute', 'GRPCRoute'].includes(kind)));
      expect(text).not.toMatch(/codec-server|orders|billing/);
    }
  });

  it('ask cert-manager for the certificate, by Gateway or by Ingress', async () => {
    const [gateway, ingress] = await Promise.all(
      (['gatewayApi', 'ingress'] as const).map((type) => render({ chart: 'waybill', set: entranceSettings(type) })),
    );
    const issuer = { 'cert-manager.io/cluster-issuer': 'letsencrypt' };
    expect(one(gateway ?? [], 'Gateway', 'waybill').metadata.annotations).toEqual(issuer);
    expect(one(gateway ?? [], 'HTTPRoute', 'gateway-redirect').spec.rules[0].filters[0].requestRedirect.scheme).toBe('https');
    expect(one(ingress ?? [], 'Ingress', 'gateway').metadata.annotations).toEqual(issuer);
  });

  it('route gRPC when told to', async () => {
    const set = { ...entranceSettings('gatewayApi'), 'entrance.grpc.enabled': true };
    const objects = await render({ chart: 'waybill', topology: 'services', set });
    expect(one(objects, 'GRPCRoute', 'orders').spec.rules[0].backendRefs).toEqual([{ name: 'orders', port: 50051 }]);
    expect(objects.filter(({ kind }) => kind === 'GRPCRoute')).toHaveLength(1); // customers are not there yet
  });
});

describe('an ExternalSecret', () => {
  it('comes before the migration and leaves the Secret when it is replaced', async () => {
    const set = { 'externalSecret.enabled': true, 'externalSecret.storeName': 'vault' };
    const { apiVersion, metadata, spec } = one(await render({ chart: 'waybill', set }), 'ExternalSecret', 'waybill-secrets');
    expect(apiVersion).toBe('external-secrets.io/v1');
    expect(metadata.annotations?.['helm.sh/hook-weight']).toBe('-10');
    expect(spec.target).toEqual({ name: 'waybill-secrets', creationPolicy: 'Orphan', deletionPolicy: 'Retain' });
  });
});

describe('values that make no sense', () => {
  it.each<[string, Settings, RegExp]>([
    ['a mistyped key', { 'networkPolcy.enabled': true }, /networkPolcy/],
    ['a mistyped key of a component', { 'components.api.replica': 2 }, /replica/],
    ['a component that is none', { 'components.order-api.replicas': 2 }, /order-api/],
    ['a setting that is none', { 'config.ORDER_DATABASE_POOL': 2 }, /ORDER_DATABASE_POOL/],
    ['a secret among the settings', { 'config.ADMIN_API_KEY': 'wbk' }, /ADMIN_API_KEY/],
    ['a role that is none', { 'components.api.roles': ['gatway'] }, /gatway|one of|must be one/],
    ['memory that is no amount', { 'componentDefaults.resources.limits.memory': '96' }, /memory|pattern/],
    ['a login in the address of the database', { 'config.DATABASE_URL': 'postgresql://a:b@postgresql.infra:5432/x' }, /holds a login/],
    ['TLS without a host', { 'entrance.type': 'caddy' }, /entrance\.host is missing/],
    ['a Gateway without a class', { 'entrance.type': 'gatewayApi', 'entrance.host': 'a.b' }, /className is missing/],
    ['several workers without Kafka', { topology: 'services' }, /KAFKA_BROKERS is missing/],
    ['an API key without TLS', { 'secretKeys.temporal': ['TEMPORAL_API_KEY'] }, /set config\.TEMPORAL_TLS to true/],
    ['a login at Kafka without a password', { 'config.KAFKA_SASL_MECHANISM': 'plain' }, /secretKeys\.kafka lacks KAFKA_PASSWORD/],
    ['a key of a server that is none', { 'secretKeys.kafka': ['KAFKA_KEY'] }, /KAFKA_KEY|one of|must be one/],
    ['an ExternalSecret without a store', { 'externalSecret.enabled': true }, /storeName is missing/],
  ])('are refused: %s', async (_, set, message) => {
    for (const helm of helmMajors) await expect(renderText({ chart: 'waybill', set, helm })).rejects.toThrow(message);
  });
});
