import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { createTestRoot } from '../testing.ts';
import { requiredSecrets } from './required-secrets.ts';
import { createFakeTool, type Rule } from './testing.ts';

const mount = (secretName: string, ...keys: string[]) => ({ secret: { secretName, items: keys.map((key) => ({ key, path: key })) } });

const workload = (volumes: unknown[]) => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'api', namespace: 'prod', labels: { 'app.kubernetes.io/instance': 'waybill' } },
  spec: { replicas: 1, template: { metadata: {}, spec: { containers: [], volumes } } },
  status: { readyReplicas: 1, updatedReplicas: 1, replicas: 1 },
});

const tools = (folder: string, template: string, secrets: Rule[]) => ({
  helm: createFakeTool(folder, 'helm', [
    { when: ['version'], out: 'v4.0.0' },
    { when: ['template', 'waybill'], out: template },
    { when: ['template'] },
    { when: ['history'], out: JSON.stringify([{ revision: 1, status: 'deployed', updated: '2026-01-01T00:00:00' }]) },
    { when: ['get', 'manifest'] },
    { when: ['upgrade'] },
  ]),
  kubectl: createFakeTool(folder, 'kubectl', [
    { when: ['version'], out: '{"clientVersion": {"gitVersion": "v1.34.0"}}' },
    ...secrets,
    { when: ['get', 'events'], out: '{"items": []}' },
    { when: ['get'], out: JSON.stringify({ items: [workload([])] }) },
    { when: ['apply'] },
  ]),
});

const objects = stringify(workload([mount('waybill-secrets', 'ADMIN_API_KEY', 'ENCRYPTION_KEYS'), mount('rds-ca', 'ca.crt')]));

describe('with K8S_SECRETS=external', () => {
  const settings = { K8S_SECRETS: 'external', K8S_MONITORING: 'false', K8S_IMAGE: 'waybill/waybill:1' };

  test('start writes no Secret and makes none', async () => {
    using root = createTestRoot(settings);
    const { helm, kubectl } = tools(root.folder, objects, [
      { when: ['secret', 'waybill-secrets'], out: 'ADMIN_API_KEY ENCRYPTION_KEYS DATABASE_URL ' },
      { when: ['secret', 'rds-ca'], out: 'ca.crt ' },
    ]);
    const ran = await root.run(['-I', 'k8s', 'start', '-l', 'apps'], { env: { HELM: helm.path, KUBECTL: kubectl.path } });
    expect(ran.code, ran.out + ran.err).toBe(0);
    const applied = kubectl.calls().flatMap(({ args, input }) => (args[0] === 'apply' ? JSON.parse(input).items : []));
    expect(applied.map(({ kind }: { kind: string }) => kind)).toEqual(['Namespace']);
    expect(existsSync(join(root.root, 'secrets.yml'))).toBe(false);
    expect(existsSync(join(root.root, 'env-secrets'))).toBe(false);
  });

  test('start says by name what is missing, before anything is installed', async () => {
    using root = createTestRoot(settings);
    const { helm, kubectl } = tools(root.folder, objects, [
      { when: ['secret', 'waybill-secrets'], out: 'ADMIN_API_KEY ' },
      { when: ['secret', 'rds-ca'], out: '' },
    ]);
    const ran = await root.run(['-I', 'k8s', 'start', '-l', 'apps'], { env: { HELM: helm.path, KUBECTL: kubectl.path } });
    expect(ran.code).toBe(4);
    expect(ran.err).toContain(`waybill: the cluster lacks Secrets that K8S_SECRETS=external leaves to somebody else:
  prod/waybill-secrets has no ENCRYPTION_KEYS
  prod/rds-ca is not there, with ca.crt
  how to fix: make them as deploy/examples shows, and repeat this`);
    expect(helm.calls().some(({ args }) => args.includes('upgrade'))).toBe(false);
  });

  test('Secrets that were rendered before are taken out of what "kubectl apply -k" installs', async () => {
    using root = createTestRoot({ K8S_MONITORING: 'false', K8S_IMAGE: 'waybill/waybill:1' });
    const { helm } = tools(root.folder, objects, []);
    const env = { HELM: helm.path };
    await root.run(['-I', 'secrets', 'generate']);
    await root.run(['-I', 'k8s', 'render'], { env });
    expect(existsSync(join(root.root, 'env-secrets', 'secrets.yaml'))).toBe(true);
    await root.run(['-I', 'k8s', 'render'], { env: { ...env, K8S_SECRETS: 'external' } });
    expect(existsSync(join(root.root, 'env-secrets'))).toBe(false);
  });

  test('rotate refuses with a sentence, and changes nothing', async () => {
    using root = createTestRoot(settings);
    const ran = await root.run(['-I', 'secrets', 'rotate', 'ENCRYPTION_KEYS']);
    expect(ran.code).not.toBe(0);
    expect(ran.err).toContain("the Secrets of prod are somebody else's (K8S_SECRETS=external), so ENCRYPTION_KEYS is not exchanged here");
  });

  test('the command reads the API key where it is', async () => {
    using root = createTestRoot(settings);
    const kubectl = createFakeTool(root.folder, 'kubectl', [
      { when: ['jsonpath={.data.ADMIN_API_KEY}'], out: Buffer.from('wbk_new\nwbk_old').toString('base64') },
    ]);
    const ran = await root.run(['-I', 'k8s', 'verify', '--url', 'http://127.0.0.1:1'], { env: { KUBECTL: kubectl.path } });
    expect(kubectl.calls()).toHaveLength(1);
    expect(ran.err).not.toContain('there is no ADMIN_API_KEY');
    expect(ran.out + ran.err).not.toContain('wbk_');
  });
});

test('a key that the values name and secrets.yml lacks is told before anything is installed', async () => {
  using root = createTestRoot({ K8S_MONITORING: 'false', K8S_IMAGE: 'waybill/waybill:1' });
  const { helm, kubectl } = tools(root.folder, stringify(workload([mount('waybill-secrets', 'KAFKA_PASSWORD')])), [
    { when: ['secret', 'json'] },
    { when: ['secret', 'waybill-secrets'], out: 'ADMIN_API_KEY ' },
  ]);
  const ran = await root.run(['-I', 'k8s', 'start', '-l', 'apps'], { env: { HELM: helm.path, KUBECTL: kubectl.path } });
  expect(ran.code).toBe(4);
  expect(ran.err).toContain('prod/waybill-secrets has no KAFKA_PASSWORD');
  expect(ran.err).toContain('write missing keys into $ROOT/secrets.yml');
  expect(helm.calls().some(({ args }) => args.includes('upgrade'))).toBe(false);
});

test('what the same objects make, and what is optional, need not be there before', () => {
  const external = { apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret', metadata: { name: 'waybill-secrets' }, spec: {} };
  const pods = workload([
    mount('waybill-secrets', 'ADMIN_API_KEY'),
    { secret: { secretName: 'maybe', optional: true } },
    mount('mine', 'key'),
    {
      projected: { sources: [{ secret: { name: 'platform-secrets', items: [{ key: 'VALKEY_PASSWORD' }] } }, { configMap: { name: 'x' } }] },
    },
  ]);
  const own = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'mine' } };
  expect(requiredSecrets([external, own, pods])).toEqual(new Map([['platform-secrets', new Set(['VALKEY_PASSWORD'])]]));
});
