import { availableParallelism } from 'node:os';
import setup from '../test/global-setup.ts';
import { benchAccept, benchAcceptBusy } from './accept.ts';
import { benchComplete } from './complete.ts';
import { type Figure, printFigures } from './figures.ts';
import { benchIdle } from './idle.ts';
import { benchLists } from './lists.ts';
import { benchStart } from './start.ts';

const benches: Record<string, () => Promise<Figure[]>> = {
  complete: benchComplete,
  accept: benchAccept,
  'accept-busy': benchAcceptBusy,
  lists: benchLists,
  idle: benchIdle,
  start: benchStart,
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !Object.hasOwn(benches, name));
if (unknown.length > 0) {
  console.error(`${unknown.join(', ')}: no such bench; there are ${Object.keys(benches).join(', ')}`);
  process.exit(2);
}

const teardown = await setup();
console.log(`Waybill bench on ${availableParallelism()} cores; PostgreSQL, Temporal's dev server, Waybill and the load share them`);
for (const [name, bench] of Object.entries(benches)) {
  if (asked.length === 0 || asked.includes(name)) printFigures(name, await bench());
}
await teardown();
