import { openPlatform, type Platform } from '../test/platform/platform.ts';
import { atLeast, below, type Figure, percentile, residentMb } from './figures.ts';
import { createLoad, keepBusy, keepRate } from './load.ts';

const apis = ['gateway', 'catalog-api', 'inventory-api', 'orders-api', 'billing-api', 'shipping-api'];
const workers = ['catalog-worker', 'inventory-worker', 'orders-worker', 'billing-worker', 'shipping-worker'];

const memoryOf = (platform: Platform, roles: string): Promise<number> => residentMb(platform.pidOf(roles) ?? 0);

/** Acceptance alone: as in the compact topology, the APIs in one process and the workers, here stopped, in another. */
export async function benchAccept(): Promise<Figure[]> {
  const [api, worker] = [apis.join(' '), workers.join(' ')];
  await using platform = await openPlatform({
    mode: 'all',
    ownPostgres: true,
    durable: true,
    processes: [apis, workers],
    settings: { INTERNAL_PORT: '0' },
  });
  const load = createLoad(platform.api, 64);
  await platform.stop(worker);
  const accepted = 15_000;
  await keepBusy(64, accepted, load.place);
  const before = await memoryOf(platform, api);
  const seconds = await keepBusy(64, accepted, load.place);
  const after = await memoryOf(platform, api);
  load.close();
  return [
    atLeast(`orders accepted, workers stopped (${accepted} of them, 64 connections)`, accepted / seconds, 'orders/s', 1_500),
    below('memory of the API process after them, against after as many before', after / before, '×', 1.25),
  ];
}

/** Acceptance while the workers have more to do than they can. */
export async function benchAcceptBusy(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [name, processes] of [
    ['one process', undefined],
    ['APIs and workers apart', [apis, workers]],
  ] as const) {
    await using platform = await openPlatform({
      mode: 'all',
      ownPostgres: true,
      durable: true,
      ...(processes ? { processes, settings: {} } : {}),
    });
    const load = createLoad(platform.api, 64);
    const roles = platform.processes[0] ?? 'all';
    await keepRate(200, 45, load.place); // until caches and heap have their size
    const before = await memoryOf(platform, roles);
    const took = await keepRate(200, 30, load.place);
    const after = await memoryOf(platform, roles);
    load.close();
    figures.push(below(`p99 of an acceptance at 200/s, workers running (${name})`, percentile(took, 0.99), 'ms', 50));
    figures.push(below(`memory after 15,000 of them, against after 9,000 (${name})`, after / before, '×', 1.25));
  }
  return figures;
}
