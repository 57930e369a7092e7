import { expect, test } from 'vitest';
import { createTestRoot } from '../testing.ts';
import { createFakeTool } from './testing.ts';

const job = (name: string, type: 'Complete' | 'Failed', hook = false) => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: {
    name,
    namespace: 'infra',
    labels: { 'app.kubernetes.io/part-of': 'waybill', 'app.kubernetes.io/instance': 'platform', 'app.kubernetes.io/component': name },
    ...(hook && { annotations: { 'helm.sh/hook': 'pre-upgrade' } }),
  },
  status: { conditions: [{ type, status: 'True' }] },
});
const list = (...items: unknown[]) => JSON.stringify({ items });

test('a Job of the platform that has failed goes, with its last words told, before it is tried again', async () => {
  using root = createTestRoot({ K8S_MONITORING: 'false', K8S_IMAGE: 'waybill/waybill:1' });
  const helm = createFakeTool(root.folder, 'helm', [
    { when: ['version'], out: 'v4.0.0' },
    { when: ['template'], out: '' },
    { when: ['history'], out: '[]' },
    { when: ['upgrade'] },
  ]);
  const jobs = list(job('temporal-schema-1', 'Failed'), job('temporal-namespaces-1', 'Complete'), job('hook', 'Failed', true));
  const kubectl = createFakeTool(root.folder, 'kubectl', [
    { when: ['version'], out: '{"clientVersion": {"gitVersion": "v1.34.0"}}' },
    { when: ['get', 'jobs'], out: jobs },
    { when: ['logs'], out: 'connecting\nschema version 1.18 is newer than 1.17\n' },
    { when: ['delete'] },
    { when: ['apply'] },
    { when: ['get', 'events'], out: list() },
    { when: ['get'], out: list(job('temporal-schema-1', 'Complete')) },
  ]);
  const { code, out, err } = await root.run(['-I', 'k8s', 'quickstart', '-l', 'infra', '--no-check'], {
    env: { HELM: helm.path, KUBECTL: kubectl.path },
  });
  expect(code, out + err).toBe(0);
  expect(out).toContain('Job infra/temporal-schema-1 has failed and is run again');
  expect(out).toContain('│ schema version 1.18 is newer than 1.17');
  const deleted = kubectl.calls().filter(({ args }) => args[0] === 'delete');
  expect(deleted.map(({ args }) => args.at(-2))).toEqual(['job/temporal-schema-1']);
});
