import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { loadConfiguration } from '@waybill/cli/configuration';
import { deployFolder, environments, type Release, releasesOf } from '@waybill/cli/k8s/releases';
import { merge, type Values, valuesFor } from '@waybill/cli/k8s/values';
import { rootAt } from '@waybill/cli/root';
import { afterAll, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { deployFile, topologies, valuesFiles } from './testing/render.ts';

type Written = { name: string; namespace: string; chart: string; values: string[]; setTemplate?: { name: string; value: string }[] };
type Helmfile = { environments?: Record<string, unknown>; releases?: Written[] };

const image = { repository: 'waybill/waybill', tag: '0.1.0-0123456789ab' };

/** The releases of a helmfile, with its expressions worked out as Helmfile does it. */
function releasesIn(file: string, environment: string, values: Record<string, string>): Required<Written>[] {
  const documents = parseAllDocuments(readFileSync(deployFile(`helmfile/${file}`), 'utf8')).map((document): Helmfile => document.toJS());
  const known = documents.flatMap(({ environments: named }) => Object.keys(named ?? {}));
  expect(known.length === 0 || known.includes(environment) || known.includes('default'), `${file} knows ${environment}`).toBe(true);
  const told = new Map([
    ['.Environment.Name', environment],
    ...Object.entries(values).map(([key, value]) => [`.Values.${key}`, value] as const),
  ]);
  const fill = (text: string): string =>
    text.replaceAll(/\{\{ ([.\w]+) \}\}/g, (_, expression: string) => {
      const value = told.get(expression);
      if (value === undefined) throw new Error(`${file} uses ${expression}, which nothing gives`);
      return value;
    });
  return documents
    .flatMap(({ releases = [] }) => releases)
    .map(({ name, namespace, chart, values: paths, setTemplate = [] }) => ({
      name,
      namespace: fill(namespace),
      chart: resolve(deployFolder, 'helmfile', chart),
      values: paths.map((path) => resolve(deployFolder, 'helmfile', fill(path))),
      setTemplate: setTemplate.map(({ name: key, value }) => ({ name: key, value: fill(value) })),
    }));
}

const read = (path: string): Values => (existsSync(path) ? (parse(readFileSync(path, 'utf8')) ?? {}) : {});

/** What the chart works with in the end. */
const effective = (chart: string, ...values: Values[]): Values => merge(read(join(chart, 'values.yaml')), ...values);

const path = mkdtempSync(join(tmpdir(), 'waybill-helmfile-'));
afterAll(() => rmSync(path, { recursive: true }));

it.each(environments.flatMap((environment) => topologies.map((topology) => ({ environment, topology }))))(
  'the helmfiles install what the command installs: $environment, $topology',
  ({ environment, topology }) => {
    const env = { K8S_ENVIRONMENTS: 'prod,staging', K8S_PROD_TOPOLOGY: topology, K8S_STAGING_TOPOLOGY: topology };
    const configuration = loadConfiguration(rootAt({ flag: path, env: {}, cwd: path }), env);
    const written = ['infra', 'monitoring', 'apps'].flatMap((part) =>
      releasesIn(`helmfile-${part}.yaml`, environment, { topology, imageTag: image.tag }),
    );
    const releases = releasesOf(environment);
    expect(written.map(({ name, namespace, chart }) => ({ name, namespace, chart }))).toEqual(
      releases.map(({ name, namespace, chart }) => ({ name, namespace, chart: resolve(chart) })),
    );
    for (const [index, release] of releases.entries()) {
      const { values = [], setTemplate = [] } = written[index] ?? {};
      const byHelmfile = effective(release.chart, ...values.map(read), ...setTemplate.map(({ value }) => ({ image: { tag: value } })));
      expect(byHelmfile, release.name).toEqual(effective(release.chart, valuesFor(release, environment, configuration, image)));
      expect(values, release.name).toEqual(filesOf(release, { topology, environment }));
    }
  },
);

const filesOf = ({ name }: Release, chosen: { topology: 'compact' | 'services'; environment: 'staging' | 'prod' }): string[] =>
  valuesFiles({ chart: name, ...chosen }).map((file) => resolve(deployFolder, file));

it('has expressions only where Helmfile 1 works them out in a file that is no template as a whole', () => {
  for (const part of ['infra', 'monitoring', 'apps']) {
    const text = readFileSync(deployFile(`helmfile/helmfile-${part}.yaml`), 'utf8');
    const releases = parseAllDocuments(text).flatMap((document): Record<string, unknown>[] => document.toJS().releases ?? []);
    for (const { namespace: _, values: _v, setTemplate: _s, ...others } of releases) expect(JSON.stringify(others)).not.toContain('{{');
  }
});
