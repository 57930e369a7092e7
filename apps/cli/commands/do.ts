import { startPostgres } from '@waybill/embedded/postgres';
import type { Command } from 'commander';
import { type Configuration, loadConfiguration } from '../configuration.ts';
import { type Act, type Context, print, printCommand, proseOf } from '../context.ts';
import { usesDocker, workInDocker } from '../docker/lifecycle.ts';
import { examples } from '../examples.ts';
import { CommandError, Interrupted } from '../failure.ts';
import { type DatabaseJob, workOnDatabases } from '../local/database-work.ts';
import { embeddedUrl, postgresPassword } from '../local/installation.ts';
import { logFile } from '../local/log-files.ts';
import { stopOrphans } from '../local/orphans.ts';
import { liveRunState, takeRunLock } from '../local/run-file.ts';
import { createRoot } from '../root.ts';
import { generateSecrets } from '../secrets.ts';

/** `waybill do …` and `waybill local do …` are the same work. */
export function addDo(parent: Command, act: Act, prefix = 'waybill'): void {
  const group = parent.command('do').description('single pieces of work on the databases');
  group
    .command('migrate')
    .option('-y, --yes', 'do not ask')
    .description('bring the databases to the schema of this version')
    .addHelpText('after', examples(`${prefix} do migrate -y`))
    .action(act((context, options: { yes?: boolean }) => migrate(context, options.yes ?? false)));
  group
    .command('seed')
    .description('add what is missing of the demo catalogue and its stock')
    .addHelpText('after', examples(`${prefix} do seed`))
    .action(act((context) => work(context, 'seed', 'the demo catalogue is there')));
}

async function migrate(context: Context, yes: boolean): Promise<undefined> {
  if (!yes && !context.dryRun) await confirm(context);
  return work(context, 'migrate', 'the databases are up to date');
}

async function confirm(context: Context): Promise<void> {
  if (!context.interactive) {
    throw new CommandError('invalid', 'a migration changes the databases, and nobody can be asked here', { fix: 'say yes with -y' });
  }
  const clack = await import('@clack/prompts');
  const answer = await clack.confirm({ message: 'Migrate the databases of all services now?' });
  if (answer !== true) throw new Interrupted();
}

async function work(context: Context, job: DatabaseJob, done: string): Promise<undefined> {
  const { root } = context;
  if (usesDocker(context)) return workInDocker(context, job, done);
  if (!context.dryRun) {
    createRoot(root);
    if (!loadConfiguration(root, context.io.env).chosen('DATABASE_URL')) generateSecrets(root);
  }
  const configuration = loadConfiguration(root, context.io.env);
  const run = async (databaseUrl: string, signal?: AbortSignal) => {
    const environment = { ...configuration.childEnvironment(), DATABASE_URL: databaseUrl };
    await workOnDatabases([job], { root, environment, onCommand: (command) => printCommand(context, command), ...(signal && { signal }) });
  };
  if (context.dryRun) {
    print(context, { job, done: false }, [`would ${job === 'migrate' ? 'migrate' : 'seed'} the databases of ${root.path}`]);
    return;
  }
  const own = configuration.chosen('DATABASE_URL') ? configuration.text('DATABASE_URL') : undefined;
  if (own !== undefined) await run(own);
  else if (liveRunState(root)) await run(embeddedUrl(configuration));
  else await withPostgres(context, configuration, run);
  print(context, { job, done: true }, [done]);
}

/** Nothing runs here: PostgreSQL is started for as long as the work takes. */
async function withPostgres(
  context: Context,
  configuration: Configuration,
  run: (url: string, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { root } = context;
  const taken = takeRunLock(root, configuration.apiUrl);
  if (!('lock' in taken))
    throw new CommandError('conflict', `waybill is being started in ${root.path}`, { fix: 'repeat this in a moment' });
  const stop = new AbortController();
  const forget = context.io.onStop(() => stop.abort()); // without it a signal would end us, and leave PostgreSQL running
  try {
    await stopOrphans(root, taken.lock, configuration.cli.LOCAL_STOP_TIMEOUT, proseOf(context));
    const postgres = await startPostgres({
      dataDir: root.postgresData,
      port: configuration.cli.LOCAL_POSTGRES_PORT,
      logFile: logFile(root, 'postgres'),
      password: postgresPassword(configuration),
      onCommand: (command) => printCommand(context, command),
    });
    try {
      await run(postgres.url, stop.signal);
    } finally {
      await postgres.stop();
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    throw new Interrupted();
  } finally {
    taken.lock.release();
    forget();
  }
}
