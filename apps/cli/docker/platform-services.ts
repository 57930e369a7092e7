import { type ChartValues, imageName, memoryOf } from './chart-values.ts';
import { type Consumer, consumerNames, consumers, secretsMount } from './secret-files.ts';
import { after, type ComposeService, contained, folder, healthy, type Mount, tcp, volume } from './service.ts';

export const secretsVolume = (consumer: Consumer): string => `secrets-${consumer}`;

/** A consumer's secrets, as files that only its user can read. */
export const secretsOf = (consumer: Consumer): Mount => volume(secretsVolume(consumer), secretsMount, true);

const userOf = (consumer: Consumer): string => `${consumers[consumer].uid}:${consumers[consumer].uid}`;

/** The one container that reads the secrets on the host. As root there, without a network, and only while it copies. */
const secrets = ({ postgresql }: ChartValues): ComposeService => ({
  image: imageName(postgresql.image),
  restart: 'no',
  user: '0:0',
  entrypoint: ['sh', '/scripts/place-secrets.sh'],
  environment: { CONSUMERS: consumerNames.map((name) => `${name}=${consumers[name].uid}`).join(' ') },
  volumes: [
    folder('scripts', '/scripts'),
    folder('secrets', '/from'),
    ...consumerNames.map((name) => volume(secretsVolume(name), `/to/${name}`)),
  ],
  network_mode: 'none',
  ...contained,
  cap_add: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER'],
});

