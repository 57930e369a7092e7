import { expect, test } from 'vitest';
import { createFakeTool, type Rule } from '../k8s/testing.ts';
import { createTestRoot } from '../testing.ts';

const node = {
  kind: 'Node',
  metadata: { name: 'one' },
  spec: {},
  status: { allocatable: { cpu: '4', memory: '8Gi' }, conditions: [{ type: 'Ready', status: 'True' }] },
};
const usual = { metadata: { name: 'local', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } } };
const items = (...objects: object[]) => JSON.stringify({ items: objects });

/** The line about the entrance, and the way out beneath it. */
async function entranceOf(environment: string, settings: Record<string, string>, classes: string[] = []): Promise<string> {
  using root = createTestRoot({ K8S_IMAGE: 'waybill/waybill:1', ...settings });
  const helm = createFakeTool(root.folder, 'helm', [{ when: ['version'], out: 'v4.0.0' }, { when: ['template'] }]);
  const rules: Rule[] = [
    { when: ['nodes'], out: items(node) },
    { when: ['storageclasses'], out: items(usual) },
    { when: ['api-versions'], out: classes.length > 0 ? 'v1\ngateway.networking.k8s.io/v1\n' : 'v1\n' },
    { when: ['gatewayclasses'], out: items(...classes.map((name) => ({ metadata: { name } }))) },
    { when: ['version'], out: '{"clientVersion": {"gitVersion": "v1.34.0"}, "serverVersion": {"gitVersion": "v1.34.0"}}' },
    { when: ['get'], out: items() },
  ];
  const kubectl = createFakeTool(root.folder, 'kubectl', rules);
  const { out } = await root.run(['-I', 'cluster', 'check', '-e', environment], { env: { HELM: helm.path, KUBECTL: kubectl.path } });
  return /^. (entrance: .*(\n {4}.*)?)/m.exec(out)?.[1] ?? out;
}

test('the public name of staging is its own', async () => {
  const settings = { K8S_ENTRANCE: 'caddy', K8S_HOST: 'shop.example.com' };
  expect(await entranceOf('prod', settings)).toBe('entrance: caddy for shop.example.com');
  expect(await entranceOf('staging', settings)).toBe(
    'entrance: caddy without a host name\n    how to fix: waybill config save -s K8S_STAGING_HOST=staging.example.com',
  );
  expect(await entranceOf('staging', { ...settings, K8S_STAGING_HOST: 'test.example.com' })).toBe('entrance: caddy for test.example.com');
});

test('a GatewayClass that is not there is missing, and those that are there are named', async () => {
  const settings = { K8S_ENTRANCE: 'gatewayApi', K8S_HOST: 'shop.example.com', K8S_GATEWAY_CLASS: 'envoy' };
  expect(await entranceOf('prod', settings, ['traefik', 'other'])).toBe(
    'entrance: GatewayClass envoy, which this cluster does not have; it has traefik, other\n    how to fix: waybill config save -s K8S_GATEWAY_CLASS=traefik',
  );
  expect(await entranceOf('prod', settings, ['envoy'])).toContain('entrance: gatewayApi for shop.example.com');
  expect(await entranceOf('prod', { ...settings, K8S_ENTRANCE: 'caddy' }, ['envoy'])).toContain(
    'waybill config save -s K8S_ENTRANCE=gatewayApi -s K8S_GATEWAY_CLASS=envoy',
  );
});
