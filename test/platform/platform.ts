import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { createWriteStream, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { seedCatalog } from '@waybill/catalog/seed';
import { startKafka } from '@waybill/embedded/kafka';
import { freePort } from '@waybill/embedded/ports';
import { type Postgres, startPostgres } from '@waybill/embedded/postgres';
import { findTemporal, startTemporal } from '@waybill/embedded/temporal';
import { runSql } from '@waybill/embedded/test-database';
import { seedInventory } from '@waybill/inventory/seed';
import { loadSettings } from '@waybill/kernel/config';
import { type Database, openDatabase } from '@waybill/kernel/database';
import { openKeyRing } from '@waybill/kernel/encryption';
import { silentLogger } from '@waybill/kernel/log';
import { Secret } from '@waybill/kernel/secret';
import { createTemporal, temporalSettings } from '@waybill/kernel/temporal-client';
import { type Api, createApi } from './api.ts';

const repository = new URL('../../', import.meta.url).pathname;
const serviceNames = ['catalog', 'inventory', 'orders', 'billing', 'shipping'] as const;
export type ServiceName = (typeof serviceNames)[number];

/** The key of recorded histories; every test platform can read with it. */
export const testKey = readFileSync(join(repository, 'test/histories/keys'), 'utf8').trim();

/** Waits short enough for tests, long enough for two busy cores. */
const quick = {
  CUSTOMER_CHOICE_TIMEOUT: '12s',
  STEP_RETRY_INTERVAL: '1s',
  PROVIDER_TIMEOUT: '4s',
  SIMULATED_SLOW: '2s',
  SIMULATED_OUTAGE: '3s',
  LOG_LEVEL: 'warn',
};

type TablesOf<F> = F extends (database: Database<infer T>) => unknown ? T : never;

export type PlatformOptions = {
  /** One process with every role, or one process per role with Kafka between them. */
  mode: 'all' | 'split';
  settings?: Record<string, string>;
  /** Settings of one process, by its roles. */
  settingsOf?: (roles: string) => Record<string, string>;
  /** Where Temporal shows its own metrics. */
  temporalMetricsPort?: number;
  /** A PostgreSQL of its own, which can be stopped. Otherwise the test run's, with databases of its own. */
  ownPostgres?: boolean;
  /** Commits survive a crash of the machine, as in production: for figures. */
  durable?: boolean;
  /** Temporal without a file: what `temporal server start-dev` is by itself. It forgets when it stops. */
  temporalInMemory?: boolean;
  /** The key ring, in a file that a test can change, in place of the fixed one. */
  keyRingFile?: string;
  /** Passwords, token keys and the API key are in files, as Kubernetes mounts them: see `changeSecret`. */
  secretFiles?: boolean;
  /** The roles of each process, in place of what the mode says. */
  processes?: readonly (readonly string[])[];
  /** What Node runs in place of the sources, such as a production build. */
  server?: string;
};

export type Platform = Awaited<ReturnType<typeof openPlatform>>;

/** A whole installation on free ports, driven from outside only: real processes, real PostgreSQL, real Temporal, real Kafka. */
export async function openPlatform(options: PlatformOptions) {
  const folder = await mkdtemp(join(tmpdir(), 'waybill-platform-'));
  await chmod(folder, 0o755); // run as root, PostgreSQL is another user's
  const undo: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const dispose = async () => {
    for (const step of undo.toReversed()) await step();
  };
  try {
    return await open(options, folder, undo, dispose);
  } catch (error) {
    const logs = await readFile(join(folder, 'server.log'), 'utf8').catch(() => '');
    await dispose();
    throw new Error(`the platform did not start:\n${logs.slice(-4_000)}`, { cause: error });
  }
}

async function open(
  {
    settingsOf,
    temporalMetricsPort,
    mode,
    settings = {},
    ownPostgres = false,
    durable = false,
    processes,
    keyRingFile,
    secretFiles = false,
    temporalInMemory = false,
    server = join(repository, 'apps/server/main.ts'),
  }: PlatformOptions,
  folder: string,
  undo: (() => Promise<unknown>)[],
  dispose: () => Promise<void>,
) {
  const prefix = `p${randomBytes(4).toString('hex')}`;
  const key = `wbk_${randomBytes(24).toString('hex')}`;

  let postgres: Postgres | undefined;
  const postgresOptions = {
    dataDir: join(folder, 'postgres'),
    port: ownPostgres ? await freePort() : 0,
    logFile: join(folder, 'postgres.log'),
    password: 'test',
    durable,
  };
  if (ownPostgres) {
    postgres = await startPostgres(postgresOptions);
    undo.push(async () => postgres?.stop());
  }
  const serverUrl = postgres?.url ?? process.env['TEST_POSTGRES_URL'] ?? '';

  const temporalOptions = {
    ...(temporalMetricsPort === undefined ? {} : { metricsPort: temporalMetricsPort }),
    binary: await findTemporal({ cacheDir: join(homedir(), '.cache', 'waybill') }),
    port: await freePort(),
    ...(temporalInMemory ? {} : { dbFile: join(folder, 'temporal.db') }),
    logFile: join(folder, 'temporal.log'),
    durable,
  };
  let temporal = await startTemporal(temporalOptions);
  undo.push(() => temporal.stop());

  const kafka = mode === 'split' ? await startKafka({ dir: join(folder, 'kafka') }) : undefined;
  if (kafka) undo.push(() => kafka.stop());

  const passwords = Object.fromEntries(
    serviceNames.map((name) => [`${name.toUpperCase()}_DATABASE_PASSWORD`, randomBytes(12).toString('hex')]),
  );
  const layout = processes ?? (mode === 'all' ? [['all']] : splitRoles);
  const ports = new Map<string, number>();
  const codecPort = await freePort();
  for (const roles of layout) ports.set(roles.join(' '), roles.join() === 'codec-server' ? codecPort : await freePort());
  const addressOf = (role: string) => {
    const found = [...ports].find(([roles]) => roles === 'all' || roles.split(' ').includes(role));
    return `http://127.0.0.1:${found?.[1]}`;
  };
  const serviceUrls =
    mode === 'all' && !processes
      ? {}
      : Object.fromEntries(serviceNames.map((name) => [`${name.toUpperCase()}_URL`, addressOf(`${name}-api`)]));
  const environment: Record<string, string> = {
    PATH: process.env['PATH'] ?? '',
    DATABASE_URL: serverUrl,
    DATABASE_PREFIX: prefix,
    ...passwords,
    ...serviceUrls,
    TEMPORAL_ADDRESS: temporal.address,
    ADMIN_API_KEY: key,
    ...(keyRingFile === undefined ? { ENCRYPTION_KEYS: testKey } : { ENCRYPTION_KEYS_FILE: join(folder, 'keys') }),
    SERVICE_TOKEN_KEYS: `s1:${randomBytes(32).toString('base64')}`,
    WORKFLOW_CACHE_DIR: join(repository, 'node_modules', '.cache', 'waybill'),
    CODEC_PORT: String(codecPort),
    ...(kafka ? { KAFKA_BROKERS: kafka.brokers } : {}),
    ...(mode === 'all' && !processes ? {} : Object.fromEntries(serviceNames.map((name) => [`${name.toUpperCase()}_DATABASE_POOL`, '4']))),
    ...quick,
    ...settings,
  };

  const secrets = join(folder, 'secrets');
  const secretKeys = [...Object.keys(passwords), 'ADMIN_API_KEY', 'SERVICE_TOKEN_KEYS'];
  const held: Record<string, string> = {};
  /** Replaces a mounted secret as the kubelet does: a new folder, to which one link is turned in one step. */
  async function changeSecret(name: string, text: string): Promise<void> {
    held[name] = text;
    const fresh = `..${randomUUID()}`;
    await mkdir(join(secrets, fresh), { recursive: true });
    for (const [key, value] of Object.entries(held)) await writeFile(join(secrets, fresh, key), value);
    await symlink(fresh, join(secrets, '..new'));
    await rename(join(secrets, '..new'), join(secrets, '..data'));
  }
  if (secretFiles)
    for (const name of secretKeys) {
      await changeSecret(name, environment[name] ?? '');
      await symlink(join('..data', name), join(secrets, name));
      delete environment[name];
      environment[`${name}_FILE`] = join(secrets, name);
    }
  if (keyRingFile !== undefined) await writeFile(join(folder, 'keys'), keyRingFile);
  const output = createWriteStream(join(folder, 'server.log'), { flags: 'a' });
  const running = new Map<string, ChildProcess>();

  async function run(args: readonly string[], extra: Record<string, string> = {}): Promise<ChildProcess> {
    const child = spawn(process.execPath, [server, ...args], {
      cwd: folder,
      env: { ...environment, ...extra },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout?.pipe(output, { end: false });
    child.stderr?.pipe(output, { end: false });
    return child;
  }

  async function runToEnd(...args: string[]): Promise<void> {
    const child = await run(args);
    const code = await new Promise((resolve) => child.once('exit', resolve));
    if (code !== 0) throw new Error(`waybill-server ${args.join(' ')} ended with ${code}`);
  }

  async function startProcess(roles: string): Promise<void> {
    const child = await run(['run', ...roles.split(' ')], { PORT: String(ports.get(roles)), ...settingsOf?.(roles) });
    running.set(roles, child);
    child.once('exit', () => {
      if (running.get(roles) === child) running.delete(roles);
    });
  }

  async function endProcess(roles: string, signal: NodeJS.Signals): Promise<void> {
    const child = running.get(roles);
    if (!child) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await exited;
  }

  async function seed(): Promise<void> {
    const catalog = openDatabase<TablesOf<typeof seedCatalog>>({ url: databaseUrl('catalog'), max: 1, name: 'seed', log: silentLogger });
    const inventory = openDatabase<TablesOf<typeof seedInventory>>({
      url: databaseUrl('inventory'),
      max: 1,
      name: 'seed',
      log: silentLogger,
    });
    await seedCatalog(catalog).finally(catalog.close);
    await seedInventory(inventory).finally(inventory.close);
  }

  /** The address of a service's database, for looking behind the interface. */
  function databaseUrl(name: ServiceName): string {
    const url = new URL(serverUrl);
    url.username = `${prefix}_${name}`;
    url.password = passwords[`${name.toUpperCase()}_DATABASE_PASSWORD`] ?? '';
    url.pathname = `/${prefix}_${name}`;
    return url.href;
  }

  /** A Temporal client with the test key. */
  function openTemporal() {
    const loaded = loadSettings(temporalSettings, { environment: { TEMPORAL_ADDRESS: `127.0.0.1:${temporalOptions.port}` } });
    return createTemporal({ settings: loaded, ring: openKeyRing({ keys: new Secret(testKey) }) });
  }

  const readyz = async (roles: string): Promise<{ status: number; body: string }> => {
    const response = await fetch(`http://127.0.0.1:${ports.get(roles)}/readyz`, { signal: AbortSignal.timeout(5_000) });
    return { status: response.status, body: await response.text() };
  };

  async function untilReady(timeoutMs = 90_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    for (const roles of ports.keys()) {
      for (let last: unknown; ; ) {
        try {
          const answer = await readyz(roles);
          const body = JSON.parse(answer.body) as { checks: { ok: boolean }[] };
          if (answer.status === 200 && body.checks.every(({ ok }) => ok)) break;
          last = answer;
        } catch (error) {
          last = error;
        }
        if (!running.has(roles)) throw new Error(`${roles} ended while it started`);
        if (Date.now() > deadline) throw new Error(`${roles} is not ready: ${JSON.stringify(last)}`, { cause: last });
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  undo.push(async () => {
    if (!ownPostgres)
      await runSql(
        serverUrl,
        ...serviceNames.flatMap((name) => [
          `drop database if exists ${prefix}_${name} with (force)`,
          `drop role if exists ${prefix}_${name}`,
        ]),
      );
  });
  undo.push(async () => {
    await Promise.all([...running.keys()].map((roles) => endProcess(roles, 'SIGTERM')));
    output.end();
  });
  await runToEnd('migrate');
  await seed();
  for (const roles of ports.keys()) await startProcess(roles);
  await untilReady();

  const api: Api = createApi(addressOf('gateway'), key);
  return {
    api,
    folder,
    /** Of every process that is started from now on; a test may change it. */
    environment,
    codecUrl: `http://localhost:${codecPort}`,
    temporalAddress: temporalOptions.port,
    untilReady,
    readyz,
    processes: [...ports.keys()],
    pidOf: (roles: string) => running.get(roles)?.pid,
    urlOf: (roles: string) => `http://127.0.0.1:${ports.get(roles)}`,
    log: () => readFile(join(folder, 'server.log'), 'utf8'),

    /** A product of its own, so that tests that count stock do not meet. Returns its SKU. */
    async makeSku({ price = 1_000, stock }: { price?: number; stock: Record<string, number> }): Promise<string> {
      const sku = `T-${randomUUID().slice(0, 13).toUpperCase()}`;
      const made = await api.post('/v1/products', {
        name: `Test ${sku}`,
        variants: [{ sku, name: `Test ${sku}`, prices: [{ amount: price, currency: 'EUR' }] }],
      });
      if (made.status !== 201) throw new Error(`making ${sku} was answered ${made.status}: ${JSON.stringify(made.body)}`);
      for (const [locationId, delta] of Object.entries(stock)) {
        const adjusted = await api.post('/v1/stock/adjustments', { sku, locationId, delta, reason: 'test' });
        if (adjusted.status >= 300) throw new Error(`stocking ${sku} was answered ${adjusted.status}: ${JSON.stringify(adjusted.body)}`);
      }
      return sku;
    },

    adminUrl: serverUrl,
    changeSecret,
    secret: (name: string) => held[name] ?? '',
    login: (name: ServiceName) => `${prefix}_${name}`,
    url: addressOf('gateway'),
    databaseUrl,

    openTemporal,

    /** An order's history as Temporal keeps it: sealed. */
    async history(orderId: string) {
      const temporal = openTemporal();
      try {
        const execution = { workflowId: `order/${orderId}` };
        const answer = await temporal.connection.workflowService.getWorkflowExecutionHistory({ namespace: 'default', execution });
        return answer.history ?? {};
      } finally {
        await temporal.close();
      }
    },

    async kill(roles: string): Promise<void> {
      await endProcess(roles, 'SIGKILL');
    },
    async stop(roles: string): Promise<void> {
      await endProcess(roles, 'SIGTERM');
    },
    start: startProcess,
    isRunning: (roles: string) => running.has(roles),

    stopTemporal: () => temporal.stop(),
    async startTemporal(): Promise<void> {
      temporal = await startTemporal(temporalOptions);
    },
    async stopPostgres(): Promise<void> {
      await postgres?.stop();
    },
    killPostgres(): void {
      postgres?.kill();
    },
    async startPostgres(): Promise<void> {
      postgres = await startPostgres(postgresOptions);
    },
    [Symbol.asyncDispose]: dispose,
  };
}

const splitRoles: readonly (readonly string[])[] = [
  ['gateway'],
  ['codec-server'],
  ...serviceNames.flatMap((name) => [[`${name}-api`], [`${name}-worker`]]),
];
