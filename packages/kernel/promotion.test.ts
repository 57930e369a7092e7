import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@waybill/embedded/ports';
import { type EmbeddedTemporal, findTemporal, startTemporal } from '@waybill/embedded/temporal';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { loadSettings } from './config.ts';
import { generateKey, openKeyRing } from './encryption.ts';
import { silentLogger } from './log.ts';
import { startPromotion } from './promotion.ts';
import { createTemporal, type Temporal } from './temporal-client.ts';
import { createWorkerConnection, installRuntime, startWorker } from './temporal-worker.ts';
import { readDeployment, setCurrentBuild } from './worker-deployments.ts';
import { type WorkerSettings, workerSettings } from './worker-settings.ts';
import { workerVersions } from './worker-version.ts';

let folder: string;
let server: EmbeddedTemporal;
let settings: WorkerSettings;
let temporal: Temporal;
const ring = openKeyRing({ keys: generateKey() });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-promotion-'));
  installRuntime({ log: silentLogger });
  const binary = await findTemporal({ cacheDir: join(folder, 'bin') });
  server = await startTemporal({ binary, port: await freePort(), logFile: join(folder, 'temporal.log') });
  settings = loadSettings(workerSettings, { environment: { TEMPORAL_ADDRESS: server.address } });
  temporal = createTemporal({ settings, ring });
});

afterAll(async () => {
  await temporal?.close();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

type Started = { stop(): Promise<void> };

/** A worker of a build as a process starts it. */
function start(service: string, buildId: string, versioning: 'pinned' | 'autoUpgrade', goneAfterMs = 90_000): Started {
  const versions = workerVersions({ ...settings, TEMPORAL_VERSIONING: versioning, TEMPORAL_WORKER_BUILD_ID: buildId }, [service]);
  const version = versions.get(service);
  if (!version) throw new Error('versioning is on');
  const connection = createWorkerConnection({ settings });
  const activities = { nothing: async () => undefined };
  const worker = startWorker({ connection, settings, ring, taskQueue: service, activities, version, log: silentLogger });
  const promotion = startPromotion({ temporal, worker: version, taskQueue: service, log: silentLogger, goneAfterMs, lookEveryMs: 200 });
  let stopped: Promise<void> | undefined;
  const stop = () =>
    (stopped ??= (async () => {
      await promotion.stop();
      await worker.stop();
      await connection.close();
    })());
  closing.push(stop);
  return { stop };
}

const currentOf = async (service: string) => (await readDeployment(temporal, `waybill-${service}`))?.current;
const buildsOf = async (service: string) =>
  (await readDeployment(temporal, `waybill-${service}`))?.builds.map(({ buildId }) => buildId) ?? [];
const patiently = { timeout: 30_000, interval: 100 };

/** What must not happen cannot be awaited; this long a promotion looks several times. */
const whileItLooks = () => new Promise((resolve) => setTimeout(resolve, 1_500));

test('the first build becomes current by itself; where orders stay on their build, the next one waits to be asked', async () => {
  start('asked', 'b1', 'pinned');
  await expect.poll(() => currentOf('asked'), patiently).toBe('b1');
  start('asked', 'b2', 'pinned');
  await expect.poll(() => buildsOf('asked'), patiently).toContain('b2');
  await whileItLooks();
  expect(await currentOf('asked')).toBe('b1');
  await setCurrentBuild(temporal, { name: 'waybill-asked', buildId: 'b2' });
  await setCurrentBuild(temporal, { name: 'waybill-asked', buildId: 'b2' });
  await whileItLooks();
  expect(await currentOf('asked')).toBe('b2');
}, 90_000);

test('where orders move on a new build takes over at once, and an old one that starts again does not take it back', async () => {
  const first = start('moving', 'b1', 'autoUpgrade');
  await expect.poll(() => currentOf('moving'), patiently).toBe('b1');
  start('moving', 'b2', 'autoUpgrade');
  await expect.poll(() => currentOf('moving'), patiently).toBe('b2');
  await first.stop();
  start('moving', 'b1', 'autoUpgrade');
  await whileItLooks();
  expect(await currentOf('moving')).toBe('b2');
}, 90_000);

test('a build whose workers are gone gives way to one that has some', async () => {
  const first = start('gone', 'b1', 'pinned');
  await expect.poll(() => currentOf('gone'), patiently).toBe('b1');
  await first.stop();
  start('gone', 'b2', 'pinned', 1_000);
  await expect.poll(() => currentOf('gone'), patiently).toBe('b2');
}, 90_000);

test('a build nobody works for cannot be made current', async () => {
  start('refused', 'b1', 'pinned');
  await expect.poll(() => currentOf('refused'), patiently).toBe('b1');
  await expect(setCurrentBuild(temporal, { name: 'waybill-refused', buildId: 'b9' })).rejects.toThrow(
    'b9 cannot become current in waybill-refused',
  );
}, 90_000);

test('what a worker says of itself is checked as a whole, and its deployment is named after its service', () => {
  const wrong = { ...settings, TEMPORAL_VERSIONING: 'pinned' as const, TEMPORAL_DEPLOYMENT_NAME: 'own' };
  expect(() => workerVersions(wrong, ['orders', 'billing'])).toThrow(
    /TEMPORAL_WORKER_BUILD_ID is missing[\s\S]*TEMPORAL_DEPLOYMENT_NAME names one deployment/,
  );
  expect(workerVersions({ ...wrong, TEMPORAL_VERSIONING: 'off' }, ['orders', 'billing']).size).toBe(0);
  const named = workerVersions({ ...wrong, TEMPORAL_WORKER_BUILD_ID: '1.2.0-abc' }, ['orders']);
  expect(named.get('orders')).toEqual({ version: { deploymentName: 'own', buildId: '1.2.0-abc' }, behavior: 'PINNED', managed: true });
});
