import { allRoles } from '@waybill/server/roles';
import { describe, expect, it } from 'vitest';
import {
  compactPods,
  components,
  connectionMi,
  connectionsAtMost,
  connectionsAtRest,
  entrance,
  maxConnections,
  migration,
  monitoring,
  type PodBudget,
  packOnto,
  platformOf,
  postgresqlOwnMi,
  reservedConnections,
  smallNodeMi,
  smallNodes,
  temporalConnections,
  temporalJobConnections,
  totalConnections,
} from './budgets.ts';
import { render, renderAll, topologies } from './testing/render.ts';
import { type Container, nameOf, type Pod, podsOf } from './testing/workloads.ts';

const mi = (text: string): number => {
  const match = /^(\d+)(Mi|Gi)$/.exec(text);
  if (!match) throw new Error(`${text} is not a size in Mi or Gi`);
  return Number(match[1]) * (match[2] === 'Gi' ? 1_024 : 1);
};
const milli = (text: string | number): number => (String(text).endsWith('m') ? Number.parseInt(String(text), 10) : Number(text) * 1_000);

/** What the containers of a pod ask for together. */
function askedFor({ spec }: Pod): PodBudget & { limitMi: number } {
  const all: Container[] = spec.containers;
  const sum = (of: (container: Container) => number) => all.reduce((total, container) => total + of(container), 0);
  return {
    memoryMi: sum(({ resources }) => mi(resources.requests.memory)),
    cpuMilli: sum(({ resources }) => milli(resources.requests.cpu)),
    limitMi: sum(({ resources }) => mi(resources.limits.memory)),
  };
}

const componentOf = ({ labels }: Pod): string => labels['app.kubernetes.io/component'] ?? '';
const lasting = (pods: readonly Pod[]): Pod[] => pods.filter(({ owner }) => owner.kind !== 'Job');
const setting = (pod: Pod, key: string): string | undefined =>
  pod.spec.containers[0].env.find(({ name }: { name: string }) => name === key)?.value;
const relation = ({ memoryMi, cpuMilli }: PodBudget) => ({ memoryMi, cpuMilli, limitMi: memoryMi });

describe.each(topologies)('the budget of topology %s', (topology) => {
  it('is what the pods of the chart waybill ask for, with limits of memory that equal the requests', async () => {
    const objects = await render({ chart: 'waybill', topology });
    const asked = Object.fromEntries(lasting(podsOf(objects)).map((pod) => [componentOf(pod), askedFor(pod)]));
    expect(asked).toEqual(Object.fromEntries(Object.entries(components[topology]).map(([name, budget]) => [name, relation(budget)])));
  });

  it('counts the replicas, the scaling and the surge that the chart renders', async () => {
    const objects = await render({ chart: 'waybill', topology });
    for (const { metadata, spec } of objects.filter(({ kind }) => kind === 'Deployment')) {
      const budget = components[topology][metadata.name];
      const scaler = objects.find(({ kind, metadata: { name } }) => kind === 'HorizontalPodAutoscaler' && name === metadata.name);
      const [least, most] = scaler ? [scaler.spec.minReplicas, scaler.spec.maxReplicas] : [spec.replicas, spec.replicas];
      expect({ name: metadata.name, least, most, surge: spec.strategy.rollingUpdate.maxSurge }).toEqual({
        name: metadata.name,
        least: budget?.replicas,
        most: budget?.most,
        surge: budget?.surge,
      });
    }
  });

  it('counts the pools that pods are told to keep, and every role that has a database', async () => {
    const objects = await render({ chart: 'waybill', topology });
    for (const pod of lasting(podsOf(objects))) {
      const budget = components[topology][componentOf(pod)];
      const roles: string[] = pod.spec.containers[0].args.slice(1);
      const services = new Set(roles.filter((role) => /-(api|worker)$/.test(role)).map((role) => role.replace(/-(api|worker)$/, '')));
      const pools = Object.fromEntries(
        [...services].map((service) => [service, Number(setting(pod, `${service.toUpperCase()}_DATABASE_POOL`))]),
      );
      expect(pools, nameOf(pod)).toEqual(budget?.pools);
      const sessions = roles.filter((role) => role.endsWith('-worker')).length + (roles.includes('orders-api') ? 1 : 0);
      expect(budget?.sessions, nameOf(pod)).toBe(sessions);
    }
  });

  it('runs every role exactly once', async () => {
    const objects = await render({ chart: 'waybill', topology });
    const roles = lasting(podsOf(objects)).flatMap((pod) => pod.spec.containers[0].args.slice(1) as string[]);
    expect(roles.toSorted()).toEqual(allRoles.toSorted());
  });

  it.each([true, false])(
    'lets in as many connections as are needed when all is scaled up, and holds them in memory; prod alone: %s',
    async (alone) => {
      const staging = alone ? 0 : totalConnections(connectionsAtRest(topology));
      const temporal = temporalConnections + temporalJobConnections;
      const needed = totalConnections(connectionsAtMost(topology)) + staging + temporal + reservedConnections;
      expect(maxConnections[topology][alone ? 'alone' : 'both']).toBe(needed);
      const server = podsOf(await render({ chart: 'platform', topology, alone })).find((pod) => componentOf(pod) === 'postgresql');
      const parameter = (name: string) =>
        server?.spec.containers[0].args.find((one: string) => one.startsWith(`${name}=`))?.slice(name.length + 1);
      expect(Number(parameter('max_connections'))).toBe(needed);
      const buffers = mi(parameter('shared_buffers').replace('MB', 'Mi'));
      expect(server && askedFor(server).memoryMi).toBeGreaterThanOrEqual(buffers + postgresqlOwnMi + connectionMi * needed);
    },
  );

  it.each([true, false])('is what the pods of the chart platform ask for; prod alone: %s', async (alone) => {
    const pods = lasting(podsOf(await render({ chart: 'platform', topology, alone })));
    expect(Object.fromEntries(pods.map((pod) => [componentOf(pod), askedFor(pod)]))).toEqual(
      Object.fromEntries(Object.entries(platformOf(topology, alone ? 'alone' : 'both')).map(([name, budget]) => [name, relation(budget)])),
    );
  });
});

