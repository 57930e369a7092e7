import { expect, test } from 'vitest';
import { createTestRoot } from '../testing.ts';
import { createFakeTool } from './testing.ts';

test('a way to Grafana is refused while it is off, with how to turn it on', async () => {
  using root = createTestRoot();
  const kubectl = createFakeTool(root.folder, 'kubectl', [{ when: ['get', 'grafana'] }]);
  const ran = await root.run(['-I', 'k8s', 'port-forward', 'grafana'], { env: { KUBECTL: kubectl.path } });
  expect(ran.code).toBe(4);
  expect(ran.err).toContain('waybill: Grafana is off');
  expect(ran.err).toContain('grafana: { enabled: true }');
  expect(ran.err).toContain('waybill k8s quickstart -l monitoring');
});

test('a way to Grafana is refused where monitoring is somebody else’s', async () => {
  using root = createTestRoot({ K8S_MONITORING: 'false' });
  const ran = await root.run(['-I', 'k8s', 'port-forward', 'grafana']);
  expect(ran.code).toBe(4);
  expect(ran.err).toContain('K8S_MONITORING is false');
});
