import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { deployFolder, environments, releasesOf } from '@waybill/cli/k8s/releases';
import { expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { deployFile, topologies, valuesFiles } from './testing/render.ts';

type Release = { name: string; namespace: string; chart: string; values: string[]; set?: { name: string; value: string }[] };
type Helmfile = { environments?: Record<string, { values: Record<string, string>[] }>; releases?: Release[] };

/** The releases of a helmfile, with its expressions worked out as Helmfile does it. */
function releasesIn(file: string, environment: string, values: Record<string, string>): Release[] {
  const documents = parseAllDocuments(readFileSync(deployFile(`helmfile/${file}`), 'utf8')).map((document): Helmfile => document.toJS());
  const known = documents.flatMap(({ environments: named }) => Object.keys(named ?? {}));
  const told = {
    '.Environment.Name': environment,
    ...Object.fromEntries(Object.entries(values).map(([key, value]) => [`.Values.${key}`, value])),
  };
  const fill = (text: string): string =>
    text.replaceAll(/\{\{ ([.\w]+) \}\}/g, (_, expression: string) => {
      const value = told[expression as keyof typeof told];
      if (value === undefined) throw new Error(`${file} uses ${expression}, which nothing gives`);
      return value;
    });
  const releases = documents.flatMap(({ releases: some }) => some ?? []);
  expect(
    known.length === 0 || known.includes(environment) || known.includes('default'),
    `${file} knows the environment ${environment}`,
  ).toBe(true);
  return releases.map(({ name, namespace, chart, values: paths, set = [] }) => ({
    name,
    namespace: fill(namespace),
    chart: resolve(deployFolder, 'helmfile', chart),
    values: paths.map((path) => resolve(deployFolder, 'helmfile', fill(path))),
    set: set.map(({ name: key, value }) => ({ name: key, value: fill(value) })),
  }));
}

it.each(environments.flatMap((environment) => topologies.map((topology) => ({ environment, topology }))))(
  'the helmfiles install what the command installs: $environment, $topology',
  ({ environment, topology }) => {
    const told = { topology, imageTag: '0.1.0-0123456789ab' };
    const found = ['infra', 'monitoring', 'apps'].flatMap((part) => releasesIn(`helmfile-${part}.yaml`, environment, told));
    expect(found.map(({ set, ...release }) => release)).toEqual(
      releasesOf(environment).map(({ name, namespace, chart }) => ({
        name,
        namespace,
        chart: resolve(chart),
        values: valuesFiles({ chart: name, topology, environment }).map((file) => resolve(deployFolder, file)),
      })),
    );
    expect(found.flatMap(({ set }) => set)).toEqual([{ name: 'image.tag', value: '0.1.0-0123456789ab' }]);
  },
);
