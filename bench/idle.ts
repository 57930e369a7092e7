import { openPlatform } from '../test/platform/platform.ts';
import { below, type Figure, residentMb } from './figures.ts';
import { createLoad, keepBusy } from './load.ts';

/** Memory of the one process with every role: at rest after its start, and at rest again after work. */
export async function benchIdle(): Promise<Figure[]> {
  await using platform = await openPlatform({ mode: 'all', ownPostgres: true });
  const rest = () => new Promise((resolve) => setTimeout(resolve, 20_000));
  const memory = () => residentMb(platform.pidOf('all') ?? 0);
  await rest();
  const fresh = await memory();
  const load = createLoad(platform.api, 64);
  await keepBusy(20, 300, load.complete);
  load.close();
  await rest();
  return [
    below('resident memory of `all`, idle after its start', fresh, 'MB', 350),
    below('the same, idle after 300 orders', await memory(), 'MB', 450),
  ];
}
