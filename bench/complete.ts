import { openPlatform } from '../test/platform/platform.ts';
import { atLeast, below, type Figure, median } from './figures.ts';
import { createLoad, keepBusy } from './load.ts';

/** Orders from placement to delivery, through HTTP, everything on this machine. */
export async function benchComplete(): Promise<Figure[]> {
  const figures: Figure[] = [];
  // The dev server by itself lives in memory; as `waybill local` runs it, it has a file and waits for the disk at each commit.
  for (const [server, temporalInMemory] of [
    ['dev server', true],
    ['dev server with a file', false],
  ] as const) {
    await using platform = await openPlatform({ mode: 'all', ownPostgres: true, durable: true, temporalInMemory });
    const load = createLoad(platform.api, 64);
    await keepBusy(20, 200, load.complete); // warm: code compiled, pages in memory
    const alone: number[] = [];
    for (let i = 0; i < 20; i++) alone.push(await load.complete());
    const rates: number[] = [];
    for (let i = 0; i < 3; i++) rates.push(400 / (await keepBusy(40, 400, load.complete)));
    load.close();
    figures.push(atLeast(`orders completed at 40 in flight, ${server} (median of 3 runs of 400)`, median(rates), 'orders/s', 25));
    figures.push(below(`one order alone, ${server} (median of 20)`, median(alone), 's', 0.4));
  }
  return figures;
}
