import { readFileSync } from 'node:fs';
import type { KubeObject } from '@waybill/cli/k8s/objects';
import { loadSettings } from '@waybill/kernel/config';
import { brokersOf, kafkaSettings } from '@waybill/kernel/kafka-settings';
import { temporalAccess, temporalTlsSettings } from '@waybill/kernel/temporal-tls';
import { allSettings } from '@waybill/server/settings';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { helmMajors } from '../test/tools/helm.ts';
import { reservedConnections, temporalConnections } from './budgets.ts';
import { deployFile, render, renderText, type Settings, settingsOf, topologies } from './testing/render.ts';
import { nameOf, type Pod, podsOf } from './testing/workloads.ts';

// biome-ignore lint/suspicious/noExplicitAny: values and manifests as YAML has them; the tests read what they check
type Yaml = any;
const readYaml = (path: string): Yaml => parse(readFileSync(deployFile(path), 'utf8'), { merge: true });

const platform = (set: Settings = {}): Promise<KubeObject[]> => render({ chart: 'platform', set });
const find = (objects: readonly KubeObject[], kind: string, name: string | RegExp): KubeObject => {
  const found = objects.find(
    (one) => one.kind === kind && (typeof name === 'string' ? one.metadata.name === name : name.test(one.metadata.name)),
  );
  if (!found) throw new Error(`no ${kind} ${name} is rendered`);
  return found;
};
const has = (objects: readonly KubeObject[], kind: string, name: string): boolean =>
  objects.some((one) => one.kind === kind && one.metadata.name === name);
const component = (objects: readonly KubeObject[], name: string): Pod => {
  const found = podsOf(objects).find(({ labels }) => labels['app.kubernetes.io/component'] === name);
  if (!found) throw new Error(`no pod of ${name} is rendered`);
  return found;
};
const variables = (pod: Pod, container: string): Record<string, string> =>
  Object.fromEntries((pod.containers.find(({ name }) => name === container)?.['env'] ?? []).map(({ name, value }: Yaml) => [name, value]));
const serverConfig = (objects: readonly KubeObject[]): Yaml =>
  parse(find(objects, 'ConfigMap', 'temporal-config')['data']['server.yaml'].replaceAll('{{ env "POD_IP" }}', '10.0.0.1'));

const everything: readonly { name: string; set: Settings }[] = [
  { name: 'as it is', set: {} },
  { name: 'with Kafka', set: { 'kafka.enabled': true } },
  { name: 'large', set: settingsOf('production/platform-large.yaml') },
  { name: 'on RDS, MSK and ElastiCache', set: settingsOf('production/platform-aws.yaml') },
];

describe.each(everything)('the chart platform $name', ({ set }) => {
  it('renders the same under every Helm', async () => {
    const [first, ...others] = await Promise.all(helmMajors.map((helm) => render({ chart: 'platform', set, helm })));
    for (const other of others) expect(other).toEqual(first);
  });

  it('makes pods that Pod Security "restricted" admits, which hold no token, see no variables of Services and have bounds', async () => {
    for (const pod of podsOf(await platform(set))) {
      expect(pod.spec, nameOf(pod)).toMatchObject({ automountServiceAccountToken: false, enableServiceLinks: false });
      expect(pod.spec.securityContext, nameOf(pod)).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      for (const { name, securityContext, resources } of pod.containers) {
        expect(securityContext, `${nameOf(pod)} ${name}`).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        expect(resources.limits.memory, `${nameOf(pod)} ${name}`).toMatch(/^\d+[MG]i$/);
        expect(resources.requests).toHaveProperty('cpu');
      }
      for (const { emptyDir } of pod.spec.volumes) if (emptyDir) expect(emptyDir.sizeLimit, nameOf(pod)).toBeDefined();
    }
  });

  it('promises all the memory that it allows, restarts what hangs, and gives every probe a time limit', async () => {
    for (const pod of podsOf(await platform(set)).filter(({ owner }) => owner.kind !== 'Job')) {
      const [main] = pod.spec.containers;
      expect(main.resources.limits.memory, nameOf(pod)).toBe(main.resources.requests.memory);
      for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'])
        expect(main[probe]?.timeoutSeconds, `${nameOf(pod)} ${probe}`).toBeGreaterThan(1);
    }
  });

  it('opens no port on nodes, and keeps the version out of pods, so that a new chart restarts no server', async () => {
    const objects = await platform(set);
    for (const { spec, metadata } of objects.filter(({ kind }) => kind === 'Service'))
      expect(['ClusterIP', 'ExternalName', undefined], metadata.name).toContain(spec.type);
    for (const { labels } of podsOf(objects)) {
      expect(labels).toMatchObject({ 'app.kubernetes.io/part-of': 'waybill', 'app.kubernetes.io/name': 'platform' });
      expect(Object.keys(labels)).not.toContain('app.kubernetes.io/version');
    }
  });

  it('has no hook, and a Job of another version or with other work has another name', async () => {
    const objects = await platform(set);
    expect(objects.filter(({ metadata }) => metadata.annotations?.['helm.sh/hook'])).toEqual([]);
    const before = find(objects, 'Job', /^temporal-schema-/).metadata.name;
    expect(find(await platform({ ...set, 'temporal.adminTools.image.tag': '1.32.0' }), 'Job', /^temporal-schema-1-32-0-/)).toBeDefined();
    expect(find(await platform({ ...set, 'temporal.database.login': 'other' }), 'Job', /^temporal-schema-/).metadata.name).not.toBe(before);
    expect(find(await platform(set), 'Job', /^temporal-schema-/).metadata.name).toBe(before);
  });

  it('mounts secrets as files, and holds none in a ConfigMap', async () => {
    const objects = await platform(set);
    for (const pod of podsOf(objects)) {
      for (const { env = [], name } of pod.containers)
        for (const { valueFrom, name: key } of env) expect(valueFrom?.secretKeyRef, `${nameOf(pod)} ${name} ${key}`).toBeUndefined();
    }
    expect(JSON.stringify(objects.filter(({ kind }) => kind === 'ConfigMap'))).not.toMatch(/password: |requirepass/);
    expect(has(objects, 'Secret', 'platform-secrets')).toBe(false);
  });
});

