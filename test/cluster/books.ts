import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { databaseName } from '@waybill/kernel/provision';
import pg from 'pg';
import { databasePrefix } from '../../apps/cli/backup/cluster-backup.ts';
import type { ServiceName } from '../platform/platform.ts';
import { environment, kubectlProgram, succeeds } from './installation.ts';

export type Forward = { port: number; close(): void };

/** A way from a free port of this machine to a Service or workload, until it is closed or its pod goes. */
export async function forward(namespace: string, target: string, port: number): Promise<Forward> {
  const child = spawn(kubectlProgram(), ['port-forward', '--namespace', namespace, target, `:${port}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`kubectl port-forward to ${target} in ${namespace} ended with ${code}`);
  });
  ended.catch(() => {}); // of interest until the first line only
  const [line] = (await Promise.race([once(createInterface(child.stdout), 'line'), ended])) as [string];
  const opened = Number(/127\.0\.0\.1:(\d+)/.exec(line)?.[1]);
  if (!opened) throw new Error(`kubectl port-forward to ${target} in ${namespace} said "${line}"`);
  return { port: opened, close: () => child.kill('SIGTERM') };
}

export type Books = Disposable & {
  databaseUrl(service: ServiceName): string;
  query<T extends pg.QueryResultRow>(service: ServiceName, text: string, values?: unknown[]): Promise<T[]>;
};

/** The databases of the environment, as PostgreSQL's administrator sees them. */
export async function openBooks(): Promise<Books> {
  const password = (await succeeds('config', 'printvalue', 'POSTGRES_PASSWORD', '-e', environment)).trim();
  const { port, close } = await forward('infra', 'statefulset/postgresql', 5432);
  const databaseUrl = (service: ServiceName) =>
    `postgres://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}/${databaseName(databasePrefix(undefined, environment), service)}`;
  return {
    databaseUrl,
    async query<T extends pg.QueryResultRow>(service: ServiceName, text: string, values: unknown[] = []) {
      const client = new pg.Client({ connectionString: databaseUrl(service) });
      await client.connect();
      return (await client.query<T>(text, values).finally(() => client.end())).rows;
    },
    [Symbol.dispose]: close,
  };
}
