import { expect, test } from 'vitest';
import { createTestRoot } from '../testing.ts';
import { createFakeTool } from './testing.ts';

async function annotationsAfter(...args: string[]): Promise<string[][]> {
  using root = createTestRoot();
  const helm = createFakeTool(root.folder, 'helm', [{ when: ['uninstall'] }]);
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
