import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nativeFolder } from '@waybill/embedded/postgres-files';
import { findTemporal } from '@waybill/embedded/temporal-binary';
import { build } from '../../../tools/bundle/build.ts';
import type { ImageConfig } from './archive.ts';
import { cache, debian, goBuild, goInstall, goModule, run } from './programs.ts';
import { createRoot, type Root } from './root.ts';

type Recipe = {
  /** The name that manifests ask for. */
  image: string;
  /** False for images that have none, so that a manifest that needs one fails here too. */
  shell: boolean;
  fill(root: Root): Promise<ImageConfig>;
};

const beside = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const temporalVersion = '1.31.2';
const temporalModule = `go.temporal.io/server@v${temporalVersion}`;

/** What the official images hold as far as the charts use it: the same names, users, paths and variables. `tag` is of Waybill's own. */
export const recipes = (tag: string) =>
  ({
    waybill: { image: `waybill/waybill:${tag}`, shell: false, fill: fillWaybill },
    postgres: { image: 'library/postgres:18', shell: true, fill: fillPostgres },
    temporal: {
      image: `temporalio/server:${temporalVersion}`,
      shell: true,
      async fill(root) {
        await root.program(
          await goInstall('temporal-server', 'go.temporal.io/server/cmd/server@v1.31.2'),
          '/usr/local/bin/temporal-server',
        );
        const entrypoint = '/etc/temporal/entrypoint.sh';
        await root.write(entrypoint, await ofModule(temporalModule, 'docker/scripts/sh/entrypoint.sh'), 0o755);
        return { cmd: [entrypoint], user: '1000', workdir: '/etc/temporal' };
      },
    },
    'temporal-admin-tools': {
      image: `temporalio/admin-tools:${temporalVersion}`,
      shell: true,
      async fill(root) {
        await root.program(
          await goInstall('temporal-sql-tool', 'go.temporal.io/server/cmd/tools/sql@v1.31.2'),
          '/usr/local/bin/temporal-sql-tool',
        );
        await root.program(await findTemporal({ cacheDir: join(homedir(), '.cache', 'waybill') }), '/usr/local/bin/temporal');
        await root.copy(join(await goModule(temporalModule), 'schema'), '/etc/temporal/schema');
        return { cmd: ['sh', '-c', 'trap exit INT HUP TERM; sleep infinity'], user: '1000' };
      },
    },
    'temporal-ui': {
      image: 'temporalio/ui:2.54.1',
      shell: true,
      async fill(root) {
        const home = '/home/ui-server';
        const module = 'github.com/temporalio/ui-server/v2';
        await root.program(await goInstall('temporal-ui-server', `${module}/cmd/server@v2.54.1`), `${home}/ui-server`);
        await root.copy(join(await goModule(`${module}@v2.54.1`), 'config/docker.yaml'), `${home}/config/docker.yaml`);
        return { entrypoint: ['./ui-server', '--env', 'docker', 'start'], user: '1000', workdir: home };
      },
    },
    valkey: { image: 'valkey/valkey:9.1', shell: true, fill: fillValkey },
    kafka: { image: 'apache/kafka:4.3.1', shell: true, fill: fillKafka },
    prometheus: {
      image: 'prom/prometheus:v3.15.0',
      shell: true,
      async fill(root) {
        // The kinds of discovery that the charts use; all of them are three times the size.
        const options = {
          tags: 'remove_all_sd,enable_kubernetes_sd,enable_dns_sd',
          variables: '-X github.com/prometheus/common/version.Version=3.15.0',
        };
        for (const name of ['prometheus', 'promtool']) {
          const program = await goBuild(name, beside('./prometheus'), {
            ...options,
            package: `github.com/prometheus/prometheus/cmd/${name}`,
          });
          await root.program(program, `/bin/${name}`);
        }
        await root.folder('/prometheus', 0o777);
        const args = ['--config.file=/etc/prometheus/prometheus.yml', '--storage.tsdb.path=/prometheus'];
        return { entrypoint: ['/bin/prometheus'], cmd: args, user: '65534', workdir: '/prometheus' };
      },
    },
    'otel-collector': {
      image: 'otel/opentelemetry-collector:0.158.0',
      shell: false,
      async fill(root) {
        await root.program(await goBuild('otelcol', beside('./otelcol')), '/otelcol');
        return { entrypoint: ['/otelcol'], cmd: ['--config', '/etc/otelcol/config.yaml'], user: '10001' };
      },
    },
    caddy: {
      image: 'library/caddy:2',
      shell: true,
      async fill(root) {
        await root.program(await goInstall('caddy', 'github.com/caddyserver/caddy/v2/cmd/caddy@v2.11.9'), '/usr/bin/caddy');
        for (const folder of ['/config', '/data', '/etc/caddy']) await root.folder(folder);
        const env = { XDG_CONFIG_HOME: '/config', XDG_DATA_HOME: '/data' };
        return { cmd: ['caddy', 'run', '--config', '/etc/caddy/Caddyfile', '--adapter', 'caddyfile'], env, workdir: '/srv' };
      },
    },
  }) satisfies Record<string, Recipe>;

export type RecipeName = keyof ReturnType<typeof recipes>;