const postgres = ({ postgresql }: ChartValues): ComposeService => ({
  image: imageName(postgresql.image),
  restart: 'unless-stopped',
  user: userOf('postgres'),
  command: ['postgres', ...Object.entries(postgresql.parameters).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
  environment: {
    POSTGRES_USER: postgresql.adminUser,
    POSTGRES_DB: 'postgres',
    POSTGRES_PASSWORD_FILE: `${secretsMount}/POSTGRES_PASSWORD`,
    PGDATA: '/var/lib/postgresql/18/docker',
    // Memory that a query is done with goes back sooner: an eighth less for each connection.
    MALLOC_TRIM_THRESHOLD_: '65536',
    MALLOC_TOP_PAD_: '16384',
    MALLOC_MMAP_THRESHOLD_: '131072',
  },
  depends_on: after(['secrets']),
  // Over TCP: while the first start makes the cluster, the server answers on its socket only.
  healthcheck: healthy(['CMD', 'pg_isready', '-q', '-h', '127.0.0.1', '-U', postgresql.adminUser], 600),
  volumes: [volume('postgres', '/var/lib/postgresql'), secretsOf('postgres')],
  tmpfs: [`/var/run/postgresql:uid=${postgresql.userId},gid=${postgresql.userId},mode=0775`, '/tmp'],
  networks: ['back'],
  mem_limit: memoryOf(postgresql.resources),
  stop_grace_period: '60s',
  ...contained,
});

const temporalDatabases = ({ postgresql, temporal }: ChartValues): ComposeService => ({
  image: imageName(postgresql.image),
  restart: 'no',
  user: userOf('temporal-databases'),
  entrypoint: ['sh', '/scripts/create-databases.sh'],
  environment: {
    PGHOST: 'postgres',
    PGPORT: '5432',
    PGCONNECT_TIMEOUT: '5',
    PGOPTIONS: '-c client_min_messages=warning',
    PGUSER: postgresql.adminUser,
    ADMIN_PASSWORD_FILE: `${secretsMount}/POSTGRES_PASSWORD`,
    TEMPORAL_PASSWORD_FILE: `${secretsMount}/TEMPORAL_DATABASE_PASSWORD`,
    TEMPORAL_LOGIN: temporal.database.login,
    TEMPORAL_DATABASES: `${temporal.database.name} ${temporal.database.visibilityName}`,
    WAIT_LIMIT: String(temporal.schema.waitSeconds),
  },
  depends_on: after(['secrets'], ['postgres']),
  volumes: [folder('scripts', '/scripts'), secretsOf('temporal-databases')],
  tmpfs: ['/tmp'],
  networks: ['back'],
  ...contained,
});

const temporalSchema = ({ temporal }: ChartValues): ComposeService => ({
  image: imageName(temporal.adminTools.image),
  restart: 'no',
  user: userOf('temporal'),
  entrypoint: ['sh', '/scripts/update-schema.sh'],
  environment: {
    TEMPORAL_PASSWORD_FILE: `${secretsMount}/TEMPORAL_DATABASE_PASSWORD`,
    SQL_PLUGIN: 'postgres12_pgx',
    SQL_HOST: 'postgres',
    SQL_PORT: '5432',
    SQL_USER: temporal.database.login,
    MAIN_DATABASE: temporal.database.name,
    VISIBILITY_DATABASE: temporal.database.visibilityName,
  },
  depends_on: after(['temporal-databases']),
  volumes: [folder('scripts', '/scripts'), secretsOf('temporal')],
  tmpfs: ['/tmp'],
  networks: ['back'],
  ...contained,
});

const temporalServer = ({ temporal: { server } }: ChartValues, files: string): ComposeService => ({
  image: imageName(server.image),
  restart: 'unless-stopped',
  user: userOf('temporal'),
  // Without a list of services it runs all four roles in one process. "No auth": only what is on the network "back" reaches it.
  entrypoint: ['temporal-server', '--allow-no-auth', '--config-file', '/etc/temporal/waybill/server.yaml', 'start'],
  environment: { GOMEMLIMIT: server.goMemoryLimit, GOGC: String(server.goGc) },
  labels: { 'waybill.files': files },
  depends_on: after(['temporal-schema']),
  healthcheck: healthy(['CMD', 'wget', '-q', '-O', '/dev/null', 'http://127.0.0.1:7243/api/v1/system-info'], 180),
  volumes: [folder('temporal', '/etc/temporal/waybill'), secretsOf('temporal')],
  tmpfs: ['/tmp'],
  networks: ['back'],
  mem_limit: memoryOf(server.resources),
  // The four roles leave one after the other.
  stop_grace_period: '60s',
  ...contained,
});

const temporalNamespaces = ({ temporal }: ChartValues): ComposeService => ({
  image: imageName(temporal.adminTools.image),
  restart: 'no',
  user: userOf('temporal'),
  entrypoint: ['sh', '/scripts/declare-namespaces.sh'],
  // The command keeps a folder of settings in its home.
  environment: { TEMPORAL_ADDRESS: 'temporal:7233', HOME: '/tmp', WAIT_LIMIT: String(temporal.namespaceJob.waitSeconds) },
  depends_on: after([], ['temporal']),
  volumes: [folder('scripts', '/scripts'), folder('namespaces', '/config')],
  tmpfs: ['/tmp'],
  networks: ['back'],
  ...contained,
});

export type UiOptions = { port: number; namespace: string; codecUrl: string; origins: readonly string[] };

const temporalUi = ({ temporal: { ui } }: ChartValues, { port, namespace, codecUrl, origins }: UiOptions): ComposeService => ({
  image: imageName(ui.image),
  restart: 'unless-stopped',
  user: '1000:1000',
  environment: {
    TEMPORAL_ADDRESS: 'temporal:7233',
    TEMPORAL_UI_PORT: '8080',
    TEMPORAL_DEFAULT_NAMESPACE: namespace,
    // The browser asks the codec server itself, so this is its address as the browser sees it; a cookie says who may read.
    TEMPORAL_CODEC_ENDPOINT: codecUrl,
    TEMPORAL_CODEC_INCLUDE_CREDENTIALS: 'true',
    TEMPORAL_CORS_ORIGINS: origins.join(','),
    // Reached on this machine, in plain http: a browser would drop a Secure cookie.
    TEMPORAL_CSRF_COOKIE_INSECURE: 'true',
    TEMPORAL_DISABLE_NEWS_FETCH: 'true',
    GOMEMLIMIT: ui.goMemoryLimit,
  },
  depends_on: after([], ['temporal']),
  healthcheck: healthy(['CMD', 'wget', '-q', '-O', '/dev/null', 'http://127.0.0.1:8080/healthz'], 60),
  ports: [tcp(8080, port, '127.0.0.1')],
  tmpfs: ['/tmp'],
  networks: ['front', 'back'],
  mem_limit: memoryOf(ui.resources),
  ...contained,
});

/** PostgreSQL, Temporal, and the jobs that prepare them. `files` says what the server's configuration is, so that a new one restarts it. */
export const platformServices = (values: ChartValues, files: string, ui: UiOptions): Record<string, ComposeService> => ({
  secrets: secrets(values),
  postgres: postgres(values),
  'temporal-databases': temporalDatabases(values),
  'temporal-schema': temporalSchema(values),
  temporal: temporalServer(values, files),
  'temporal-namespaces': temporalNamespaces(values),
  'temporal-ui': temporalUi(values, ui),
});
