import { expect, test } from 'vitest';
import { createTestRoot } from '../testing.ts';
import { createFakeTool } from './testing.ts';

const revision = JSON.stringify([{ revision: 1, status: 'deployed' }]);
const statefulSet = { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'postgresql', namespace: 'infra', labels: {} } };

async function annotationsAfter(...args: string[]): Promise<string[][]> {
  using root = createTestRoot();
  const helm = createFakeTool(root.folder, 'helm', [{ when: ['uninstall'] }, { when: ['history'], out: revision }]);
  const kubectl = createFakeTool(root.folder, 'kubectl', [{ when: ['delete'] }, { when: ['annotate'] }]);
  const { code, out, err } = await root.run(['-I', 'k8s', 'delete', '-y', ...args], { env: { HELM: helm.path, KUBECTL: kubectl.path } });
  expect(code, out + err).toBe(0);
  return kubectl.calls().flatMap((call) => (call.args[0] === 'annotate' ? [call.args.slice(1)] : []));
}

test('an installation whose data was deleted begins anew, with goods to sell', async () => {
  expect(await annotationsAfter('-l', 'all', '--volumes')).toEqual([
    ['namespaces', '--selector', 'app.kubernetes.io/part-of=waybill', '--overwrite', 'waybill.dev/begun-at-'],
  ]);
});

test('one whose data stays does not', async () => {
  expect(await annotationsAfter('-l', 'all')).toEqual([]);
  expect(await annotationsAfter('--volumes')).toEqual([]); // the applications alone keep none
});

test('what Helm has not installed is not taken apart', async () => {
  using root = createTestRoot();
  const helm = createFakeTool(root.folder, 'helm', [{ when: ['history'], code: 1, err: 'Error: release: not found' }]);
  const kubectl = createFakeTool(root.folder, 'kubectl', [{ when: ['get'], out: JSON.stringify({ items: [statefulSet] }) }]);
  const { code, err } = await root.run(['-I', 'k8s', 'delete', '-y', '-l', 'infra', '--volumes'], {
    env: { HELM: helm.path, KUBECTL: kubectl.path },
  });
  expect(code).toBe(5);
  expect(err).toContain('was not installed by Helm');
  expect(err).toMatch(/kubectl delete -k \S+/);
  expect(kubectl.calls().filter(({ args }) => args[0] === 'delete')).toEqual([]);
});
