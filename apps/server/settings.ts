import { codecServerSettings } from '@waybill/codec-server/service';
import { gatewaySettings } from '@waybill/gateway/service';
import { loadSettings, SettingsError, type SettingsOf, type SettingsSchema, type SettingsSources, setting } from '@waybill/kernel/config';
import { createLogin, type DatabaseLogin } from '@waybill/kernel/database-login';
import { encryptionSettings } from '@waybill/kernel/encryption';
import { kafkaSettings } from '@waybill/kernel/kafka-settings';
import { databaseUrl } from '@waybill/kernel/provision';
import { linesOf, Secret } from '@waybill/kernel/secret';
import { tracingSettings } from '@waybill/kernel/tracing-start';
import { workerSettings } from '@waybill/kernel/worker-settings';
import { type Role, type ServiceName, serviceNames, services, servicesOf } from './roles.ts';

const databaseServer = {
  DATABASE_URL: setting.optional(
    setting.secret({
      description:
        'Address of the PostgreSQL server. Migrations use its login, which must be allowed to create databases and logins; services use their own logins at the same server.',
    }),
  ),
  DATABASE_PREPARED_STATEMENTS: setting.boolean({
    description:
      'Let PostgreSQL keep the plans of statements that come again and again. Off for a pooler that gives each transaction another connection and does not know prepared statements.',
    default: 'true',
  }),
  DATABASE_PREFIX: setting.text({ description: 'Databases and logins are named PREFIX_SERVICE.', default: 'waybill' }),
};

const logging = {
  LOG_LEVEL: setting.choice({
    of: ['debug', 'info', 'warn', 'error', 'silent'],
    description: 'The least important lines that are logged.',
    default: 'info',
  }),
};

const migrationSettings = {
  MIGRATE_WAIT: setting.duration({
    description: 'How long migrations wait for a PostgreSQL that cannot be reached yet; then they fail, and say why.',
    default: '0s',
  }),
};

const processSettings = {
  ...logging,
  ...databaseServer,
  HOST: setting.text({
    description:
      'Address the main listener binds to. In Docker on one machine: the public name, for which Caddy gets certificates; or the address that answers in plain HTTP at PORT.',
    default: '127.0.0.1',
  }),
  PORT: setting.port({
    description:
      'Port of the main listener: the public one in a process with the gateway, the internal one otherwise. 0 takes any free port.',
    default: '3000',
  }),
  INTERNAL_PORT: setting.port({
    description:
      'In a process with the gateway or with the codec server alone: port of one more listener, where other processes reach the services of this one, and its metrics. 0 is off.',
    default: '0',
  }),
  SERVICE_TOKEN_KEYS: setting.secret({
    description: 'Key ring for the tokens between processes: id:base64key[,id:base64key…]. The first key signs, all verify.',
  }),
  CALL_TIMEOUT: setting.duration({ description: 'How long a call to a service in another process may take.', default: '3s' }),
  ...kafkaSettings,
  WORKFLOW_CACHE_DIR: setting.optional(
    setting.text({ description: 'Folder for bundled workflow code; by default inside node_modules/.cache.' }),
  ),
  DRAIN_DELAY: setting.duration({
    description: 'How long a process that was told to stop goes on serving while it reports not ready, so that load balancers notice.',
    default: '0ms',
  }),
  DRAIN_TIMEOUT: setting.duration({
    description: 'How long requests in progress may take to finish when a process stops.',
    default: '10s',
  }),
  ...encryptionSettings,
  ...workerSettings,
  ...tracingSettings,
} satisfies SettingsSchema;

/** A process's settings: the common ones by name, those of its services beside them. */
export type ServerSettings = SettingsOf<typeof processSettings> & Readonly<Record<string, unknown>>;

const prefixOf = (name: ServiceName): string => name.toUpperCase();

// Together they leave room in PostgreSQL's usual 100 connections for relays, listeners and people.
const pools: Record<ServiceName, number> = { catalog: 6, inventory: 12, orders: 20, billing: 12, shipping: 10 };

const databaseSettings = (name: ServiceName): SettingsSchema => ({
  [`${prefixOf(name)}_DATABASE_PASSWORD`]: setting.optional(
    setting.secret({
      description: `Password of the login of the ${name} service in PostgreSQL. While it is being replaced: both, a line each; they are tried in order.`,
    }),
  ),
  [`${prefixOf(name)}_DATABASE_URL`]: setting.optional(
    setting.secret({ description: `Whole address of the database of the ${name} service, in place of DATABASE_URL and its password.` }),
  ),
});

const serviceSettings = (name: ServiceName): SettingsSchema => ({
  ...services[name].settings,
  ...databaseSettings(name),
  [`${prefixOf(name)}_DATABASE_POOL`]: setting.integer({
    description: `Connections that one process keeps to the database of the ${name} service, at most.`,
    default: String(pools[name]),
    min: 1,
    max: 1_000,
  }),
});

const addresses: SettingsSchema = Object.fromEntries(
  serviceNames.map((name) => [
    `${prefixOf(name)}_URL`,
    setting.optional(
      setting.url({ description: `Where the ${name} service's internal listener answers, for processes without its api role.` }),
    ),
  ]),
);

