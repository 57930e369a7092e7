import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { SettingsError, type SettingsSources } from '@waybill/kernel/config';
import { exitCodeOf, WaybillError } from '@waybill/kernel/errors';
import { createLogger, type Logger } from '@waybill/kernel/log';
import { parse } from 'yaml';
import { migrateAll } from './migrate.ts';
import { startProcess } from './process.ts';
import { allRoles, parseRoles } from './roles.ts';
import { seedAll } from './seed.ts';
import { loadMigrationSettings, loadServerSettings } from './settings.ts';

const usage = `waybill-server: runs roles of Waybill in this process

  waybill-server run all            every role
  waybill-server run ROLE...        some of: ${allRoles.join(', ')}
  waybill-server migrate            create databases and logins, bring schemas up to date, and end
  waybill-server seed               add what is missing of the demo catalogue, and end
  waybill-server check-upgrade      replay real orders with the workflow code of this build; fails when one would break
  waybill-server builds             which builds work on orders, and how many are open on each
  waybill-server files VERB PATH    work on a mounted volume, for "waybill backup" and "restore" in a cluster
  waybill-server set-current BUILD  give new orders, and those that move on, to a build; "none" is workers without a version

  -c, --config FILE    YAML file of settings (KEY: value)
  -s, --set KEY=VALUE  one setting; stronger than the environment, which is stronger than the file
      --json           data of an operation as JSON
      --sample N       check-upgrade: how many orders are replayed (200)
      --recorded DIR   check-upgrade: also the histories in this folder
      --service NAME   set-current: one service in place of all
      --wait SECONDS   set-current: how long workers of the build may take to turn up (60)
  -h, --help           this text

All settings are described in docs/configuration.md. Secrets come from the file or the environment, never from --set.
`;

/** Beyond this a process that was told to stop is stuck, and whoever told it must not wait for ever. */
const stopLimitMs = 30_000;

function readSources(values: { config?: string; set?: string[] }): SettingsSources {
  const flags = Object.fromEntries(
    (values.set ?? []).map((entry) => {
      const at = entry.indexOf('=');
      if (at < 1) throw new WaybillError('invalid', `--set takes KEY=VALUE, not ${entry}`);
      return [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );
  // biome-ignore lint/style/noProcessEnv: the one place where the server reads its environment
  return { environment: process.env, flags, ...(values.config ? { file: { path: values.config, values: readFile(values.config) } } : {}) };
}

function tellSecretFile(log: Logger, { key, path, error }: { key: string; path: string; error?: unknown }): void {
  if (error === undefined) log.info('secret read again', { key });
  else log.error('secret cannot be read again, going on with the one in memory', { key, path, err: error });
}

function readFile(path: string): Record<string, unknown> {
  try {
    const values: unknown = parse(readFileSync(path, 'utf8')) ?? {};
    if (typeof values === 'object' && !Array.isArray(values)) return values as Record<string, unknown>; // YAML maps have text keys here
  } catch (cause) {
    throw new WaybillError('invalid', `${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  throw new WaybillError('invalid', `${path} must hold settings, one KEY: value a line`);
}

/** Resolves with the exit code once the process may end. */
export async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(argv);
  const [command, ...names] = positionals;
  if (values.help || command === undefined) {
    (values.help ? process.stdout : process.stderr).write(usage);
    return values.help ? 0 : 2;
  }
  const sources = readSources(values);
  if (command === 'migrate') {
    const settings = loadMigrationSettings(sources);
    await migrateAll(settings, createLogger({ level: settings.LOG_LEVEL }));
    return 0;
  }
  if (command === 'seed') {
    const settings = loadMigrationSettings(sources);
    await seedAll(settings, createLogger({ level: settings.LOG_LEVEL }));
    return 0;
  }
  if (command === 'files') return (await import('./operations/files.ts')).workOnFiles(names);
  if (command !== 'run') {
    const { runOperation } = await import('./operations/run.ts'); // a server has no use for it
    const done = await runOperation(command, sources, values, names);
    if (done !== undefined) return done;
    throw new WaybillError('invalid', `${command} is not a command; see waybill-server --help`);
  }
  const roles = parseRoles(names);
  let log: Logger | undefined;
  const settings = loadServerSettings(roles, { ...sources, onSecretFile: (event) => log && tellSecretFile(log, event) });
  log = createLogger({ level: settings.LOG_LEVEL });
  const told = stopRequest(log);
  const running = await startProcess({ roles, settings, log });
  const reason = await told;
  log.info('stopping', { reason });
  const stuck = setTimeout(
    () => {
      log.error('stop takes too long, ending at once');
      process.exit(1);
    },
    stopLimitMs + settings.DRAIN_DELAY + settings.DRAIN_TIMEOUT,
  );
  await running.close();
  clearTimeout(stuck);
  log.info('stopped');
  return 0;
}

function readArguments(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        config: { type: 'string', short: 'c' },
        set: { type: 'string', short: 's', multiple: true },
        help: { type: 'boolean', short: 'h', default: false },
        json: { type: 'boolean', default: false },
        sample: { type: 'string' },
        recorded: { type: 'string' },
        service: { type: 'string' },
        wait: { type: 'string' },
      },
    });
  } catch (error) {
    throw new WaybillError('invalid', `${error instanceof Error ? error.message : String(error)}; see waybill-server --help`);
  }
}

/** Resolves when somebody wants this process to end: by signal, a second one ends it at once, or by going away as its parent. */
function stopRequest(log: Logger): Promise<string> {
  return new Promise((resolve) => {
    let asked = 0;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        // One Ctrl-C arrives twice: from the terminal and from the launcher that hands signals on.
        if (asked > 0 && Date.now() - asked > 500) process.exit(signal === 'SIGINT' ? 130 : 143);
        asked ||= Date.now();
        resolve(signal);
      });
    }
    // Started with an IPC channel: its end means that the parent is gone, and nobody would stop us any more.
    process.on('disconnect', () => resolve('the parent process has gone'));
    process.on('unhandledRejection', (err) => log.error('promise rejected unhandled', { err }));
  });
}

/** Runs with the process's own arguments, says in a sentence what went wrong, and ends the process. */
export async function run(): Promise<void> {
  try {
    process.exit(await main(process.argv.slice(2)));
  } catch (error) {
    const known = error instanceof SettingsError || error instanceof WaybillError;
    process.stderr.write(`waybill-server: ${known ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(error instanceof WaybillError ? exitCodeOf(error.code) : error instanceof SettingsError ? 2 : 1);
  }
}

if (import.meta.main) await run();