describe('a compact installation', () => {
  it('fits three nodes of 450 MiB, and the packed pods stay under their ceilings', () => {
    expect(packOnto(compactPods(), smallNodes, smallNodeMi)).toBeDefined();
    expect(components.compact['api']?.memoryMi).toBeLessThanOrEqual(176);
    expect(components.compact['worker']?.memoryMi).toBeLessThanOrEqual(288);
  });

  it('leaves room for the migration while everything runs', () => {
    expect(packOnto({ ...compactPods(), migrate: migration.memoryMi }, smallNodes, smallNodeMi)).toBeDefined();
  });

  it('needs room for no second pod of anything while a new version replaces the old one', async () => {
    const set = { 'entrance.type': 'caddy', 'entrance.host': 'shop.example.com' };
    const deployments = (await renderAll({ topology: 'compact', set })).filter(({ kind }) => kind === 'Deployment');
    for (const { metadata, spec } of deployments)
      expect(spec.strategy.type === 'Recreate' ? 0 : spec.strategy.rollingUpdate.maxSurge, metadata.name).toBe(0);
  });

  it('has small pods give way to large ones, wherever they lie, by classes that are there', async () => {
    const set = { 'entrance.type': 'caddy', 'entrance.host': 'shop.example.com' };
    const objects = await renderAll({ topology: 'compact', alone: true, set });
    const classes = new Map(objects.filter(({ kind }) => kind === 'PriorityClass').map(({ metadata, value }) => [metadata.name, value]));
    // With these steps every order of arrival ends with a place for all: a step's pods fit in any order beside the larger ones.
    const priorityOf = (memoryMi: number) => (memoryMi >= 160 ? 0 : memoryMi >= 96 ? -1 : memoryMi >= 48 ? -2 : -3);
    const priorities = lasting(podsOf(objects)).map(
      (pod) => [componentOf(pod), pod.spec.priorityClassName, askedFor(pod).memoryMi] as const,
    );
    expect(priorities.length).toBe(Object.keys(compactPods()).length);
    for (const [name, className, memoryMi] of priorities)
      expect(className === undefined ? 0 : classes.get(className), `${name}, ${className}`).toBe(priorityOf(memoryMi));
  });

  it('has no other pods than those of the tables', async () => {
    const objects = await renderAll({
      topology: 'compact',
      alone: true,
      set: { 'entrance.type': 'caddy', 'entrance.host': 'shop.example.com' },
    });
    const asked = Object.fromEntries(lasting(podsOf(objects)).map((pod) => [componentOf(pod), askedFor(pod)]));
    const budgets = { ...platformOf('compact', 'alone'), ...monitoring, ...components.compact, caddy: entrance };
    expect(asked).toEqual(Object.fromEntries(Object.entries(budgets).map(([name, budget]) => [name, relation(budget)])));
  });

  it('gives the migration what its table says', async () => {
    const job = podsOf(await render({ chart: 'waybill' })).find(({ owner }) => owner.kind === 'Job');
    expect(job && askedFor(job)).toEqual(migration);
  });
});

describe('packing', () => {
  it('puts the largest first, and says when one finds no room', () => {
    expect(packOnto({ a: 1, b: 3, c: 2 }, 2, 3)).toEqual([['b'], ['c', 'a']]);
    expect(packOnto({ a: 2, b: 2, c: 2 }, 2, 3)).toBeUndefined();
  });
});
