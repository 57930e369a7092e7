import { expect, test } from 'vitest';
import { inNamespace, parseManifests, splitByRelease, writeManifests } from './manifests.ts';
import { releasesOf } from './releases.ts';

const text = `
apiVersion: v1
kind: ConfigMap
metadata: { name: b }
data: { jit: 'off', since: 2026-11-21, at: 10:30 }
---
# nothing
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: a, annotations: { helm.sh/hook: pre-install } }
spec: { template: { spec: { volumes: [{ configMap: { name: b, defaultMode: 0555 } }] } } }
`;

test('manifests are read as kubectl reads them: octal modes, and text that looks like a time', () => {
  const [config, deployment] = parseManifests(text, 'test');
  expect(config?.['data']).toEqual({ jit: 'off', since: '2026-11-21', at: '10:30' });
  expect(deployment?.spec.template.spec.volumes[0].configMap.defaultMode).toBe(0o555);
});

test('what is written is the same however it was ordered, and is read back as it was', () => {
  const objects = inNamespace(parseManifests(text, 'test'), 'prod');
  const written = writeManifests(objects);
  expect(writeManifests(objects.toReversed())).toBe(written);
  expect(writeManifests(parseManifests(written, 'test'))).toBe(written);
  expect(written).toContain("jit: 'off'".replaceAll("'", '"'));
});

test('an overlaid whole is given back to its releases, hooks included, without what the command puts there itself', () => {
  const releases = releasesOf('prod');
  const object = (kind: string, name: string, namespace: string | undefined, labels: Record<string, string> = {}) => ({
    apiVersion: 'v1',
    kind,
    metadata: { name, ...(namespace && { namespace }), labels },
  });
  const parts = splitByRelease(
    [
      object('Deployment', 'api', 'prod', { 'app.kubernetes.io/instance': 'waybill' }),
      object('StatefulSet', 'postgresql', 'infra', { 'app.kubernetes.io/instance': 'platform' }),
      object('ConfigMap', 'of-the-user', 'monitoring'),
      object('ClusterRole', 'of-the-user', undefined),
      object('Namespace', 'prod', undefined),
      object('Secret', 'waybill-secrets', 'prod', { 'waybill.dev/made-by': 'secrets' }),
    ],
    releases,
  );
  expect([...parts].map(([release, objects]) => [release.name, objects.map(({ metadata }) => metadata.name)])).toEqual([
    ['platform', ['postgresql']],
    ['monitoring', ['of-the-user']],
    ['waybill', ['api', 'of-the-user']],
  ]);
});
