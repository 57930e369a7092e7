import { type ChartValues, memoryOf } from './chart-values.ts';
import type { Entrance } from './entrance.ts';
import { secretsOf } from './platform-services.ts';
import { secretVariables } from './secret-files.ts';
import { after, type ComposeService, contained, folder, healthy, type Port, tcp, volume } from './service.ts';

export type AppOptions = {
  image: string;
  /** What the user set and a server reads. */
  settings: Readonly<Record<string, string>>;
  codec: { port: number; url: string; origins: readonly string[] };
  namespace: string;
};

// Never pulled by itself: a name like waybill/waybill belongs to nobody in particular, and what runs here is what was named.
const own = (image: string) => ({ image, pull_policy: 'never' as const });

const migrate = ({ migration }: ChartValues, { image, settings }: AppOptions): ComposeService => ({
  ...own(image),
  restart: 'no',
  command: ['migrate'],
  environment: {
    MIGRATE_WAIT: migration.wait,
    ...(settings['LOG_LEVEL'] !== undefined && { LOG_LEVEL: settings['LOG_LEVEL'] }),
    ...secretVariables('migrate'),
  },
  depends_on: after(['secrets'], ['postgres']),
  volumes: [secretsOf('migrate')],
  tmpfs: ['/tmp'],
  networks: ['back'],
  ...contained,
});

const ready = `fetch('http://127.0.0.1:3000/readyz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))`;

const waybill = ({ components }: ChartValues, { image, settings, codec, namespace }: AppOptions): ComposeService => ({
  ...own(image),
  restart: 'unless-stopped',
  command: ['run', 'all'],
  environment: {
    // As few connections as where the charts pack everything together: PostgreSQL is as small as there.
    ...Object.fromEntries(Object.entries(components.worker.config).map(([key, value]) => [key, String(value)])),
    ...settings,
    HOST: '0.0.0.0',
    PORT: '3000',
    // Without a login: every service adds its own.
    DATABASE_URL: 'postgresql://postgres:5432/postgres',
    TEMPORAL_ADDRESS: 'temporal:7233',
    TEMPORAL_NAMESPACE: namespace,
    CODEC_PORT: '8089',
    CODEC_URL: codec.url,
    CODEC_ORIGINS: codec.origins.join(','),
    ...secretVariables('waybill'),
  },
  depends_on: after(['secrets', 'migrate', 'temporal-namespaces'], ['postgres']),
  // The image has no shell and no curl; it has Node.
  healthcheck: healthy(['CMD', '/usr/local/bin/node', '-e', ready], 120),
  ports: [tcp(8089, codec.port, '127.0.0.1')],
  volumes: [secretsOf('waybill')],
  tmpfs: ['/tmp'],
  networks: ['front', 'back'],
  stop_grace_period: '60s',
  ...contained,
});

const publicPorts = (entrance: Entrance): Port[] =>
  entrance.tls
    ? [tcp(8080, 80), tcp(8443, 443), { target: 8443, published: '443', protocol: 'udp' }]
    : [tcp(8080, entrance.port, entrance.address)];

const caddy = ({ entrance: values }: ChartValues, entrance: Entrance, files: string): ComposeService => ({
  image: values.caddy.image,
  restart: 'unless-stopped',
  // Its volume belongs to root; there it is a root without any right but the one that the official binary cannot be started without.
  user: '0:0',
  command: ['caddy', 'run', '--config', '/etc/caddy/Caddyfile', '--adapter', 'caddyfile'],
  environment: {
    XDG_DATA_HOME: '/data',
    XDG_CONFIG_HOME: '/tmp',
    GOMEMLIMIT: `${Math.floor((Number.parseInt(values.caddy.resources.limits.memory, 10) * 4) / 5)}MiB`,
  },
  labels: { 'waybill.files': files },
  depends_on: after([], ['waybill']),
  healthcheck: healthy(['CMD', 'wget', '-q', '-O', '/dev/null', 'http://127.0.0.1:8081/healthz'], 30),
  ports: publicPorts(entrance),
  volumes: [folder('caddy', '/etc/caddy'), volume('caddy', '/data')],
  tmpfs: ['/tmp'],
  networks: ['front'],
  mem_limit: memoryOf(values.caddy.resources),
  ...contained,
  cap_add: ['NET_BIND_SERVICE'],
});

/** Waybill itself, its migration, and what stands before it. `files` says what Caddy's configuration is. */
export const appServices = (
  values: ChartValues,
  options: AppOptions,
  entrance: Entrance,
  files: string,
): Record<string, ComposeService> => ({
  migrate: migrate(values, options),
  waybill: waybill(values, options),
  caddy: caddy(values, entrance, files),
});
