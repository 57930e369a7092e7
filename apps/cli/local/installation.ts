import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startPostgres } from '@waybill/embedded/postgres';
import { findTemporal, startTemporal } from '@waybill/embedded/temporal';
import { workflowBundle } from '@waybill/kernel/workflow-bundle';
import type { Configuration } from '../configuration.ts';
import type { Context } from '../context.ts';
import { Interrupted } from '../failure.ts';
import type { Step } from '../steps.ts';
import { type DatabaseJob, workOnDatabases } from './database-work.ts';
import { logFile } from './log-files.ts';
import { startServer } from './server.ts';
import type { Supervisor } from './supervisor.ts';

const workflows = fileURLToPath(import.meta.resolve('@waybill/orders/workflows'));

type Parts = { context: Context; configuration: Configuration; supervisor: Supervisor; signal: AbortSignal; seed: boolean };

/**
 * The steps from nothing to a server that is ready. What does not depend on each other starts at once; the steps show the
 * waiting in an order that makes sense to a reader.
 */
export function installationSteps({ context, configuration, supervisor, signal, seed }: Parts): Step[] {
  const { root } = context;
  const { cli } = configuration;
  const external = { postgres: configuration.chosen('DATABASE_URL'), temporal: configuration.chosen('TEMPORAL_ADDRESS') };
  const show = (tell: (line: string) => void) => (command: readonly string[]) => tell(`$ ${command.join(' ')}`);
  // Known before the servers are: ports are settings, so what needs an address can start beside what it needs.
  const databaseUrl = (external.postgres ? configuration.text('DATABASE_URL') : embeddedUrl(configuration)) ?? '';
  const temporalAddress = (external.temporal ? configuration.text('TEMPORAL_ADDRESS') : `127.0.0.1:${cli.LOCAL_TEMPORAL_PORT}`) ?? '';
  const environment = {
    NODE_COMPILE_CACHE: join(root.cache, 'node'),
    ...configuration.childEnvironment(),
    DATABASE_URL: databaseUrl,
    TEMPORAL_ADDRESS: temporalAddress,
    WORKFLOW_CACHE_DIR: root.cache,
    CODEC_URL: codecUrl(configuration),
    ...(!configuration.chosen('CODEC_ORIGINS') && { CODEC_ORIGINS: uiOrigins(cli.LOCAL_TEMPORAL_UI_PORT).join(',') }),
  };
  let binary = '';
  let bundle: Promise<unknown> | undefined;
  let temporal: Promise<void> | undefined;
  let server: Promise<void> | undefined;

  async function runTemporal(tell: (line: string) => void): Promise<void> {
    await supervisor.start({
      name: 'temporal',
      title: 'Temporal',
      start: () =>
        startTemporal({
          binary,
          port: cli.LOCAL_TEMPORAL_PORT,
          uiPort: cli.LOCAL_TEMPORAL_UI_PORT,
          dbFile: root.temporalDb,
          codecEndpoint: codecUrl(configuration),
          logFile: logFile(root, 'temporal'),
          namespace: configuration.text('TEMPORAL_NAMESPACE') ?? 'default',
          onCommand: show(tell),
        }),
    });
  }

  async function runPostgres(tell: (line: string) => void): Promise<void> {
    await supervisor.start({
      name: 'postgres',
      title: 'PostgreSQL',
      start: () =>
        startPostgres({
          dataDir: root.postgresData,
          port: cli.LOCAL_POSTGRES_PORT,
          logFile: logFile(root, 'postgres'),
          password: postgresPassword(configuration),
          onCommand: show(tell),
        }),
    });
  }

  async function runServer(tell: (line: string) => void): Promise<void> {
    const options = {
      root,
      environment,
      url: configuration.listenUrl,
      startTimeoutMs: cli.LOCAL_START_TIMEOUT,
      stopTimeoutMs: cli.LOCAL_STOP_TIMEOUT,
      signal,
      onCommand: show(tell),
    };
    await supervisor.start({ name: 'server', title: 'the server', start: (again) => startServer(options, again) });
  }

  const steps: Step[] = [
    {
      title: 'Temporal binary',
      async run(tell) {
        bundle = quietly(workflowBundle({ entry: workflows, cacheDir: root.cache }));
        if (external.temporal) return `not needed: ${temporalAddress} is used (TEMPORAL_ADDRESS)`;
        binary = await findTemporal({ cacheDir: root.cache, environment: context.io.env, onProgress: tell });
        return binary;
      },
    },
    {
      title: 'PostgreSQL',
      async run(tell) {
        if (!external.temporal) temporal = quietly(runTemporal(tell));
        if (external.postgres) return 'yours is used (DATABASE_URL)';
        await runPostgres(tell);
        return `port ${cli.LOCAL_POSTGRES_PORT}`;
      },
    },
    {
      title: 'databases',
      async run(tell) {
        server = quietly(runServer(tell)); // it waits for the schema by itself; on most starts there is nothing to wait for
        const jobs: DatabaseJob[] = seed ? ['migrate', 'seed'] : ['migrate'];
        await workOnDatabases(jobs, { root, environment, onCommand: show(tell) });
        return seed ? 'up to date, with the demo catalogue' : 'up to date';
      },
    },
    {
      title: 'Temporal',
      async run() {
        await temporal;
        return temporalAddress;
      },
    },
    {
      title: 'workflow code',
      async run() {
        await bundle;
        return 'bundled';
      },
    },
    {
      title: 'server',
      async run() {
        await server;
        return `ready at ${configuration.apiUrl}`;
      },
    },
  ];
  return steps.map((step) => ({ ...step, run: (tell) => unlessStopped(signal, () => step.run(tell)) }));
}

/** A stop ends a step at once; what it was starting is stopped by the supervisor. */
async function unlessStopped(signal: AbortSignal, work: () => Promise<string>): Promise<string> {
  if (signal.aborted) throw new Interrupted();
  const stopped = Promise.withResolvers<never>();
  const onStop = () => stopped.reject(new Interrupted());
  signal.addEventListener('abort', onStop);
  try {
    return await Promise.race([work(), stopped.promise]);
  } finally {
    signal.removeEventListener('abort', onStop);
  }
}

export const postgresPassword = (configuration: Configuration): string => configuration.cli.LOCAL_POSTGRES_PASSWORD?.reveal() ?? '';

/** The embedded PostgreSQL with its administrator's login. */
export const embeddedUrl = (configuration: Configuration): string =>
  `postgres://postgres:${encodeURIComponent(postgresPassword(configuration))}@127.0.0.1:${configuration.cli.LOCAL_POSTGRES_PORT}/postgres`;

/** What is awaited by a later step must not count as unhandled until then. */
function quietly<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** As a browser on this machine reaches it: the Temporal UI and the codec server must be the same site for its cookie. */
export function codecUrl(configuration: Configuration): string {
  const own = configuration.chosen('CODEC_URL') ? configuration.text('CODEC_URL') : undefined;
  return own ?? `http://localhost:${configuration.text('CODEC_PORT') ?? '8089'}`;
}

/** The embedded Temporal UI by both of its names, and the UI of a cluster as `port-forward` shows it. */
export const uiOrigins = (port: number): string[] => [`http://localhost:${port}`, `http://127.0.0.1:${port}`, 'http://localhost:8080'];

export const temporalUiUrl = (configuration: Configuration): string | undefined =>
  configuration.chosen('TEMPORAL_ADDRESS') ? undefined : `http://localhost:${configuration.cli.LOCAL_TEMPORAL_UI_PORT}`;