describe('Temporal in the chart platform', () => {
  it('runs all roles in one process, with membership ports that PostgreSQL can keep', async () => {
    const objects = await platform();
    const config = serverConfig(objects);
    for (const { rpc } of Object.values<Yaml>(config.services)) expect(rpc.membershipPort).toBeLessThan(32_768);
    expect(Object.keys(config.services).toSorted()).toEqual(['frontend', 'history', 'matching', 'worker']);
    expect(component(objects, 'temporal').spec.containers[0].command.at(-1)).toBe('start');
    expect(config.persistence.numHistoryShards).toBe(4);
  });

  it.each(topologies)('leaves connections to others: %s', async (topology) => {
    const objects = await render({ chart: 'platform', topology });
    const { main, visibility } = serverConfig(objects).persistence.datastores;
    expect(4 * (main.sql.maxConns + visibility.sql.maxConns)).toBe(temporalConnections);
    const argument = component(objects, 'postgresql').spec.containers[0].args.find((one: string) => one.startsWith('max_connections='));
    expect(Number(argument.split('=')[1])).toBeGreaterThan(temporalConnections + reservedConnections);
  });

  it('starts only when both schemas are there, and says which versions it needs', async () => {
    const pod = component(await platform(), 'temporal');
    expect(pod.spec.initContainers.map(({ name }: Yaml) => name)).toEqual(['wait-for-schema']);
    expect(variables(pod, 'wait-for-schema')['SCHEMAS']).toBe('temporal=1.19 temporal_visibility=1.14');
  });

  it('does not restart when only a Job changes', async () => {
    const template = async (set: Settings) => component(await platform(set), 'temporal').owner.spec.template;
    expect(await template({ 'temporal.schema.waitSeconds': 60, 'temporal.namespaces': [] })).toEqual(await template({}));
    expect(await template({ 'temporal.server.dynamicConfig': { 'history.hostLevelCacheMaxSize': 1 } })).not.toEqual(await template({}));
  });

  it('declares namespaces with retention and search attributes', async () => {
    const namespaces = [
      { name: 'default', retention: '72h', searchAttributes: { OrderStatus: 'Keyword', Total: 'Int' } },
      { name: 'staging', retention: '1d' },
    ];
    const objects = await platform({ 'temporal.namespaces': namespaces });
    expect(find(objects, 'ConfigMap', 'temporal-namespaces')['data'].namespaces).toBe(
      'default 72h OrderStatus=Keyword Total=Int\nstaging 1d\n',
    );
    await expect(platform({ 'temporal.namespaces': [{ name: 'default', retention: 'three days' }] })).rejects.toThrow(/retention/);
  });

  it('gives the UI the codec server as the browser sees it', async () => {
    const objects = await platform({ 'temporal.ui.codecEndpoint': 'https://codec.example.com' });
    expect(variables(component(objects, 'temporal-ui'), 'temporal-ui')).toMatchObject({
      TEMPORAL_ADDRESS: 'temporal-frontend:7233',
      TEMPORAL_CODEC_ENDPOINT: 'https://codec.example.com',
      TEMPORAL_CODEC_INCLUDE_CREDENTIALS: 'true',
      TEMPORAL_CORS_ORIGINS: 'http://localhost:8080',
    });
  });

  it('shows a Temporal elsewhere in its UI', async () => {
    const objects = await platform({
      'temporal.enabled': false,
      'temporal.external.host': 'temporal.example.com',
      'temporal.external.port': 443,
    });
    expect(variables(component(objects, 'temporal-ui'), 'temporal-ui')['TEMPORAL_ADDRESS']).toBe('temporal.example.com:443');
    expect(find(objects, 'Service', 'temporal-frontend').spec).toEqual({ type: 'ExternalName', externalName: 'temporal.example.com' });
    expect(objects.filter(({ kind }) => kind === 'Job')).toEqual([]);
    await expect(platform({ 'temporal.enabled': false })).rejects.toThrow('temporal.external.host must say where Temporal is');
  });

  it('verifies a database outside by its CA, in all three that connect', async () => {
    const objects = await platform(settingsOf('production/platform-aws.yaml'));
    const host = 'waybill.abcdefghijkl.eu-central-1.rds.amazonaws.com';
    expect(variables(component(objects, 'temporal'), 'wait-for-schema')).toMatchObject({ PGHOST: host, PGSSLMODE: 'verify-full' });
    expect(variables(component(objects, 'temporal-schema'), 'schema')).toMatchObject({ SQL_HOST: host, SQL_TLS_SERVER_NAME: host });
    for (const { sql } of Object.values<Yaml>(serverConfig(objects).persistence.datastores))
      expect(sql).toMatchObject({ connectAddr: `${host}:5432`, tls: { enabled: true, enableHostVerification: true, serverName: host } });
    await expect(platform({ 'postgresql.enabled': false })).rejects.toThrow('postgresql.external.host must say where');
  });
});

