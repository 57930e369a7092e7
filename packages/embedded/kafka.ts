import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { WaybillError } from '@waybill/kernel/errors';
import { becomesFree, freePort } from './ports.ts';
import { childExit } from './processes.ts';

export type Kafka = {
  /** `127.0.0.1:PORT`; the same again after a restart in the same folder. */
  brokers: string;
  pid: number;
  stop(): Promise<void>;
  /** SIGKILL, as a crash would. */
  kill(): void;
};

const version = '4.3.1';
const startTimeoutMs = 60_000;

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>dev.waybill</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${version}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
`;

/** Under node_modules, so that it is never committed and goes with them. */
export const defaultKafkaCache = (): string =>
  fileURLToPath(new URL(`../../node_modules/.cache/waybill/kafka-${version}`, import.meta.url));

/** Starts a single Kafka broker (KRaft, no ZooKeeper) on 127.0.0.1, with its data in `dir`. Needs Java; the first time also Maven. */
export async function startKafka(options: { dir: string; cacheDir?: string }): Promise<Kafka> {
  const dir = resolve(options.dir);
  const lib = await kafkaJars(options.cacheDir ?? defaultKafkaCache());
  mkdirSync(dir, { recursive: true });
  const properties = join(dir, 'server.properties');
  if (!existsSync(properties)) await format(dir, lib, properties);
  const port = Number(/^listeners=PLAINTEXT:\/\/127\.0\.0\.1:(\d+)/m.exec(readFileSync(properties, 'utf8'))?.[1]);
  if (!(await becomesFree(port)))
    throw new WaybillError('conflict', `port ${port} on 127.0.0.1 is taken, so the Kafka broker cannot start: stop what listens there`);
  const log = openSync(join(dir, 'kafka.log'), 'a');
  const child = spawn(
    'java',
    [
      '-Xms64m',
      '-Xmx256m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      '-Dorg.slf4j.simpleLogger.showDateTime=true',
      '-cp',
      join(lib, '*'),
      'kafka.Kafka',
      properties,
    ],
    { cwd: dir, detached: true, stdio: ['ignore', log, log] },
  );
  closeSync(log);
  await waitUntilOpen(child, port, join(dir, 'kafka.log'));
  return handle(child, port);
}

function handle(child: ChildProcess, port: number): Kafka {
  const { pid } = child;
  if (pid === undefined) throw new Error('the broker has no process id');
  child.unref();
  return {
    brokers: `127.0.0.1:${port}`,
    pid,
    async stop() {
      child.ref();
      const exit = childExit(child);
      child.kill('SIGTERM');
      if ((await Promise.race([exit, delay(30_000, 'late', { ref: false })])) === 'late') child.kill('SIGKILL');
      await exit;
    },
    kill() {
      child.kill('SIGKILL');
    },
  };
}

async function kafkaJars(cacheDir: string): Promise<string> {
  const lib = join(cacheDir, 'lib');
  if (existsSync(lib)) return lib;
  const draft = join(cacheDir, `draft-${process.pid}`);
  mkdirSync(draft, { recursive: true });
  try {
    writeFileSync(join(draft, 'pom.xml'), pom);
    await run('mvn', ['-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=lib', '-DincludeScope=runtime'], draft);
    renameSync(join(draft, 'lib'), lib);
  } catch (error) {
    if (!existsSync(lib)) throw error; // another process was faster, which is as good
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return lib;
}

async function format(dir: string, lib: string, properties: string): Promise<void> {
  const [broker, controller] = [await freePort(), await freePort()];
  const draft = `${properties}.new`;
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controller}`,
    listeners: `PLAINTEXT://127.0.0.1:${broker},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${broker}`,
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': join(dir, 'data'),
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '1',
    'group.initial.rebalance.delay.ms': '0',
    'auto.create.topics.enable': 'false',
    // A broker that was killed may register again once its old registration has lapsed: soon, on one machine.
    'broker.session.timeout.ms': '2000',
    'broker.heartbeat.interval.ms': '500',
  };
  writeFileSync(
    draft,
    Object.entries(settings)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
  const id = `w${randomBytes(16).toString('base64url').slice(1)}`; // an id must not look like an option
  await run('java', ['-Xmx128m', '-cp', join(lib, '*'), 'kafka.tools.StorageTool', 'format', '-t', id, '-c', draft], dir);
  renameSync(draft, properties);
}

function run(command: string, args: readonly string[], cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        said = `${said}${chunk}`.slice(-4_000);
      });
    child.once('error', (cause) =>
      reject(
        new WaybillError('unavailable', `${command} could not be run, and the Kafka broker needs it: install it and try again`, { cause }),
      ),
    );
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${command} ended with ${code}: ${said.trim()}`))));
  });
}

async function waitUntilOpen(child: ChildProcess, port: number, logFile: string): Promise<void> {
  const ended = childExit(child).then(() => 'ended' as const);
  const failed = new Promise<never>((_, reject) => child.once('error', reject));
  const deadline = Date.now() + startTimeoutMs;
  for (;;) {
    const outcome = await Promise.race([ended, failed, isOpen(port)]);
    if (outcome === true) return;
    if (outcome === 'ended' || Date.now() > deadline) {
      child.kill('SIGKILL');
      const said = readFileSync(logFile, 'utf8').trim().split('\n').slice(-5).join('\n');
      throw new Error(`the Kafka broker did not start: ${said} (see ${logFile})`);
    }
    await delay(50);
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
