import { setTimeout as delay } from 'node:timers/promises';
import { WaybillError } from '@waybill/kernel/errors';
import type { Service } from '@waybill/kernel/service';
import type { Temporal } from '@waybill/kernel/temporal-client';
import {
  type Build,
  countOpen,
  type Deployment,
  deploymentNames,
  lastPollOf,
  readDeployment,
  setCurrentBuild,
} from '@waybill/kernel/worker-deployments';
import { deploymentName } from '@waybill/kernel/worker-version';
import { serviceNames, services } from '../roles.ts';

export type BuildReport = Omit<Build, 'wasActive'> & {
  /** Orders whose last step ran on it. */
  openOrders: number;
  /** When one of its workers last asked for work; null when none did in the last minutes. */
  lastPollAt: string | null;
};
export type DeploymentReport = { name: string; current: string | null; builds: BuildReport[] };
export type BuildsReport = {
  deployments: DeploymentReport[];
  /** Open orders that no build with a name has worked on yet. */
  unversionedOrders: number;
};

const pauseMs = 500;

/** Which builds there are, what Temporal sends them, and how many open orders each has. */
export async function reportBuilds(temporal: Temporal, prefix: string): Promise<BuildsReport> {
  const [deployments, unversionedOrders] = await Promise.all([readAll(temporal), countOpen(temporal, undefined)]);
  const reports = deployments.map(async ({ name, current, builds }): Promise<DeploymentReport> => {
    const taskQueue = queueOf(prefix, name);
    const described = builds.map(async ({ wasActive: _, ...build }): Promise<BuildReport> => {
      const version = { name, buildId: build.buildId };
      const [openOrders, lastPoll] = await Promise.all([
        countOpen(temporal, version),
        taskQueue === undefined ? undefined : lastPollOf(temporal, { ...version, taskQueue }),
      ]);
      return { ...build, openOrders, lastPollAt: lastPoll?.toISOString() ?? null };
    });
    return { name, current: current ?? null, builds: await Promise.all(described) };
  });
  return { deployments: await Promise.all(reports), unversionedOrders };
}

/**
 * Makes a build current wherever it has workers, or in one service; without a build, workers that have no version get what is
 * new. Waits for workers that do not poll all their queues yet. Returns the deployments, with what was current before.
 */
export async function makeCurrent(
  temporal: Temporal,
  options: { prefix: string; buildId: string | undefined; service?: string | undefined; timeoutMs: number },
): Promise<{ deployment: string; before: string | null }[]> {
  const { buildId, service, prefix } = options;
  const deadline = Date.now() + options.timeoutMs;
  const named = await readAll(temporal).then((all) =>
    service === undefined ? all : all.filter(({ name }) => name === deploymentName(prefix, service)),
  );
  const targets = named.filter(({ builds }) => buildId === undefined || builds.some((build) => build.buildId === buildId));
  if (targets.length === 0) {
    const known = [...new Set(named.flatMap(({ builds }) => builds.map((build) => build.buildId)))];
    const where = service === undefined ? 'any service' : service;
    throw new WaybillError(
      'not_found',
      `no worker of ${where} has said that it is build ${buildId ?? '(any)'}; builds seen are: ${known.join(', ') || 'none'}`,
    );
  }
  for (const target of targets) await insist(() => setCurrentBuild(temporal, { name: target.name, buildId }), deadline);
  return targets.map(({ name, current }) => ({ deployment: name, before: current ?? null }));
}

/**
 * Makes a build current in each of these services, once its workers ask for work and Temporal answers: both may just be
 * starting. Returns those where another was current.
 */
export async function promoteIn(
  temporal: Temporal,
  options: { prefix: string; buildId: string; services: readonly string[]; timeoutMs: number },
): Promise<string[]> {
  const { prefix, buildId, services: named } = options;
  const changed: string[] = [];
  for (const service of named) {
    const name = deploymentName(prefix, service);
    const deadline = Date.now() + options.timeoutMs;
    const registered = async () => {
      const deployment = await readDeployment(temporal, name);
      if (deployment?.builds.some((build) => build.buildId === buildId)) return deployment;
      throw new WaybillError('unavailable', `no worker of ${service} has said that it is build ${buildId}`);
    };
    const { current } = await insist(registered, deadline);
    if (current === buildId) continue;
    await insist(() => setCurrentBuild(temporal, { name, buildId }), deadline);
    changed.push(service);
  }
  return changed;
}

async function readAll(temporal: Temporal): Promise<Deployment[]> {
  const names = await deploymentNames(temporal);
  const read = await Promise.all(names.map((name) => readDeployment(temporal, name)));
  return read.filter((deployment) => deployment !== undefined);
}

/** A worker that has just started has not asked every queue for work yet, and until then Temporal refuses; nor may it answer at once. */
async function insist<T>(work: () => Promise<T>, deadline: number): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const passing = error instanceof WaybillError && (error.code === 'conflict' || error.code === 'unavailable');
      if (!passing || Date.now() > deadline) throw error;
      await delay(pauseMs);
    }
  }
}

function queueOf(prefix: string, deployment: string): string | undefined {
  const name = serviceNames.find((service) => deploymentName(prefix, service) === deployment);
  const service: Service | undefined = name && services[name];
  return service?.taskQueue;
}

/** False of a service whose worker only passes events on: Temporal never hears of it. */
export const asksForWork = (service: string): boolean =>
  serviceNames.some((name) => name === service && (services[name] as Service).taskQueue !== undefined);

/** A row for each build, beneath headings. */
export const rowsOf = ({ deployments }: BuildsReport): string[][] =>
  deployments.length === 0
    ? []
    : [
        ['deployment', 'build', 'status', 'open orders', 'last asked for work'],
        ...deployments.flatMap(({ name, builds }) =>
          builds.map(({ buildId, status, openOrders, lastPollAt }) => [name, buildId, status, String(openOrders), lastPollAt ?? '-']),
        ),
      ];

/** What a person should know or act on. */
export function remarksOf({ deployments, unversionedOrders }: BuildsReport): string[] {
  if (deployments.length === 0) return ['no worker has said which build it is: TEMPORAL_VERSIONING is off'];
  const without = unversionedOrders > 0 ? [`${unversionedOrders} open orders were never worked on by a build with a name`] : [];
  const idle = deployments
    .filter(({ current }) => current === null)
    .map(({ name }) => `${name} has no current build: what is new goes to workers without a version`);
  const stranded = deployments.flatMap(({ name, builds }) =>
    builds
      .filter(({ openOrders, lastPollAt, status }) => openOrders > 0 && lastPollAt === null && status === 'draining')
      .map(({ buildId, openOrders }) => `${openOrders} orders wait for build ${buildId} of ${name}, which has no workers: start it again`),
  );
  return [...without, ...idle, ...stranded];
}

export const linesOf = (report: BuildsReport): string[] => [...rowsOf(report).map((row) => row.join('  ')), ...remarksOf(report)];