/** Every setting of every role: what may stand in a file or among the flags, and what the reference page lists. */
export const allSettings: SettingsSchema = {
  ...codecServerSettings,
  ...processSettings,
  ...migrationSettings,
  ...addresses,
  ...gatewaySettings,
  ...Object.assign({}, ...serviceNames.map(serviceSettings)),
};

/** The settings by where they belong, for the reference page. */
export const settingGroups: readonly { title: string; settings: SettingsSchema }[] = [
  // a setting that two roles share is listed once, where it stands first
  { title: 'Processes', settings: { ...processSettings, ...migrationSettings, ...addresses } },
  { title: 'Gateway', settings: gatewaySettings },
  { title: 'Codec server', settings: codecServerSettings },
  ...serviceNames.map((name) => ({ title: `${name[0]?.toUpperCase()}${name.slice(1)}`, settings: serviceSettings(name) })),
];

function settingsFor(roles: readonly Role[]): SettingsSchema {
  return {
    ...(roles.includes('codec-server') ? codecServerSettings : {}),
    ...processSettings,
    ...addresses,
    ...(roles.includes('gateway') ? gatewaySettings : {}),
    ...Object.assign({}, ...servicesOf(roles).map(serviceSettings)),
  };
}

/** Reads what these roles need. Throws SettingsError with every problem. */
export function loadServerSettings(roles: readonly Role[], sources: SettingsSources): ServerSettings {
  return loadSettings(settingsFor(roles), sources, allSettings) as ServerSettings; // settingsFor contains processSettings whatever the roles
}

/** Reads what migrations need: the server and every service's login. */
export function loadMigrationSettings(sources: SettingsSources): MigrationSettings {
  const schema: SettingsSchema = {
    ...logging,
    ...databaseServer,
    ...migrationSettings,
    ...Object.assign({}, ...serviceNames.map(databaseSettings)),
  };
  return loadSettings(schema, sources, allSettings) as MigrationSettings; // the schema contains the typed parts
}

type DatabaseSettings = SettingsOf<typeof databaseServer & typeof logging> & Readonly<Record<string, unknown>>;

export type MigrationSettings = DatabaseSettings & SettingsOf<typeof migrationSettings>;

/** What a secret holds now; while it is being rotated the old value and the new one. */
const linesOfSecret = (settings: DatabaseSettings, key: string): string[] => {
  const value = settings[key];
  return value instanceof Secret ? linesOf(value.reveal()) : [];
};

/** The password that a login is given: the first one. */
export const databasePasswordOf = (settings: DatabaseSettings, name: ServiceName): string | undefined =>
  linesOfSecret(settings, `${prefixOf(name)}_DATABASE_PASSWORD`)[0];

/** True when the service's database is given as a whole address, so that somebody else provides it. */
export const hasOwnDatabaseUrl = (settings: DatabaseSettings, name: ServiceName): boolean =>
  linesOfSecret(settings, `${prefixOf(name)}_DATABASE_URL`).length > 0;

/** The login of a service in its database; it follows files that hold its password. */
export function databaseLoginOf(settings: DatabaseSettings, name: ServiceName): DatabaseLogin {
  databaseUrlsOf(settings, name); // throws now what is missing
  return createLogin(() => databaseUrlsOf(settings, name));
}

/** The address of a service's database with the service's login. */
export const databaseUrlOf = (settings: DatabaseSettings, name: ServiceName): string => databaseLoginOf(settings, name).url();

function databaseUrlsOf(settings: DatabaseSettings, name: ServiceName): string[] {
  const own = linesOfSecret(settings, `${prefixOf(name)}_DATABASE_URL`);
  if (own.length > 0) return own;
  const passwords = linesOfSecret(settings, `${prefixOf(name)}_DATABASE_PASSWORD`);
  const serverUrl = settings.DATABASE_URL?.reveal();
  const problems = [
    ...(serverUrl === undefined
      ? [`DATABASE_URL is missing: the address of the PostgreSQL server (or set ${prefixOf(name)}_DATABASE_URL)`]
      : []),
    ...(passwords.length === 0 ? [`${prefixOf(name)}_DATABASE_PASSWORD is missing: the password of the ${name} service's login`] : []),
  ];
  if (serverUrl === undefined || passwords.length === 0) throw new SettingsError(problems);
  return passwords.map((password) => databaseUrl({ serverUrl, prefix: settings.DATABASE_PREFIX, service: name, password }));
}

export const poolSizeOf = (settings: ServerSettings, name: ServiceName): number => Number(settings[`${prefixOf(name)}_DATABASE_POOL`]);

/** Where another process serves this service; a process that needs it and does not know does not start. */
export function serviceUrlOf(settings: ServerSettings, name: ServiceName, reason: string): string {
  const url = settings[`${prefixOf(name)}_URL`];
  if (typeof url === 'string') return url;
  throw new SettingsError([`${prefixOf(name)}_URL is missing: ${reason}, and this process does not have the role ${name}-api`]);
}

/** The part of the settings that a service declared. */
export const ownSettingsOf = (settings: ServerSettings, schema: SettingsSchema): Record<string, unknown> =>
  Object.fromEntries(Object.keys(schema).flatMap((key) => (key in settings ? [[key, settings[key]]] : [])));
