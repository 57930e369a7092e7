import {
  components,
  connectionsAtMost,
  connectionsAtRest,
  entrance,
  maxConnections,
  monitoring,
  type PodBudget,
  platformOf,
  reservedConnections,
  temporalConnections,
  temporalJobConnections,
  totalConnections,
} from '../../../deploy/budgets.ts';
import type { Configuration } from '../configuration.ts';
import { table } from '../context.ts';
import { type Environment, parseEnvironment, type Topology } from './releases.ts';
import { parseReplicas, topologyOf } from './values.ts';

type Row = PodBudget & { component: string; pods: number };
type EnvironmentBudget = { environment: Environment; topology: Topology; rows: Row[]; memoryMi: number };

export type Budget = {
  environments: EnvironmentBudget[];
  /** Platform and monitoring, once for all environments, as the larger of their topologies wants them. */
  shared: { topology: Topology; rows: Row[]; memoryMi: number };
  connections: { allowed: number; needed: number; holders: { holder: string; connections: number }[] };
};

const sumOf = (rows: readonly Row[]): number => rows.reduce((sum, { pods, memoryMi }) => sum + pods * memoryMi, 0);

/** What an installation in a cluster takes by the tables in deploy/budgets.ts; none unless somebody has chosen one. */
export function budgetOf(configuration: Configuration): Budget | undefined {
  const { cli } = configuration;
  if (!['K8S_ENVIRONMENTS', 'K8S_PROD_TOPOLOGY', 'K8S_STAGING_TOPOLOGY'].some((key) => configuration.chosen(key))) return undefined;
  const names = cli.K8S_ENVIRONMENTS.map(parseEnvironment);
  const environments = names.map((environment): EnvironmentBudget => {
    const topology = topologyOf(configuration, environment);
    const rows = [
      ...Object.entries(components[topology]).map(([component, { replicas, memoryMi, cpuMilli }]) => ({
        component,
        pods: wishOf(configuration, environment, component) ?? (environment === 'staging' ? 1 : replicas),
        memoryMi,
        cpuMilli,
      })),
      ...(cli.K8S_ENTRANCE === 'caddy' ? [{ component: 'caddy', pods: 1, ...entrance }] : []),
    ];
    return { environment, topology, rows, memoryMi: sumOf(rows) };
  });
  const topology = environments.some((one) => one.topology === 'services') ? 'services' : 'compact';
  const beside = names.includes('staging') ? 'both' : 'alone';
  const shared = Object.entries({ ...platformOf(topology, beside), ...(cli.K8S_MONITORING && monitoring) });
  const sharedRows = shared.map(([component, budget]) => ({ component, pods: 1, ...budget }));
  const holders = [
    ...environments.map((one) => ({ holder: one.environment, connections: connectionsOf(configuration, one) })),
    { holder: 'Temporal', connections: temporalConnections + temporalJobConnections },
    { holder: 'its superuser', connections: reservedConnections },
  ];
  return {
    environments,
    shared: { topology, rows: sharedRows, memoryMi: sumOf(sharedRows) },
    connections: { allowed: maxConnections[topology][beside], needed: totalConnections(holders), holders },
  };
}

/** Replicas by "k8s scale". */
const wishOf = ({ cli }: Configuration, environment: Environment, component: string): number | undefined =>
  parseReplicas(cli.K8S_REPLICAS ?? []).find((one) => one.environment === environment && one.component === component)?.count;

function connectionsOf(configuration: Configuration, { environment, topology }: EnvironmentBudget): number {
  const counted = totalConnections((environment === 'staging' ? connectionsAtRest : connectionsAtMost)(topology));
  const more = Object.entries(components[topology]).map(([component, { most, pools, sessions }]) => {
    const beyond = (wishOf(configuration, environment, component) ?? 0) - (environment === 'staging' ? 1 : most);
    return Math.max(0, beyond) * (Object.values(pools).reduce((sum, one) => sum + one, 0) + sessions);
  });
  return counted + more.reduce((sum, one) => sum + one, 0);
}

export function describeBudget({ environments, shared, connections }: Budget): string[] {
  const { allowed, needed, holders } = connections;
  const list = (rows: readonly Row[]) =>
    table(rows.map(({ component, pods, memoryMi, cpuMilli }) => [`  ${component}`, `${pods} ×`, `${memoryMi} Mi`, `${cpuMilli}m`]));
  return [
    ...environments.flatMap(({ environment, topology, rows, memoryMi }) => [
      `${environment} in a cluster (${topology}): ${memoryMi} Mi`,
      ...list(rows),
    ]),
    `shared by ${environments.map(({ environment }) => environment).join(' and ')} (${shared.topology}): ${shared.memoryMi} Mi`,
    ...list(shared.rows),
    `the bundled PostgreSQL takes ${allowed} connections, and ${needed} are needed at most: ${holders.map((one) => `${one.holder} ${one.connections}`).join(', ')}`,
  ];
}

/** Why the connections will not do, if so. */
export function budgetAdvice({ connections: { allowed, needed } }: Budget): string[] {
  if (needed <= allowed) return [];
  return [
    `K8S_REPLICAS asks for up to ${needed} connections to PostgreSQL, and the bundled one takes ${allowed}: raise postgresql.parameters.max_connections in env-custom/values/platform.yaml, with 3 Mi of memory for each`,
  ];
}