/** The image's files, ready to be packed, and what the image says of itself. */
export async function assemble(name: RecipeName, tag: string): Promise<{ image: string; root: string; config: ImageConfig }> {
  const recipe: Recipe = recipes(tag)[name];
  const root = await createRoot(name, { shell: recipe.shell });
  return { image: `docker.io/${recipe.image}`, root: root.path, config: await recipe.fill(root) };
}

/** As the Dockerfile does, with the Node and the libraries of this machine. */
async function fillWaybill(root: Root): Promise<ImageConfig> {
  const { folder } = await build({ arch: process.arch, folder: join(cache, 'dist') });
  await root.program(process.execPath, '/usr/local/bin/node');
  await root.copy(folder, '/app');
  for (const target of await readdir(join(folder, 'releases'))) await root.libraries(join(folder, 'releases', target, 'index.node'));
  return {
    entrypoint: ['/usr/local/bin/node', '/app/server.js'],
    cmd: ['--help'],
    env: { NODE_ENV: 'production' },
    user: '65532:65532',
    workdir: '/tmp',
  };
}

/** The server of the tests, and Debian's client: the npm package has none. It speaks to any server, but its pg_dump would refuse this one. */
async function fillPostgres(root: Root): Promise<ImageConfig> {
  const native = nativeFolder();
  const home = '/usr/lib/postgresql/18';
  await root.copy(native, home);
  for (const name of await readdir(join(native, 'bin'))) await root.libraries(join(native, 'bin', name), { except: native });
  const packages = await debian('postgresql-client', ['postgresql-client-15', 'libpq5', 'libedit2', 'libreadline8']);
  const from = join(packages, 'usr/lib/x86_64-linux-gnu');
  for (const name of ['psql', 'pg_isready'])
    await root.program(join(packages, 'usr/lib/postgresql/15/bin', name), `/usr/local/bin/${name}`, { from });
  await root.program('/usr/bin/flock', '/usr/bin/flock');
  await root.copy('/usr/lib/locale/C.utf8', '/usr/lib/locale/C.utf8');
  await root.folder('/run/postgresql', 0o2777);
  const entrypoint = '/usr/local/bin/docker-entrypoint.sh';
  await root.copy(beside('./postgres-entrypoint.sh'), entrypoint);
  await run('chmod', ['755', join(root.path, entrypoint)]);
  return {
    entrypoint: ['docker-entrypoint.sh'],
    cmd: ['postgres'],
    env: { PATH: `/usr/local/bin:/usr/bin:/bin:${home}/bin`, LANG: 'C.UTF-8', PGDATA: '/var/lib/postgresql/18/docker' },
  };
}

/** Redis, of which Valkey is a fork: what the charts and clients ask of it is older than the fork. */
async function fillValkey(root: Root): Promise<ImageConfig> {
  const libraries = ['liblua5.1-0', 'lua-bitop', 'lua-cjson', 'libjemalloc2', 'liblzf1', 'libatomic1'];
  const packages = await debian('redis', ['redis-server', 'redis-tools', ...libraries]);
  const from = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map((name) => join(packages, 'usr/lib', name)).join(':');
  // redis-server is a link to redis-check-rdb, which looks at its own name.
  await root.program(join(packages, 'usr/bin/redis-check-rdb'), '/usr/local/bin/valkey-server', { from });
  await root.program(join(packages, 'usr/bin/redis-cli'), '/usr/local/bin/valkey-cli', { from });
  await root.folder('/data', 0o777);
  return { cmd: ['valkey-server'], user: '999', workdir: '/data' };
}

const kafkaPom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>dev.waybill</groupId>
  <artifactId>kafka-image</artifactId>
  <version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>4.3.1</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.25.4</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId><version>2.25.4</version></dependency>
  </dependencies>
</project>
`;

async function fillKafka(root: Root): Promise<ImageConfig> {
  const folder = join(cache, 'kafka-4.3.1');
  if (!existsSync(join(folder, 'lib'))) {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'pom.xml'), kafkaPom);
    await run('mvn', ['-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=lib', '-DincludeScope=runtime'], { cwd: folder });
  }
  await root.copy(join(folder, 'lib'), '/opt/kafka/libs');
  const java = await javaHome();
  await root.copy(java, '/opt/java/openjdk');
  // What a server loads of it; the parts for desktops want more than this machine may have.
  const from = [join(java, 'lib'), join(java, 'lib/server')].join(':');
  for (const name of [
    'bin/java',
    'lib/server/libjvm.so',
    ...['java', 'net', 'nio', 'zip', 'management'].map((part) => `lib/lib${part}.so`),
  ])
    await root.libraries(join(java, name), { from, except: java });
  const path = '/opt/java/openjdk/bin:/opt/kafka/bin:/usr/local/bin:/usr/bin:/bin';
  return { env: { PATH: path, JAVA_HOME: '/opt/java/openjdk', LANG: 'C.UTF-8' }, user: '1000', workdir: '/' };
}

async function javaHome(): Promise<string> {
  return dirname(dirname((await run('sh', ['-c', 'readlink -f "$(command -v java)"'])).trim()));
}

async function ofModule(module: string, path: string): Promise<string> {
  return run('cat', [join(await goModule(module), path)]);
}
