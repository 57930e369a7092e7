import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nearest } from '@waybill/kernel/config';
import type { Configuration } from '../configuration.ts';
import { CommandError } from '../failure.ts';
import type { Root } from '../root.ts';

/** Where the charts and their values are. */
export const deployFolder = fileURLToPath(new URL('../../../deploy', import.meta.url));

export const environments = ['staging', 'prod'] as const;
export type Environment = (typeof environments)[number];
export type Topology = 'compact' | 'services';
export type Part = 'infra' | 'monitoring' | 'apps';

/** What Helm installs as one. */
export type Release = { name: 'platform' | 'monitoring' | 'waybill'; namespace: string; part: Part; chart: string };

/** In the order in which they are installed: each needs the ones before it. */
export const releasesOf = (environment: Environment): [Release, Release, Release] => [
  { name: 'platform', namespace: 'infra', part: 'infra', chart: join(deployFolder, 'charts', 'platform') },
  { name: 'monitoring', namespace: 'monitoring', part: 'monitoring', chart: join(deployFolder, 'charts', 'monitoring') },
  { name: 'waybill', namespace: environment, part: 'apps', chart: join(deployFolder, 'charts', 'waybill') },
];

export function parseEnvironment(text: string): Environment {
  for (const name of environments) if (name === text) return name;
  throw new CommandError('invalid', `there is no environment "${text}"`, { fix: `choose one of ${environments.join(', ')}` });
}

/** The releases of an installation. Monitoring can be somebody else's. */
export const releasesIn = (environment: Environment, { cli }: Configuration): Release[] =>
  releasesOf(environment).filter(({ name }) => name !== 'monitoring' || cli.K8S_MONITORING);

/** The releases that `-l` names: a part, a release, or all when left out. */
export function selectReleases(
  { environment, configuration }: { environment: Environment; configuration: Configuration },
  label: string | undefined,
): Release[] {
  const all = releasesIn(environment, configuration);
  if (label === undefined || label === 'all') return all;
  const found = all.filter(({ name, part }) => name === label || part === label);
  if (found.length > 0) return found;
  const names = [...new Set(all.flatMap(({ name, part }) => [part, name]))];
  const near = nearest(label, names);
  throw new CommandError('invalid', `there is no part or release "${label}"${near ? `; did you mean ${near}?` : ''}`, {
    fix: `choose one of all, ${names.join(', ')}`,
  });
}

/** The user's values for a release, weakest first; what is not there is left out. */
export function customValues(root: Root, release: Release): string[] {
  const names = release.name === 'waybill' ? [release.name, `waybill-${release.namespace}`] : [release.name];
  return names.map((name) => join(root.envCustom, 'values', `${name}.yaml`)).filter((path) => existsSync(path));
}
