import { openPlatform } from '../test/platform/platform.ts';
import { atLeast, below, type Figure, median } from './figures.ts';
import { createLoad, keepBusy } from './load.ts';

/** Orders from placement to delivery, through HTTP, everything on this machine. */
export async function benchComplete(): Promise<Figure[]> {
  await using platform = await openPlatform({ mode: 'all', ownPostgres: true, durable: true });
  const load = createLoad(platform.api, 64);
  await keepBusy(10, 100, load.complete); // warm: code compiled, pages in memory
  const alone: number[] = [];
  for (let i = 0; i < 20; i++) alone.push(await load.complete());
  const rates: number[] = [];
  for (let i = 0; i < 3; i++) rates.push(600 / (await keepBusy(40, 600, load.complete)));
  load.close();
  return [
    atLeast('orders completed at 40 in flight (median of 3 runs of 600)', median(rates), 'orders/s', 25),
    below('one order alone (median of 20)', median(alone), 's', 0.4),
  ];
}
