import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type FreeStock, type Place, type PlanInput, plan } from './plan.ts';

const place = (id: string, country = 'DE', postalCode = '10115', priority = 100): Place => ({ id, country, postalCode, priority });
const line = (lineId: string, sku: string, quantity: number) => ({ lineId, sku, quantity });
const free = (sku: string, locationId: string, units: number): FreeStock => ({ sku, locationId, free: units });
const berlin = { country: 'DE', postalCode: '10999' };

test('one location that has everything beats nearer ones that need two parcels', () => {
  const result = plan({
    lines: [line('1', 'A', 1), line('2', 'B', 1)],
    destination: berlin,
    places: [place('near1'), place('near2'), place('far', 'US', '94103')],
    stock: [free('A', 'near1', 5), free('B', 'near2', 5), free('A', 'far', 1), free('B', 'far', 1)],
  });
  expect(result).toEqual({ parcels: [{ locationId: 'far', lines: [line('1', 'A', 1), line('2', 'B', 1)] }], unavailable: [] });
});

test('of locations that serve equally well, the nearest sends: country, postal code, priority, id', () => {
  const choose = (...places: Place[]) =>
    plan({ lines: [line('1', 'A', 1)], destination: berlin, places, stock: places.map(({ id }) => free('A', id, 1)) }).parcels[0]
      ?.locationId;
  expect(choose(place('abroad', 'AT', '10999'), place('home', 'DE', '80331'))).toBe('home');
  expect(choose(place('hamburg', 'DE', '20457', 1), place('berlin', 'DE', '10115', 9))).toBe('berlin');
  expect(choose(place('a', 'DE', '10115', 2), place('b', 'DE', '10117', 1))).toBe('b');
  expect(choose(place('b'), place('a'))).toBe('a');
});

test('only the named location serves an order that is bound to it', () => {
  const result = plan({
    lines: [line('1', 'A', 3)],
    destination: { locationId: 'shop' },
    places: [place('shop'), place('warehouse')],
    stock: [free('A', 'shop', 2), free('A', 'warehouse', 50)],
  });
  expect(result).toEqual({ parcels: [{ locationId: 'shop', lines: [line('1', 'A', 2)] }], unavailable: [line('1', 'A', 1)] });
});

test('a SKU comes from one location where one has all of it, and lines that share a SKU are served in turn', () => {
  const result = plan({
    lines: [line('1', 'A', 4), line('2', 'B', 1), line('3', 'A', 4)],
    destination: berlin,
    places: [place('near'), place('far', 'DE', '80331')],
    stock: [free('A', 'near', 6), free('A', 'far', 8), free('B', 'near', 1)],
  });
  expect(result.parcels).toEqual([
    { locationId: 'near', lines: [line('2', 'B', 1)] },
    { locationId: 'far', lines: [line('1', 'A', 4), line('3', 'A', 4)] },
  ]);
});

const skus = ['A', 'B', 'C', 'D'];
const inputs = (maxPlaces: number): fc.Arbitrary<PlanInput> =>
  fc.record({
    lines: fc
      .array(fc.record({ sku: fc.constantFrom(...skus), quantity: fc.integer({ min: 1, max: 12 }) }), { minLength: 1, maxLength: 6 })
      .map((lines) => lines.map((entry, index) => ({ lineId: `l${index}`, ...entry }))),
    destination: fc.constant(berlin),
    places: fc.constant(Array.from({ length: maxPlaces }, (_, index) => place(`p${index}`, index % 3 ? 'DE' : 'FR', `${10 + index}115`))),
    stock: fc.uniqueArray(
      fc.record({
        sku: fc.constantFrom(...skus),
        locationId: fc.nat(maxPlaces - 1).map((index) => `p${index}`),
        free: fc.integer({ min: 0, max: 9 }),
      }),
      { selector: ({ sku, locationId }) => `${sku} ${locationId}`, maxLength: maxPlaces * skus.length },
    ),
  });

const total = (entries: readonly { quantity: number }[]) => entries.reduce((sum, { quantity }) => sum + quantity, 0);

test.each([5, 14])('a plan sends all there is, never more than a location has, and nobody in vain (%i locations)', (places) => {
  fc.assert(
    fc.property(inputs(places), (input) => {
      const { parcels, unavailable } = plan(input);
      expect(new Set(parcels.map(({ locationId }) => locationId)).size).toBe(parcels.length);
      const sent = parcels.flatMap(({ locationId, lines }) => lines.map((entry) => ({ locationId, ...entry })));
      for (const { lineId, quantity } of input.lines) {
        const parts = [...sent, ...unavailable].filter((entry) => entry.lineId === lineId);
        expect(total(parts)).toBe(quantity);
        expect(parts.every((part) => part.quantity > 0)).toBe(true);
      }
      for (const sku of skus) {
        const stock = input.stock.filter((entry) => entry.sku === sku);
        const wanted = total(input.lines.filter((entry) => entry.sku === sku));
        const there = stock.reduce((sum, entry) => sum + entry.free, 0);
        expect(total(sent.filter((entry) => entry.sku === sku))).toBe(Math.min(wanted, there));
        for (const { locationId, free: units } of stock) {
          expect(total(sent.filter((entry) => entry.sku === sku && entry.locationId === locationId))).toBeLessThanOrEqual(units);
        }
      }
      expect(plan({ ...input, places: input.places.toReversed(), stock: input.stock.toReversed() })).toEqual({ parcels, unavailable });
    }),
  );
});

test('up to eight locations, no smaller number of parcels could send as much', () => {
  fc.assert(
    fc.property(inputs(6), (input) => {
      const { parcels } = plan(input);
      const sent = total(parcels.flatMap(({ lines }) => lines));
      const ids = input.places.map(({ id }) => id);
      for (let mask = 0; mask < 2 ** ids.length; mask++) {
        const chosen = new Set(ids.filter((_, index) => mask & (1 << index)));
        if (chosen.size >= parcels.length) continue;
        const possible = skus.reduce((sum, sku) => {
          const there = input.stock.filter((entry) => entry.sku === sku && chosen.has(entry.locationId));
          const wanted = total(input.lines.filter((entry) => entry.sku === sku));
          return (
            sum +
            Math.min(
              wanted,
              there.reduce((units, entry) => units + entry.free, 0),
            )
          );
        }, 0);
        expect(possible).toBeLessThan(sent);
      }
    }),
  );
});

test('a thousand locations are planned in a moment', () => {
  const places = Array.from({ length: 1_000 }, (_, index) => place(`p${String(index).padStart(4, '0')}`));
  const stock = places.map(({ id }, index) => free(`S${index % 50}`, id, 1));
  const lines = Array.from({ length: 50 }, (_, index) => line(`${index}`, `S${index}`, 4));
  const started = performance.now();
  const { parcels, unavailable } = plan({ lines, destination: berlin, places, stock });
  expect(parcels).toHaveLength(200);
  expect(unavailable).toEqual([]);
  expect(performance.now() - started).toBeLessThan(5_000);
});
