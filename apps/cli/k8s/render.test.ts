import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { createTestRoot } from '../testing.ts';
import { parseManifests } from './manifests.ts';
import { createFakeTool } from './testing.ts';

const objectOf = (name: string) => stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });

function openRoot() {
  const root = createTestRoot({ K8S_ENVIRONMENTS: 'prod,staging', K8S_IMAGE: 'waybill/waybill:1' });
  const helm = createFakeTool(root.folder, 'helm', [
    { when: ['version'], out: 'v4.0.0' },
    ...['platform', 'monitoring', 'waybill'].map((name) => ({ when: ['template', name], out: objectOf(name) })),
  ]);
  const files = () =>
    readdirSync(join(root.root, 'env'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.root.length + 1))
      .toSorted();
  const read = (path: string) => readFileSync(join(root.root, path), 'utf8');
  const render = async (...args: string[]) => {
    const ran = await root.run(['-I', 'k8s', 'render', ...args], { env: { HELM: helm.path } });
    expect(ran.code, ran.err).toBe(0);
    return ran.out;
  };
  return { run: root.run, files, read, render, [Symbol.dispose]: root[Symbol.dispose] };
}

test('render -l writes one part of one environment, with the Secrets of its namespace, and without -l all comes back', async () => {
  using root = openRoot();
  await root.run(['-I', 'secrets', 'generate', '-e', 'staging']);
  await root.render();
  const all = root.files();
  const secrets = root.read('env-secrets/secrets.yaml');
  expect(await root.render('-l', 'apps', '-e', 'staging')).toContain('they hold nothing but waybill (staging)');
  expect(root.files()).toEqual([
    'env/kustomization.yaml',
    'env/namespaces.yaml',
    'env/staging/waybill-values.yaml',
    'env/staging/waybill.yaml',
  ]);
  expect(parse(root.read('env/kustomization.yaml')).resources).toEqual(['namespaces.yaml', 'staging/waybill.yaml']);
  expect(
    parseManifests(root.read('env-secrets/secrets.yaml'), 'secrets').map(({ metadata }) => `${metadata.namespace}/${metadata.name}`),
  ).toEqual(['staging/waybill-secrets']);
  await root.render('-l', 'all');
  expect(root.files()).toEqual(all);
  expect(root.read('env-secrets/secrets.yaml')).toBe(secrets);
});

test('the platform of one part is the one that both environments need', async () => {
  using root = openRoot();
  await root.render();
  const before = root.read('env/infra/platform-values.yaml');
  await root.render('-l', 'platform');
  expect(root.files()).toContain('env/infra/platform.yaml');
  expect(root.files().some((path) => /monitoring|prod|staging/.test(path))).toBe(false);
  expect(root.read('env/infra/platform-values.yaml')).toBe(before);
});

test('a part that is none is refused by name', async () => {
  using root = openRoot();
  const ran = await root.run(['-I', 'k8s', 'render', '-l', 'aps']);
  expect(ran.code).toBe(2);
  expect(ran.err).toContain('there is no part or release "aps"; did you mean apps?');
});
