import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { createTestRoot } from '../testing.ts';
import { explainEntrance } from './entrance.ts';
import type { KubeObject } from './objects.ts';
import { createFakeTool } from './testing.ts';

const labels = { 'app.kubernetes.io/part-of': 'waybill', 'app.kubernetes.io/component': 'entrance' };
const ours = (kind: string, name: string, spec: object, status?: object): KubeObject => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind,
  metadata: { name, namespace: 'prod', labels },
  spec,
  ...(status && { status }),
});
const yes = (type: string) => ({ type, status: 'True', reason: type, message: '' });
const no = (type: string, reason: string, message: string) => ({ type, status: 'False', reason, message });

const gateway = (...conditions: object[]) => ours('Gateway', 'waybill', { gatewayClassName: 'envoy' }, { conditions });
const route = (...conditions: object[]) =>
  ours('HTTPRoute', 'gateway', { parentRefs: [{ name: 'waybill' }] }, { parents: conditions.length > 0 ? [{ conditions }] : [] });
const only = (object: KubeObject) => explainEntrance([object])[0];

describe('an entrance by the Gateway API', () => {
  test('is ready when its Gateway is programmed and its routes are accepted', () => {
    expect(explainEntrance([gateway(yes('Accepted'), yes('Programmed')), route(yes('Accepted'), yes('ResolvedRefs'))])).toEqual([
      { component: 'entrance', object: 'Gateway prod/waybill', state: 'ready', figure: 'programmed' },
      { component: 'entrance', object: 'HTTPRoute prod/gateway', state: 'ready', figure: 'accepted' },
    ]);
  });

  test('says why a Gateway is not programmed', () => {
    const found = only(gateway(yes('Accepted'), no('Programmed', 'AddressNotAssigned', 'No addresses have been assigned to the Gateway')));
    expect(found).toMatchObject({
      state: 'waiting',
      figure: 'not programmed',
      reason: 'Programmed is False, AddressNotAssigned: No addresses have been assigned to the Gateway',
      fix: expect.stringContaining('kubectl describe gateway waybill -n prod'),
    });
  });

  test('names the class when no controller has looked at the Gateway', () => {
    const pending = { type: 'Accepted', status: 'Unknown', reason: 'Pending', message: 'Waiting for controller' };
    const reason = 'no controller has looked at it: is there one for the GatewayClass envoy?';
    expect(only(gateway(pending, { ...pending, type: 'Programmed' }))?.reason).toBe(reason);
    expect(only(ours('Gateway', 'waybill', { gatewayClassName: 'envoy' }))?.reason).toBe(reason);
  });

  test('says which listener lacks its certificate', () => {
    const conditions = [yes('Accepted'), no('ResolvedRefs', 'InvalidCertificateRef', 'Secret prod/waybill-tls does not exist')];
    const object = gateway(yes('Accepted'), yes('Programmed'));
    object.status.listeners = [
      { name: 'http', conditions: [yes('Accepted'), yes('ResolvedRefs')] },
      { name: 'https', conditions },
    ];
    expect(only(object)).toMatchObject({
      state: 'waiting',
      reason: 'listener https: ResolvedRefs is False, InvalidCertificateRef: Secret prod/waybill-tls does not exist',
    });
  });

  test('says why a route is refused, or that no Gateway has taken it', () => {
    const refused = route(no('Accepted', 'NoMatchingListenerHostname', 'There were no hostname intersections'), yes('ResolvedRefs'));
    expect(only(refused)?.reason).toBe('Accepted is False, NoMatchingListenerHostname: There were no hostname intersections');
    expect(only(route())?.reason).toBe('no Gateway has taken it: is waybill there?');
  });
});

test('status reads Gateways and routes, takes the address from them, and is not ready while they are not', async () => {
  using root = createTestRoot({ K8S_ENTRANCE: 'gatewayApi' });
  const object = gateway(yes('Accepted'), yes('Programmed'));
  object.status.addresses = [{ type: 'Hostname', value: 'lb.example.com' }];
  const deployment = {
    kind: 'Deployment',
    metadata: { name: 'api', namespace: 'prod', labels },
    spec: { replicas: 1 },
    status: { readyReplicas: 1, updatedReplicas: 1, replicas: 1 },
  };
  const kubectl = createFakeTool(root.folder, 'kubectl', [
    {
      when: ['services,ingresses,gateways.gateway.networking.k8s.io,httproutes.gateway.networking.k8s.io'],
      out: JSON.stringify({ items: [object, route()] }),
    },
    { when: ['get', 'events'], out: '{"items": []}' },
    { when: ['get'], out: JSON.stringify({ items: [deployment] }) },
  ]);
  const ran = await root.run(['-I', 'k8s', 'status', '-l', 'apps'], { env: { KUBECTL: kubectl.path } });
  expect(ran.code).toBe(6);
  expect(ran.out).toBe(`waybill (prod)
 ✔ entrance  Deployment  1/1 ready
 ✔ entrance  Gateway     programmed
 … entrance  HTTPRoute   not accepted
     no Gateway has taken it: is waybill there?
     how to fix: "kubectl describe httproute gateway -n prod" shows all of it; the log of its controller says more
address: lb.example.com
not everything is ready: see above`);
});

test('status says that a cluster has no Gateway API', async () => {
  using root = createTestRoot({ K8S_ENTRANCE: 'gatewayApi' });
  const kubectl = createFakeTool(root.folder, 'kubectl', [
    {
      when: ['services,ingresses,gateways.gateway.networking.k8s.io,httproutes.gateway.networking.k8s.io'],
      code: 1,
      err: 'error: no resource type "gateways"',
    },
    { when: ['get'], out: '{"items": []}' },
  ]);
  const ran = await root.run(['-I', 'k8s', 'status', '-l', 'apps'], { env: { KUBECTL: kubectl.path } });
  expect(ran.out).toContain('error: no resource type "gateways"');
});

test('the classes of Gateway and Ingress are settings, which reach the chart', async () => {
  using root = createTestRoot({
    K8S_ENTRANCE: 'gatewayApi',
    K8S_HOST: 'shop.example.com',
    K8S_GATEWAY_CLASS: 'envoy',
    K8S_INGRESS_CLASS: 'traefik',
  });
  const helm = createFakeTool(root.folder, 'helm', [{ when: ['version'], out: 'v4.0.0' }, { when: ['template'] }]);
  const ran = await root.run(['-I', 'k8s', 'render'], { env: { HELM: helm.path, K8S_IMAGE: 'waybill/waybill:1' } });
  expect(ran.code, ran.err).toBe(0);
  const { entrance } = parse(readFileSync(join(root.root, 'env', 'prod', 'waybill-values.yaml'), 'utf8'));
  expect(entrance).toMatchObject({
    type: 'gatewayApi',
    host: 'shop.example.com',
    gatewayApi: { className: 'envoy' },
    ingress: { className: 'traefik' },
  });
});
