import type { Meter } from '@opentelemetry/api';
import { sql } from 'kysely';
import type { Database } from './database.ts';
import type { Loop } from './service.ts';

type Table = { name: string; rows: number; dead: number; bytes: number };
type Statistics = {
  bytes: number;
  backends: number;
  serverBackends: number;
  maxConnections: number;
  commits: number;
  rollbacks: number;
  blocksRead: number;
  blocksHit: number;
  deadlocks: number;
  temporaryBytes: number;
  oldestTransaction: number;
  waitingBackends: number;
  tables: Table[] | null;
};

const everyMs = 15_000;
const largestTables = 10;

/** How a pool of connections stands now. */
export function observePool(meter: Meter, pools: readonly { name: string; database: Database<unknown> }[]): void {
  const gauge = (name: string, description: string, values: (pool: Database<unknown>) => readonly [number, Record<string, string>][]) =>
    meter.createObservableGauge(name, { description }).addCallback((result) => {
      for (const pool of pools)
        for (const [value, labels] of values(pool.database)) result.observe(value, { service: pool.name, ...labels });
    });
  gauge('db_client_connection_count', 'Connections of the pool, by state', ({ usage }) => {
    const { used, idle } = usage();
    return [
      [used, { state: 'used' }],
      [idle, { state: 'idle' }],
    ];
  });
  gauge('db_client_connection_max', 'Connections that the pool may open', ({ usage }) => [[usage().max, {}]]);
  gauge('db_client_connection_pending_requests', 'Statements that wait for a connection', ({ usage }) => [[usage().waiting, {}]]);
}

/**
 * What PostgreSQL counts about a service's database, read by its own login every 15 s: no exporter and no further login. Every
 * process of the role sees the same figures, so take the maximum over processes.
 */
export function postgresLoop(meter: Meter, service: string, database: Database<unknown>): Loop {
  let latest: Statistics | undefined;
  const labels = { database: service };
  const gauge = (name: string, description: string, value: (now: Statistics) => number) =>
    meter.createObservableGauge(name, { description }).addCallback((result) => {
      if (latest) result.observe(value(latest), labels);
    });
  const counter = (name: string, description: string, value: (now: Statistics) => number) =>
    meter.createObservableCounter(name, { description }).addCallback((result) => {
      if (latest) result.observe(value(latest), labels);
    });
  const perTable = (name: string, description: string, value: (table: Table) => number) =>
    meter.createObservableGauge(name, { description }).addCallback((result) => {
      for (const table of latest?.tables ?? []) result.observe(value(table), { ...labels, table: table.name });
    });
  gauge('postgresql_database_size_bytes', 'Size of the database on disk', ({ bytes }) => bytes);
  gauge('postgresql_backends', 'Connections to this database', ({ backends }) => backends);
  gauge('postgresql_server_backends', 'Connections to the whole server', ({ serverBackends }) => serverBackends);
  gauge('postgresql_connection_max', 'Connections that the server allows', ({ maxConnections }) => maxConnections);
  gauge('postgresql_oldest_transaction_seconds', 'Age of the oldest open transaction of this login', (now) => now.oldestTransaction);
  gauge('postgresql_waiting_backends', 'Connections of this login that wait for a lock', (now) => now.waitingBackends);
  counter('postgresql_commits', 'Transactions committed', ({ commits }) => commits);
  counter('postgresql_rollbacks', 'Transactions rolled back', ({ rollbacks }) => rollbacks);
  counter('postgresql_blocks_read', 'Blocks read from disk or the system cache', ({ blocksRead }) => blocksRead);
  counter('postgresql_blocks_hit', 'Blocks found in memory', ({ blocksHit }) => blocksHit);
  counter('postgresql_deadlocks', 'Deadlocks found', ({ deadlocks }) => deadlocks);
  counter('postgresql_temporary_bytes', 'Bytes written to temporary files', (now) => now.temporaryBytes);
  perTable('postgresql_table_rows', 'Live rows, as estimated, of the largest tables', ({ rows }) => rows);
  perTable('postgresql_table_dead_rows', 'Dead rows that vacuum has yet to remove, of the largest tables', ({ dead }) => dead);
  perTable('postgresql_table_size_bytes', 'Size of the largest tables, as last counted by vacuum', ({ bytes }) => bytes);
  return {
    name: `postgres statistics ${service}`,
    everyMs,
    async run() {
      const fresh = readStatistics(database);
      latest = await fresh.catch(() => undefined); // old figures would hide that nobody answers
      await fresh;
      return false;
    },
  };
}

async function readStatistics({ db }: Database<unknown>): Promise<Statistics> {
  const { rows } = await sql<Statistics>`
    select pg_database_size(current_database()) as bytes, d.numbackends as backends,
      (select sum(numbackends)::integer from pg_stat_database) as "serverBackends",
      current_setting('max_connections')::integer as "maxConnections",
      d.xact_commit as commits, d.xact_rollback as rollbacks, d.blks_read as "blocksRead", d.blks_hit as "blocksHit",
      d.deadlocks, d.temp_bytes as "temporaryBytes",
      (select coalesce(extract(epoch from now() - min(xact_start)), 0)::float8 from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()) as "oldestTransaction",
      (select count(*)::integer from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock') as "waitingBackends",
      (select jsonb_agg(t) from (
        select s.relname as name, s.n_live_tup as rows, s.n_dead_tup as dead, c.relpages::bigint * 8192 as bytes
        from pg_stat_user_tables s join pg_class c on c.oid = s.relid order by c.relpages desc, s.relname limit ${largestTables}) as t) as tables
    from pg_stat_database d where d.datname = current_database()`.execute(db);
  const [row] = rows;
  if (!row) throw new Error('PostgreSQL has no statistics of its own database');
  return row;
}
