import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { freePort } from '@waybill/embedded/ports';
import type { BuildsReport } from '@waybill/server/operations/builds';
import type { UpgradeReport } from '@waybill/server/operations/check-upgrade';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openPlatform, type Platform } from '../platform/platform.ts';
import { plantBuild } from './planted-build.ts';

const server = join(import.meta.dirname, '../../apps/server/main.ts');
const recorded = join(import.meta.dirname, '../histories');
const patiently = { timeout: 60_000, interval: 200 };

let platform: Platform;
const plantedCache = () => join(platform.folder, 'planted');
const undo: (() => Promise<void>)[] = [];

async function open(settings: Record<string, string>): Promise<void> {
  platform = await openPlatform({ mode: 'all', settings });
  undo.push(() => platform[Symbol.asyncDispose]());
  await plantBuild(plantedCache());
}

async function close(): Promise<void> {
  for (const step of undo.splice(0).reverse()) await step();
}

/** An operation of the server, with the environment of the platform. */
async function operate<T>(args: readonly string[], extra: Record<string, string> = {}): Promise<{ code: number | null; report: T }> {
  const child = spawn(process.execPath, [server, ...args, '--json'], { env: { ...platform.environment, ...extra } });
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const [out, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  if (out === '') throw new Error(`waybill-server ${args.join(' ')} said nothing: ${errors}`);
  return { code, report: JSON.parse(out) as T };
}

/** A process of another build beside that of the platform, with the planted workflow code. */
async function startBeside(extra: Record<string, string>): Promise<() => Promise<void>> {
  const [port, codecPort] = [await freePort(), await freePort()];
  const env = { ...platform.environment, PORT: String(port), CODEC_PORT: String(codecPort), WORKFLOW_CACHE_DIR: plantedCache(), ...extra };
  const child = spawn(process.execPath, [server, 'run', 'all'], { env, stdio: 'ignore' });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const stop = async () => {
    child.kill('SIGTERM');
    await exited;
  };
  undo.push(stop);
  return stop;
}

const builds = async () => (await operate<BuildsReport>(['builds'])).report;
const ofOrders = async () => {
  const { deployments } = await builds();
  return Object.fromEntries(
    deployments.find(({ name }) => name === 'waybill-orders')?.builds.map(({ buildId, status }) => [buildId, status]) ?? [],
  );
};

/** On which build an order took its last step, and whether the planted code began it. */
async function ranOn(orderId: string): Promise<{ build: string | undefined; planted: boolean }> {
  const { events } = await platform.history(orderId);
  const last = events?.findLast(({ workflowTaskCompletedEventAttributes: task }) => task)?.workflowTaskCompletedEventAttributes;
  const first = events?.find((event) => event.timerStartedEventAttributes ?? event.markerRecordedEventAttributes);
  return { build: last?.deploymentVersion?.buildId ?? undefined, planted: Boolean(first?.timerStartedEventAttributes) };
}

async function finish(orderId: string): Promise<void> {
  await platform.api.deliver(await platform.api.untilBooked(orderId));
  await platform.api.untilStatus(orderId, 'completed');
}

describe('where orders stay on their build', () => {
  beforeAll(() => open({ TEMPORAL_VERSIONING: 'pinned', TEMPORAL_WORKER_BUILD_ID: 'b1' }), 180_000);
  afterAll(close, 60_000);

  test('old orders end on old code beside new ones on new code, and going back needs one command', async () => {
    const { api } = platform;
    await expect.poll(ofOrders, patiently).toEqual({ b1: 'current' });
    const old = await api.place();
    await api.untilBooked(old.id);
    await startBeside({ TEMPORAL_WORKER_BUILD_ID: 'b2' });
    await expect.poll(ofOrders, patiently).toEqual({ b1: 'current', b2: 'inactive' });

    const check = await operate<UpgradeReport>(['check-upgrade'], { WORKFLOW_CACHE_DIR: plantedCache() });
    expect(check.report.broken).toMatchObject([{ orderId: old.id, pinnedTo: 'waybill-orders:b1' }]);
    expect(check.code).toBe(0); // it will not meet the new code

    expect((await operate(['set-current', 'b2'])).code).toBe(0);
    const fresh = await api.place();
    await api.untilBooked(fresh.id);
    await finish(old.id);
    expect(await ranOn(old.id)).toEqual({ build: 'b1', planted: false });
    expect(await ranOn(fresh.id)).toEqual({ build: 'b2', planted: true });
    expect(await ofOrders()).toMatchObject({ b2: 'current' });

    expect((await operate(['set-current', 'b1'])).code).toBe(0);
    const back = await api.place();
    await finish(back.id);
    await finish(fresh.id);
    expect(await ranOn(back.id)).toEqual({ build: 'b1', planted: false });
    expect(await ranOn(fresh.id)).toEqual({ build: 'b2', planted: true });
    expect((await builds()).deployments.map(({ name, current }) => [name, current])).toEqual(
      ['billing', 'inventory', 'orders', 'shipping'].map((service) => [`waybill-${service}`, 'b1']),
    );
  }, 240_000);

  test('open orders are counted by build', async () => {
    const placed = await Promise.all([platform.api.place(), platform.api.place()]);
    for (const { id } of placed) await platform.api.untilBooked(id);
    const ordersOf = async () =>
      (await builds()).deployments.flatMap(({ builds: all }) =>
        all.filter(({ openOrders }) => openOrders > 0).map((build) => build.openOrders),
      );
    await expect.poll(ordersOf, patiently).toEqual([2]);
    for (const { id } of placed) await finish(id);
  }, 120_000);
});

describe('where orders move on', () => {
  beforeAll(() => open({}), 180_000);
  afterAll(close, 60_000);

  test('a change that running orders cannot follow is caught, by order and by what it was doing', async () => {
    const placed = await platform.api.place();
    await platform.api.untilBooked(placed.id);
    const same = await operate<UpgradeReport>(['check-upgrade', '--recorded', recorded]);
    expect(same.report.broken).toEqual([]);
    expect(same.report.replayed).toMatchObject({ open: 1, recorded: expect.any(Number) });
    expect(same.code).toBe(0);
    const changed = await operate<UpgradeReport>(['check-upgrade'], { WORKFLOW_CACHE_DIR: plantedCache() });
    expect(changed.report.broken).toMatchObject([{ orderId: placed.id, open: true, doing: expect.stringContaining('bookShipment') }]);
    expect(changed.report.broken[0]?.message).toMatch(/nondeterminism/i);
    expect(changed.code).toBe(5);
    await finish(placed.id);
  }, 120_000);

  test('orders that began before builds had names go on when they get some, and when they move to the next', async () => {
    const placed = await platform.api.place();
    const [shipment = ''] = await platform.api.untilBooked(placed.id);
    await platform.stop('all');
    Object.assign(platform.environment, { TEMPORAL_VERSIONING: 'autoUpgrade', TEMPORAL_WORKER_BUILD_ID: 'b1' });
    await platform.start('all');
    await platform.untilReady();
    await platform.api.report(shipment, 'dispatched');
    await platform.api.until(placed.id, ({ paymentStatus }) => paymentStatus === 'captured');
    // An order's row tells of a workflow task a moment before its history does.
    await expect.poll(() => ranOn(placed.id), patiently).toEqual({ build: 'b1', planted: false });
    await platform.stop('all');
    Object.assign(platform.environment, { TEMPORAL_WORKER_BUILD_ID: 'b2' });
    await platform.start('all');
    await platform.untilReady();
    await platform.api.report(shipment, 'delivered');
    await platform.api.untilStatus(placed.id, 'completed');
    await expect.poll(() => ranOn(placed.id), patiently).toEqual({ build: 'b2', planted: false });
  }, 180_000);
});