describe('the route to Temporal from outside', () => {
  const route = (more: Settings): Settings => ({
    'temporal.route.type': 'gatewayApi',
    'temporal.route.host': 'temporal.example.com',
    'temporal.route.gateway.className': 'envoy',
    ...more,
  });
  const mutual = route({ 'temporal.route.tls.clientCa': 'temporal-clients' });

  it('is off until asked for', async () => {
    const kinds = (await platform()).map(({ kind }) => kind);
    for (const kind of ['Gateway', 'GRPCRoute', 'Ingress']) expect(kinds).not.toContain(kind);
  });

  it('fails closed: no host without a CA of client certificates, unless plain text is wished for', async () => {
    await expect(platform(route({}))).rejects.toThrow('temporal.route.tls.clientCa must name the CA');
    await expect(platform({ ...mutual, 'temporal.route.gateway.name': 'shared' })).rejects.toThrow('set gateway.validatesClients');
    await expect(platform({ ...mutual, 'temporal.route.host': '' })).rejects.toThrow('temporal.route.host must name the host');
  });

  it('is gRPC over TLS with client certificates', async () => {
    const objects = await platform({ ...mutual, 'temporal.route.tls.issuer': 'letsencrypt' });
    const { metadata, spec } = find(objects, 'Gateway', 'temporal');
    expect(metadata.annotations).toEqual({ 'cert-manager.io/cluster-issuer': 'letsencrypt' });
    expect(spec.listeners).toMatchObject([{ port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'temporal-tls' }] } }]);
    expect(spec.tls.frontend.default.validation.caCertificateRefs).toMatchObject([{ kind: 'ConfigMap', name: 'temporal-clients' }]);
    expect(find(objects, 'GRPCRoute', 'temporal').spec).toMatchObject({
      hostnames: ['temporal.example.com'],
      rules: [{ backendRefs: [{ name: 'temporal-frontend', port: 7233 }] }],
    });
    const [grpc] = find(objects, 'Service', 'temporal-frontend').spec.ports;
    expect(grpc).toMatchObject({ port: 7233, appProtocol: 'kubernetes.io/h2c' });
  });

  it('asks for client certificates by Envoy Gateway’s own policy where that is chosen', async () => {
    const objects = await platform({ ...mutual, 'temporal.route.gateway.clientValidation': 'envoy' });
    expect(find(objects, 'Gateway', 'temporal').spec.tls).toBeUndefined();
    expect(find(objects, 'ClientTrafficPolicy', 'temporal').spec.tls.clientValidation).toMatchObject({
      optional: false,
      caCertificateRefs: [{ name: 'temporal-clients' }],
    });
  });

  it('is h2c on port 80 where plain text is allowed', async () => {
    const objects = await platform(route({ 'temporal.route.allowPlaintext': true }));
    expect(find(objects, 'Gateway', 'temporal').spec.listeners).toMatchObject([
      { port: 80, protocol: 'HTTP', hostname: 'temporal.example.com' },
    ]);
  });

  it('is an Ingress of Traefik that asks for client certificates', async () => {
    const objects = await platform({ ...mutual, 'temporal.route.type': 'ingress' });
    expect(find(objects, 'TLSOption', 'temporal').spec.clientAuth.clientAuthType).toBe('RequireAndVerifyClientCert');
    expect(find(objects, 'Ingress', 'temporal').metadata.annotations).toMatchObject({
      'traefik.ingress.kubernetes.io/router.tls.options': 'infra-temporal@kubernetescrd',
    });
    expect(find(objects, 'Service', 'temporal-frontend').metadata.annotations).toEqual({
      'traefik.ingress.kubernetes.io/service.serversscheme': 'h2c',
    });
  });

  it('is an Ingress of nginx that asks for client certificates, and never plain text there', async () => {
    const nginx = { 'temporal.route.type': 'ingress', 'temporal.route.ingress.controller': 'nginx' };
    expect(find(await platform({ ...mutual, ...nginx }), 'Ingress', 'temporal').metadata.annotations).toMatchObject({
      'nginx.ingress.kubernetes.io/auth-tls-verify-client': 'on',
      'nginx.ingress.kubernetes.io/auth-tls-secret': 'infra/temporal-clients',
    });
    await expect(platform({ ...route({ 'temporal.route.allowPlaintext': true }), ...nginx })).rejects.toThrow('gRPC over TLS only');
  });

  it('opens Temporal to gateways only while it is on', async () => {
    const from = async (set: Settings) =>
      find(await platform(set), 'NetworkPolicy', 'temporal').spec.ingress.find(({ ports }: Yaml) => ports?.[0].port === 'grpc').from;
    expect(await from({})).not.toContainEqual({ namespaceSelector: {} });
    expect(await from(mutual)).toContainEqual({ namespaceSelector: {} });
  });
});

