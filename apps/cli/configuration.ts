import { readFileSync } from 'node:fs';
import { loadSettings, nearest, type Setting, SettingsError, type SettingsOf, type SettingsSchema } from '@waybill/kernel/config';
import { linesOf } from '@waybill/kernel/secret';
import { allSettings } from '@waybill/server/settings';
import { CommandError } from './failure.ts';
import { isPublicName } from './public-name.ts';
import type { Root } from './root.ts';
import { cliSettings } from './settings.ts';
import { readYamlFile } from './yaml-file.ts';

/** Every setting there is, of the command and of all roles: what may stand in the files. */
export const knownSettings: SettingsSchema = { ...allSettings, ...cliSettings };

export type Environment = Record<string, string | undefined>;
export type Origin = 'environment' | 'config.yml' | 'secrets.yml' | 'default' | 'computed';

/** What applies for one root folder: defaults < secrets.yml < config.yml < environment. */
export type Configuration = {
  /** The command's own settings, typed. */
  cli: SettingsOf<typeof cliSettings>;
  /** The effective value of a known setting in text form; secrets too. Of an API key that is being replaced: the one to use. */
  text(key: string): string | undefined;
  origin(key: string): Origin | undefined;
  /** True when it has a value that is not its default. */
  chosen(key: string): boolean;
  /** Where clients find the API: API_URL, else `listenUrl`. */
  apiUrl: string;
  /** Where a server started here answers. */
  listenUrl: string;
  /** Given to the servers: their environment, with what the files say put in. */
  childEnvironment(): Record<string, string>;
};

/** Reads and checks the whole configuration. Throws SettingsError with all problems at once. */
export function loadConfiguration(root: Root, env: Environment): Configuration {
  const config = readYamlFile(root.config);
  const secrets = readYamlFile(root.secrets);
  // Checked with everything optional: a secret that is not generated yet is missing for a server, not for `config`.
  const optional = Object.fromEntries(
    Object.entries(knownSettings).map(([key, entry]): [string, Setting<unknown>] => [key, { ...entry, optional: true }]),
  );
  const problems: string[] = [];
  for (const file of [secrets, config]) collect(problems, () => loadSettings({}, { file }, knownSettings));
  const values = keep({ ...secrets.values, ...config.values });
  collect(problems, () => loadSettings(optional, { file: { path: root.config, values }, environment: env }, knownSettings));
  if (problems.length > 0) throw new SettingsError(problems);
  const cli = loadSettings(cliSettings, { file: { path: root.config, values }, environment: env }, knownSettings);

  const find = (key: string): { text: string; origin: Origin } | undefined => {
    const entry = knownSettings[key];
    if (!entry) return undefined;
    const given = environmentText(key, entry, env);
    if (given !== undefined) return { text: given, origin: 'environment' };
    for (const [origin, file] of [
      ['config.yml', config],
      ['secrets.yml', secrets],
    ] as const) {
      const value = file.values[key];
      if (value !== undefined && value !== null) return { text: String(value), origin };
    }
    return entry.default === undefined ? undefined : { text: entry.default, origin: 'default' };
  };
  const listenUrl = urlOf({ host: find('HOST')?.text, port: find('PORT')?.text, docker: cli.LOCAL_DOCKER });
  const apiUrl = (find('API_URL')?.text ?? listenUrl).replace(/\/$/, '');
  return {
    cli,
    text: (key) => (key === 'API_URL' ? apiUrl : key === 'ADMIN_API_KEY' ? linesOf(find(key)?.text ?? '')[0] : find(key)?.text),
    origin: (key) => find(key)?.origin ?? (key === 'API_URL' ? 'computed' : undefined),
    chosen: (key) => !['default', undefined].includes(find(key)?.origin),
    apiUrl,
    listenUrl,
    childEnvironment: () => childEnvironment(env, values),
  };
}

function collect(problems: string[], check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    for (const problem of error.problems) if (!problems.includes(problem)) problems.push(problem);
  }
}

const keep = (values: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).filter(([key]) => Object.hasOwn(knownSettings, key)));

function environmentText(key: string, entry: Setting<unknown>, env: Environment): string | undefined {
  if (env[key]) return env[key];
  const file = entry.secret ? env[`${key}_FILE`] : undefined;
  return file ? readFileSync(file, 'utf8').trim() : undefined;
}

function urlOf({
  host = '127.0.0.1',
  port = '3000',
  docker,
}: {
  host: string | undefined;
  port: string | undefined;
  docker: boolean;
}): string {
  if (docker && isPublicName(host)) return `https://${host}`;
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

function childEnvironment(env: Environment, values: Record<string, unknown>): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [key, value] of Object.entries(values)) {
    // A secret named by <KEY>_FILE in the environment must not lose to the one in our file.
    if (value !== null && value !== undefined && !(knownSettings[key]?.secret && env[`${key}_FILE`])) result[key] = String(value);
  }
  for (const [key, value] of Object.entries(env)) if (value !== undefined && value !== '') result[key] = value;
  return result;
}

/** Throws, with the nearest known name, unless the key is a setting. */
export function knownSetting(key: string): Setting<unknown> {
  const entry = Object.hasOwn(knownSettings, key) ? knownSettings[key] : undefined;
  if (entry) return entry;
  const near = nearest(key, Object.keys(knownSettings));
  throw new CommandError('invalid', `${key} is not a setting${near ? `; did you mean ${near}?` : ''}`, {
    fix: 'see docs/configuration.md for all settings',
  });
}
