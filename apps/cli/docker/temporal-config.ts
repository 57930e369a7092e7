import { stringify } from 'yaml';
import type { ChartValues } from './chart-values.ts';
import { secretsMount } from './secret-files.ts';

/**
 * The configuration of Temporal's server: the chart's, except that its four roles, all in this one process, meet at 127.0.0.1
 * rather than at a pod's address. A test compares the two.
 */
export function temporalServerConfig({ temporal }: ChartValues): string {
  const { database, server } = temporal;
  const store = (databaseName: string, connections: number) => ({
    sql: {
      pluginName: 'postgres12_pgx',
      connectAddr: 'postgres:5432',
      connectProtocol: 'tcp',
      databaseName,
      user: database.login,
      passwordCommand: {
        command: '/bin/sh',
        args: ['-c', `head -n 1 ${secretsMount}/TEMPORAL_DATABASE_PASSWORD`],
        timeout: '10s',
      },
      maxConns: connections,
      maxIdleConns: connections,
      maxConnLifetime: '1h',
    },
  });
  const role = (grpcPort: number, more: Record<string, number> = {}) => ({
    rpc: { grpcPort, ...more, membershipPort: grpcPort - 300, bindOnIP: '0.0.0.0' },
  });
  return stringify({
    log: { stdout: true, level: server.logLevel },
    persistence: {
      numHistoryShards: server.historyShards,
      defaultStore: 'main',
      visibilityStore: 'visibility',
      datastores: {
        main: store(database.name, database.maxConnections),
        visibility: store(database.visibilityName, database.maxVisibilityConnections),
      },
    },
    global: {
      membership: { maxJoinDuration: '5s', broadcastAddress: '127.0.0.1' },
      metrics: { prometheus: { timerType: 'histogram', listenAddress: '0.0.0.0:9090' } },
    },
    services: { frontend: role(7233, { httpPort: 7243 }), history: role(7234), matching: role(7235), worker: role(7239) },
    clusterMetadata: {
      enableGlobalNamespace: false,
      failoverVersionIncrement: 10,
      masterClusterName: 'active',
      currentClusterName: 'active',
      clusterInformation: {
        active: {
          enabled: true,
          initialFailoverVersion: 1,
          rpcName: 'frontend',
          rpcAddress: '127.0.0.1:7233',
          httpAddress: '127.0.0.1:7243',
        },
      },
    },
    dcRedirectionPolicy: { policy: 'noop' },
    archival: { history: { state: 'disabled', enableRead: false }, visibility: { state: 'disabled', enableRead: false } },
    dynamicConfigClient: { filepath: '/etc/temporal/waybill/dynamic-config.yaml', pollInterval: '30s' },
  });
}

export const temporalDynamicConfig = ({ temporal }: ChartValues): string =>
  stringify(Object.fromEntries(Object.entries(temporal.server.dynamicConfig).map(([key, value]) => [key, [{ value }]])));