describe('values for production', () => {
  it('keep three PostgreSQL servers, and an acknowledged write on two', () => {
    const { version, cluster } = readYaml('production/cloudnative-pg.yaml');
    expect(version.postgresql).toBe('18');
    expect(cluster).toMatchObject({ instances: 3, enableSuperuserAccess: false });
    expect(cluster.postgresql.synchronous).toEqual({ method: 'any', number: 1, dataDurability: 'required' });
    expect(cluster.resources.limits.memory).toBe(cluster.resources.requests.memory);
  });

  it('keep three brokers, and an event on two', () => {
    const [pool, kafka] = parseAllDocuments(readFileSync(deployFile('production/strimzi.yaml'), 'utf8')).map((one): Yaml => one.toJS());
    expect([pool.apiVersion, kafka.apiVersion]).toEqual(['kafka.strimzi.io/v1', 'kafka.strimzi.io/v1']);
    expect(pool.metadata.labels['strimzi.io/cluster']).toBe(kafka.metadata.name);
    expect(pool.spec).toMatchObject({ replicas: 3, roles: ['controller', 'broker'] });
    expect(kafka.spec.kafka.config).toMatchObject({
      'default.replication.factor': 3,
      'min.insync.replicas': 2,
      'auto.create.topics.enable': false,
    });
  });

  it('give the official Valkey chart what its defaults lack: a login, followers, bounds and readiness', () => {
    const values = readYaml('production/valkey.yaml');
    expect(values.auth).toMatchObject({ enabled: true, usersExistingSecret: 'platform-secrets' });
    expect(values.auth.aclUsers.default.passwordKey).toBe('VALKEY_PASSWORD');
    expect(values.replica).toMatchObject({ enabled: true, replicas: 2 });
    expect(values.readinessProbe.enabled).toBe(true);
    expect(values.resources.limits.memory).toBe(values.resources.requests.memory);
    expect(values.fullnameOverride).toBe('valkey');
  });

  it('run the official Temporal chart under our names, inside the connections there are, on the versions of the small one', () => {
    const { server, admintools, web, fullnameOverride } = readYaml('production/temporal.yaml');
    const small = readYaml('charts/platform/values.yaml').temporal;
    expect(fullnameOverride).toBe('temporal');
    expect([server.image.tag, admintools.image.tag]).toEqual([small.server.image.tag, small.adminTools.image.tag]);
    expect(web.enabled).toBe(false);
    const { numHistoryShards, datastores } = server.config.persistence;
    expect(numHistoryShards).toBe(512);
    const processes = 2 * server.replicaCount + server.history.replicaCount + server.worker.replicaCount;
    const connections = processes * (datastores.default.sql.maxConns + datastores.visibility.sql.maxConns);
    expect(connections).toBeLessThanOrEqual(240);
    for (const { sql } of [datastores.default, datastores.visibility])
      expect(sql).toMatchObject({ existingSecret: 'platform-secrets', secretKey: 'TEMPORAL_DATABASE_PASSWORD', createDatabase: false });
    expect(datastores.visibility.sql.databaseName).toBe('temporal_visibility');
    expect(server.config.namespaces.namespace).toEqual([{ name: 'default', retention: '3d' }]);
  });

  it('leave of the chart platform, beside operators, the UI and names', async () => {
    const objects = await platform(settingsOf('production/platform-operators.yaml'));
    expect(podsOf(objects).map(nameOf)).toEqual(['Deployment infra/temporal-ui']);
    expect(find(objects, 'Service', 'postgresql').spec.externalName).toBe('waybill-postgresql-cluster-rw.infra.svc.cluster.local');
    expect(find(objects, 'Service', 'kafka').spec.externalName).toBe('waybill-kafka-bootstrap.infra.svc.cluster.local');
    // Those of the other charts have these names themselves.
    expect(has(objects, 'Service', 'temporal-frontend')).toBe(false);
    expect(has(objects, 'Service', 'valkey')).toBe(false);
  });

  it.each(['waybill-operators', 'waybill-aws'])('point Waybill elsewhere, without a login: %s', async (file) => {
    const { config, secretKeys } = readYaml(`production/${file}.yaml`);
    for (const key of Object.keys(config)) expect(Object.keys(allSettings)).toContain(key);
    const url = new URL(config.DATABASE_URL);
    expect([url.username, url.password]).toEqual(['', '']);
    expect(url.searchParams.get('sslmode')).toBe('require');
    const text = await renderText({
      chart: 'waybill',
      topology: 'services',
      set: {
        ...Object.fromEntries(Object.entries(config).map(([key, value]) => [`config.${key}`, String(value)])),
        ...(secretKeys && { secretKeys }),
      },
    });
    expect(text).toContain(url.hostname);
  });

  it('log in at MSK and at Temporal Cloud over TLS, with settings that a pod accepts', async () => {
    const managed = [readYaml('production/waybill-aws.yaml'), readYaml('production/waybill-temporal-cloud.yaml')];
    const config = Object.assign({}, ...managed.map((values) => values.config));
    const secretKeys = Object.assign({}, ...managed.map((values) => values.secretKeys));
    const extraEgress = managed.flatMap(({ networkPolicy }) => networkPolicy.extraEgress);
    const objects = await render({
      chart: 'waybill',
      topology: 'services',
      set: { config, secretKeys, 'networkPolicy.extraEgress': extraEgress },
    });
    const { data } = find(objects, 'ConfigMap', 'waybill-config') as Yaml;
    const secrets = Object.fromEntries(Object.values<string[]>(secretKeys).flatMap((keys) => keys.map((key) => [key, 'told by a file'])));
    const environment = { ...data, ...secrets };
    expect(brokersOf(loadSettings(kafkaSettings, { environment }))).toMatchObject({ tls: {}, login: { mechanism: 'scram-sha-512' } });
    expect(temporalAccess(loadSettings(temporalTlsSettings, { environment }))).toEqual({ tls: {}, apiKey: expect.any(Function) });
    const ports = find(objects, 'NetworkPolicy', 'processes').spec.egress.flatMap(({ ports: some }: Yaml) =>
      some.map(({ port }: Yaml) => port),
    );
    for (const address of [data.TEMPORAL_ADDRESS, ...data.KAFKA_BROKERS.split(',')]) expect(ports).toContain(Number(address.split(':')[1]));
  });

  it('leave of the chart platform, beside Temporal Cloud, what is not Temporal', async () => {
    const objects = await platform(settingsOf('production/platform-temporal-cloud.yaml'));
    expect(podsOf(objects).map(nameOf)).toEqual(['StatefulSet infra/postgresql', 'StatefulSet infra/valkey']);
  });
});
