import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { createTestRoot } from '../testing.ts';
import { createFakeTool, type Rule } from './testing.ts';

// Nothing in these stand-ins is called Temporal, so the command cannot ask it: what it then does must be the safe thing.

const labels = {
  'app.kubernetes.io/part-of': 'waybill',
  'app.kubernetes.io/instance': 'waybill',
  'app.kubernetes.io/component': 'orders-worker',
};

const workers = (tag: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'orders-worker', namespace: 'prod', labels },
  spec: {
    replicas: 1,
    selector: { matchLabels: { 'waybill/build': 'current' } },
    template: {
      metadata: { labels: { ...labels, 'waybill/build': 'current' } },
      spec: {
        containers: [
          {
            name: 'orders-worker',
            image: `waybill/waybill:${tag}`,
            args: ['run', 'catalog-worker', 'orders-worker'],
            env: [
              { name: 'TEMPORAL_VERSIONING', value: 'pinned' },
              { name: 'TEMPORAL_WORKER_BUILD_ID', value: tag },
            ],
          },
        ],
      },
    },
  },
  status: { readyReplicas: 1, updatedReplicas: 1, replicas: 1 },
});
const list = (...items: unknown[]) => JSON.stringify({ items });
const history = ['superseded', 'deployed'].map((status, index) => ({ revision: index + 1, status, updated: '2026-01-01T00:00:00' }));

const helmRules = (template: string): Rule[] => [
  { when: ['version'], out: 'v4.0.0' },
  { when: ['template', 'waybill'], out: template },
  { when: ['template'] },
  { when: ['history'], out: JSON.stringify(history) },
  { when: ['get', 'manifest'], out: stringify(workers('1')) },
  { when: ['rollback'] },
  { when: ['upgrade'] },
];

const kubectlRules = (running: string): Rule[] => [
  { when: ['version'], out: '{"clientVersion": {"gitVersion": "v1.34.0"}}' },
  { when: ['get', 'secret'] },
  { when: ['get', 'events'], out: list() },
  { when: ['get', 'infra'], out: list() },
  { when: ['get'], out: list(workers(running)) },
  { when: ['apply'] },
  { when: ['delete'] },
];

test('a new image leaves the build that pins orders a worker, and the settings say so', async () => {
  using root = createTestRoot({ K8S_PROD_TOPOLOGY: 'services', K8S_MONITORING: 'false' });
  const helm = createFakeTool(root.folder, 'helm', helmRules(stringify(workers('2'))));
  const kubectl = createFakeTool(root.folder, 'kubectl', kubectlRules('1'));
  const env = { HELM: helm.path, KUBECTL: kubectl.path, K8S_IMAGE: 'waybill/waybill:2' };
  const { code, out, err } = await root.run(['-I', 'k8s', 'start', '-l', 'apps'], { env });
  expect(code, out + err).toBe(0);
  expect(readFileSync(join(root.root, 'config.yml'), 'utf8')).toContain('K8S_EARLIER_BUILDS: prod/1');
  const values = parse(readFileSync(join(root.root, 'env', 'prod', 'waybill-values.yaml'), 'utf8'));
  expect(values.components['orders-worker'].deploymentVersioning.previousBuilds).toEqual([{ tag: '1' }]);
  expect(out).toContain('build 1 keeps a worker for the orders that began on it');
  expect(out).toContain('this Temporal is looked after elsewhere');
  expect(out).toContain('for each of waybill-orders');
  expect(out, 'Temporal would never know a build of workers that ask it for nothing').not.toContain('waybill-catalog');
});

test('the same image again changes nothing', async () => {
  using root = createTestRoot({ K8S_PROD_TOPOLOGY: 'services', K8S_MONITORING: 'false' });
  const helm = createFakeTool(root.folder, 'helm', helmRules(stringify(workers('1'))));
  const kubectl = createFakeTool(root.folder, 'kubectl', kubectlRules('1'));
  const env = { HELM: helm.path, KUBECTL: kubectl.path, K8S_IMAGE: 'waybill/waybill:1' };
  const { code, out, err } = await root.run(['-I', 'k8s', 'start', '-l', 'apps'], { env });
  expect(code, out + err).toBe(0);
  expect(existsSync(join(root.root, 'config.yml'))).toBe(false);
});

test('a rollback puts the workers of the build that goes beside the release before Helm takes them', async () => {
  using root = createTestRoot({ K8S_PROD_TOPOLOGY: 'services' });
  const helm = createFakeTool(root.folder, 'helm', helmRules(''));
  const kubectl = createFakeTool(root.folder, 'kubectl', kubectlRules('2'));
  const { code, out, err } = await root.run(['-I', 'k8s', 'rollback'], { env: { HELM: helm.path, KUBECTL: kubectl.path } });
  expect(code, out + err).toBe(0);
  const applied = kubectl.calls().filter(({ args }) => args[0] === 'apply');
  expect(applied.map(({ input }) => JSON.parse(input).metadata.name)).toEqual(['orders-worker-2']);
  expect(err.indexOf('apply --server-side')).toBeLessThan(err.indexOf('rollback waybill 1'));
  expect(kubectl.calls().some(({ args }) => args.some((word) => word.includes('app.kubernetes.io/version notin (2)')))).toBe(true);
});
