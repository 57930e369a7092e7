import { components, connectionsAtMost, kafka, maxConnections, monitoring, platform } from '../../../deploy/budgets.ts';

import type { Configuration } from '../configuration.ts';
import { table } from '../context.ts';
import { type Environment, parseEnvironment, type Topology } from './releases.ts';
import { topologyOf } from './values.ts';

export type Budget = {
  environment: Environment;
  topology: Topology;
  rows: BudgetRow[];
  memoryMi: number;
  connections: number;
  maxConnections: number;
};
type BudgetRow = { component: string; pods: number; memoryMi: number; cpuMilli: number };

/** What an installation in a cluster takes by the tables in deploy/budgets.ts; only of environments that somebody has chosen. */
export function budgetsOf(configuration: Configuration): Budget[] {
  if (!configuration.chosen('K8S_ENVIRONMENTS') && !configuration.chosen('K8S_PROD_TOPOLOGY')) return [];
  return configuration.cli.K8S_ENVIRONMENTS.map(parseEnvironment).map((environment) => {
    const topology = topologyOf(configuration, environment);
    const shared = { ...platform, ...(configuration.cli.K8S_MONITORING && monitoring), ...(topology === 'services' && { kafka }) };
    const rows = [
      ...Object.entries(shared).map(([component, budget]) => ({ component, pods: 1, ...budget })),
      ...Object.entries(components[topology]).map(([component, { replicas, memoryMi, cpuMilli }]) => ({
        component,
        pods: replicas,
        memoryMi,
        cpuMilli,
      })),
    ];
    return {
      environment,
      topology,
      rows,
      memoryMi: rows.reduce((sum, { pods, memoryMi }) => sum + pods * memoryMi, 0),
      connections: connectionsAtMost(topology).reduce((sum, { connections }) => sum + connections, 0),
      maxConnections: maxConnections[topology],
    };
  });
}

export const describeBudgets = (budgets: readonly Budget[]): string[] =>
  budgets.flatMap(({ environment, topology, rows, memoryMi, connections, maxConnections: most }) => [
    `${environment} in a cluster (${topology}): ${memoryMi} Mi, and at most ${connections} of ${most} connections to PostgreSQL`,
    ...table(rows.map(({ component, pods, memoryMi: each, cpuMilli }) => [`  ${component}`, `${pods} ×`, `${each} Mi`, `${cpuMilli}m`])),
  ]);
