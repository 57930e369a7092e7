import { metrics } from '@opentelemetry/api';
import { openTestDatabase } from '@waybill/embedded/test-database';
import { WaybillError } from '@waybill/kernel/errors';
import fc from 'fast-check';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { createInventoryCalls } from './calls.ts';
import type { InventoryCalls, ReserveStockInput } from './contract.ts';
import { createInventoryMetrics } from './metrics.ts';
import { createLevelStore } from './store/levels.ts';
import { createReservationStore } from './store/reservations.ts';
import type { InventoryTables } from './tables.ts';
import { createLeaseLoop, createOrderConsumer } from './worker.ts';

async function openInventory(options: { leaseMs?: number; max?: number } = {}) {
  const opened = await openTestDatabase<InventoryTables>({ folders: [new URL('./migrations/', import.meta.url)], max: options.max ?? 10 });
  const { db } = opened.database;
  await db
    .insertInto('location')
    .values([
      { id: 'loc_north', name: 'North', country: 'DE', postal_code: '20457', priority: 1 },
      { id: 'loc_south', name: 'South', country: 'DE', postal_code: '80331', priority: 2 },
      { id: 'loc_west', name: 'West', country: 'FR', postal_code: '75001', priority: 3 },
    ])
    .execute();
  const store = createReservationStore(db);
  const levels = createLevelStore(db);
  const inventoryMetrics = createInventoryMetrics(metrics.getMeter('test'));
  const deps = { store, metrics: inventoryMetrics, onChange: () => {} };
  return {
    ...createInventoryCalls({ ...deps, leaseMs: options.leaseMs ?? 60_000 }),
    db,
    store,
    sweep: () => createLeaseLoop({ ...deps, everyMs: 1_000 }).run(new AbortController().signal),
    consumer: createOrderConsumer(deps),
    stock: (sku: string, locationId: string, delta: number) =>
      levels.adjust({ sku, locationId, delta, reason: 'delivery', actor: 'test', key: undefined }),
    level: (sku: string, locationId: string) => levels.level(sku, locationId),
    endLeases: () =>
      db
        .updateTable('reservation')
        .set({ expires_at: new Date(0) })
        .where('status', '=', 'leased')
        .execute(),
    /** What must hold at any moment, whatever happened before. */
    async audit() {
      const { rows: levels } = await sql<Record<string, number>>`
        select s.on_hand, s.reserved, s.version,
          (select coalesce(sum(quantity), 0)::integer from reservation_line l
            where l.sku = s.sku and l.location_id = s.location_id and l.status = 'held') as held,
          (select coalesce(sum(delta), 0)::integer from movement m where m.sku = s.sku and m.location_id = s.location_id) as moved,
          (select count(*)::integer from outbox o where o.aggregate_id = 'stk_' || s.location_id || ':' || s.sku) as told,
          (select max(sequence) from outbox o where o.aggregate_id = 'stk_' || s.location_id || ':' || s.sku) as last
        from stock s`.execute(db);
      for (const level of levels) {
        expect(level['reserved']).toBe(level['held']);
        expect(level['on_hand']).toBe(level['moved']);
        expect(level['reserved']).toBeGreaterThanOrEqual(0);
        expect(level['reserved']).toBeLessThanOrEqual(level['on_hand']!);
        expect([level['told'], level['last']]).toEqual([level['version'], level['version']]);
      }
      const { rows: leaks } = await sql`
        select 1 from reservation_line l join reservation r using (order_id, generation)
        where l.status = 'held' and r.status in ('released', 'expired') or l.status = 'dispatched' and r.committed_at is null`.execute(db);
      expect(leaks).toEqual([]);
    },
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

const order = (orderId: string, lines: Record<string, number>, generation = 1): ReserveStockInput => ({
  orderId,
  generation,
  lines: Object.entries(lines).map(([sku, quantity], index) => ({ lineId: `${orderId}-${index}`, sku, quantity })),
  destination: { country: 'DE', postalCode: '20095' },
});
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'fine',
    (error: unknown) => (error instanceof WaybillError ? error.code : error),
  );

test('an order over two locations is reserved, committed and dispatched, and every repeat gets the first answer', async () => {
  await using inventory = await openInventory();
  await inventory.stock('MUG', 'loc_north', 10);
  await inventory.stock('CAP', 'loc_south', 5);
  const input = order('o1', { MUG: 2, CAP: 3, VINYL: 1 });
  const reserved = await inventory.reserveStock(input);
  expect(reserved.parcels).toEqual([
    { locationId: 'loc_north', lines: [{ lineId: 'o1-0', sku: 'MUG', quantity: 2 }] },
    { locationId: 'loc_south', lines: [{ lineId: 'o1-1', sku: 'CAP', quantity: 3 }] },
  ]);
  expect(reserved.unavailable).toEqual([{ lineId: 'o1-2', sku: 'VINYL', quantity: 1 }]);
  expect(new Date(reserved.expiresAt ?? 0).getTime()).toBeGreaterThan(Date.now());
  expect(await inventory.level('MUG', 'loc_north')).toMatchObject({ onHand: 10, reserved: 2 });
  expect(await inventory.reserveStock(input)).toEqual(reserved);
  expect(await inventory.reserveStock({ ...input, lines: [{ lineId: 'x', sku: 'MUG', quantity: 9 }] })).toEqual(reserved);

  const key = { orderId: 'o1', generation: 1 };
  const north = { ...key, locationId: 'loc_north' };
  expect(await codeOf(inventory.dispatchStock(north))).toBe('conflict');
  expect(await inventory.commitStock(key)).toEqual({ outcome: 'committed' });
  expect(await inventory.commitStock(key)).toEqual({ outcome: 'committed' });
  expect(await inventory.dispatchStock(north)).toEqual({ dispatched: 2 });
  expect(await inventory.dispatchStock(north)).toEqual({ dispatched: 2 });
  expect(await inventory.level('MUG', 'loc_north')).toMatchObject({ onHand: 8, reserved: 0 });
  expect(await codeOf(inventory.dispatchStock({ ...key, locationId: 'loc_west' }))).toBe('not_found');

  const south = { ...key, locationId: 'loc_south' };
  expect(await inventory.releaseStock(south)).toEqual({ released: 3 });
  expect(await inventory.releaseStock(south)).toEqual({ released: 3 });
  expect(await codeOf(inventory.dispatchStock(south))).toBe('conflict');
  expect(await inventory.releaseStock(key)).toEqual({ released: 3 });
  expect(await inventory.commitStock(key)).toEqual({ outcome: 'committed' });
  expect(await codeOf(inventory.reserveStock(input))).toBe('conflict');
  await inventory.audit();
});

test('a reservation that lacks nothing is committed at once where that is asked for, and only then', async () => {
  await using inventory = await openInventory();
  await inventory.stock('MUG', 'loc_north', 10);
  const whole = { ...order('o1', { MUG: 2 }), commitIfComplete: true };
  const reserved = await inventory.reserveStock(whole);
  expect(reserved.expiresAt).toBeNull();
  expect(await inventory.reserveStock(whole)).toEqual(reserved);
  expect(await inventory.commitStock({ orderId: 'o1', generation: 1 })).toEqual({ outcome: 'committed' });
  expect(await inventory.dispatchStock({ orderId: 'o1', generation: 1, locationId: 'loc_north' })).toEqual({ dispatched: 2 });

  const partial = { ...order('o2', { MUG: 9 }), commitIfComplete: true };
  expect((await inventory.reserveStock(partial)).expiresAt).not.toBeNull();
  expect(await codeOf(inventory.dispatchStock({ orderId: 'o2', generation: 1, locationId: 'loc_north' }))).toBe('conflict');
  await inventory.audit();
});

test('a release that comes first leaves a tombstone which refuses the late reservation', async () => {
  await using inventory = await openInventory();
  await inventory.stock('MUG', 'loc_north', 10);
  const key = { orderId: 'o1', generation: 1 };
  expect(await codeOf(inventory.commitStock(key))).toBe('not_found');
  expect(await codeOf(inventory.dispatchStock({ ...key, locationId: 'loc_north' }))).toBe('not_found');
  expect(await inventory.releaseStock(key)).toEqual({ released: 0 });
  expect(await inventory.releaseStock(key)).toEqual({ released: 0 });
  expect(await codeOf(inventory.reserveStock(order('o1', { MUG: 1 })))).toBe('conflict');
  expect(await codeOf(inventory.commitStock(key))).toBe('conflict');
  expect(await codeOf(inventory.reserveStock(order('o1', { MUG: 1 }, 2)))).toBe('fine');
  await inventory.audit();
});

test('a lease that ran out gives its stock back once, a committed one keeps it', async () => {
  await using inventory = await openInventory({ leaseMs: 1 });
  await inventory.stock('MUG', 'loc_north', 10);
  const kept = await inventory.reserveStock(order('o1', { MUG: 2 }));
  await inventory.commitStock({ orderId: 'o1', generation: 1 });
  await inventory.reserveStock(order('o2', { MUG: 3 }));
  await inventory.endLeases();
  expect(await inventory.sweep()).toBe(false);
  await inventory.sweep();
  expect(await inventory.level('MUG', 'loc_north')).toMatchObject({ reserved: 2 });
  expect(await inventory.commitStock({ orderId: 'o2', generation: 1 })).toEqual({ outcome: 'expired' });
  expect(await codeOf(inventory.dispatchStock({ orderId: 'o2', generation: 1, locationId: 'loc_north' }))).toBe('conflict');
  expect(await inventory.releaseStock({ orderId: 'o2', generation: 1 })).toEqual({ released: 3 });
  expect(await inventory.commitStock({ orderId: 'o2', generation: 1 })).toEqual({ outcome: 'expired' });
  expect(await inventory.reserveStock(order('o1', { MUG: 2 }))).toEqual(kept);
  expect((await inventory.reserveStock(order('o2', { MUG: 3 }, 2))).parcels).toHaveLength(1);
  await inventory.audit();
});

test('leases that run out are given back in batches', async () => {
  await using inventory = await openInventory();
  await inventory.stock('MUG', 'loc_north', 500);
  await Promise.all(Array.from({ length: 150 }, (_, index) => inventory.reserveStock(order(`o${index}`, { MUG: 1 }))));
  await inventory.endLeases();
  expect(await inventory.sweep()).toBe(true);
  expect(await inventory.level('MUG', 'loc_north')).toMatchObject({ reserved: 50 });
  expect(await inventory.sweep()).toBe(false);
  expect(await inventory.level('MUG', 'loc_north')).toMatchObject({ reserved: 0 });
  await inventory.audit();
});

test('an order that ended holds nothing any more, whatever it had reserved', async () => {
  await using inventory = await openInventory();
  await inventory.stock('MUG', 'loc_north', 10);
  await inventory.stock('CAP', 'loc_south', 10);
  await inventory.reserveStock(order('ord_1', { MUG: 2 }));
  await inventory.reserveStock(order('ord_1', { MUG: 1, CAP: 4 }, 2));
  await inventory.commitStock({ orderId: 'ord_1', generation: 2 });
  await inventory.dispatchStock({ orderId: 'ord_1', generation: 2, locationId: 'loc_south' });
  await inventory.reserveStock(order('ord_2', { MUG: 5 }));
  const event = {
    specversion: '1.0' as const,
    id: 'ord_1/9',
    source: 'waybill/orders',
    type: 'order.partiallyCompleted',
    subject: 'ord_1',
    time: new Date().toISOString(),
    datacontenttype: 'application/json' as const,
    sequence: 9,
    data: { orderId: 'ord_1', status: 'partiallyCompleted' },
  };
  for (let time = 0; time < 2; time++) await inventory.db.transaction().execute((tx) => inventory.consumer.handle(event, tx));
  expect(await inventory.level('MUG', 'loc_north')).toMatchObject({ onHand: 10, reserved: 5 });
  expect(await inventory.level('CAP', 'loc_south')).toMatchObject({ onHand: 6, reserved: 0 });
  expect(await codeOf(inventory.reserveStock(order('ord_1', { MUG: 2 })))).toBe('conflict');
  await inventory.audit();
});

test('of 200 orders at once for 50 units, exactly 50 get one', async () => {
  await using inventory = await openInventory({ max: 40 });
  await inventory.stock('MUG', 'loc_north', 30);
  await inventory.stock('MUG', 'loc_south', 20);
  const results = await Promise.all(Array.from({ length: 200 }, (_, index) => inventory.reserveStock(order(`o${index}`, { MUG: 1 }))));
  expect(results.filter(({ parcels }) => parcels.length === 1)).toHaveLength(50);
  expect(results.filter(({ unavailable }) => unavailable.length === 1)).toHaveLength(150);
  await inventory.audit();
});

test('orders that want several SKUs in any order and from more than one place neither deadlock nor starve', async () => {
  await using inventory = await openInventory({ max: 40 });
  const skus = ['A', 'B', 'C', 'D'];
  for (const sku of skus) for (const place of ['loc_north', 'loc_south', 'loc_west']) await inventory.stock(sku, place, 60);
  const work = Array.from({ length: 120 }, async (_, index) => {
    const turned = [...skus.slice(index % 4), ...skus.slice(0, index % 4)];
    const result = await inventory.reserveStock(order(`o${index}`, Object.fromEntries(turned.map((sku, place) => [sku, 1 + place]))));
    const key = { orderId: `o${index}`, generation: 1 };
    if (index % 3 === 0) return inventory.releaseStock(key);
    await inventory.commitStock(key);
    for (const { locationId } of result.parcels) await inventory.dispatchStock({ ...key, locationId });
  });
  await Promise.all(work);
  await inventory.audit();
  const { rows } = await sql<{ held: number }>`select coalesce(sum(reserved), 0)::integer as held from stock`.execute(inventory.db);
  expect(rows[0]?.held).toBe(0);
});

test('one large order is served among many small ones that empty the same row', async () => {
  await using inventory = await openInventory({ max: 40 });
  await inventory.stock('MUG', 'loc_north', 400);
  let stop = false;
  let next = 0;
  const small = Array.from({ length: 20 }, async () => {
    while (!stop) {
      const result = await inventory.reserveStock(order(`s${next++}`, { MUG: 1 }));
      if (result.parcels.length === 0) return;
    }
  });
  const large = await inventory.reserveStock(order('large', { MUG: 1_000 }));
  stop = true;
  await Promise.all(small);
  const got = large.parcels.flatMap(({ lines }) => lines).reduce((sum, { quantity }) => sum + quantity, 0);
  expect(got + (large.unavailable[0]?.quantity ?? 0)).toBe(1_000);
  await inventory.audit();
});

test('the same step from many callers at once happens once', async () => {
  await using inventory = await openInventory({ max: 20 });
  await inventory.stock('MUG', 'loc_north', 10);
  const key = { orderId: 'o1', generation: 1 };
  const twenty = <T>(step: () => Promise<T>) => Promise.all(Array.from({ length: 20 }, step));
  const reserved = await twenty(() => inventory.reserveStock(order('o1', { MUG: 3 })));
  expect(reserved).toEqual(reserved.map(() => reserved[0]));
  expect(await inventory.level('MUG', 'loc_north')).toMatchObject({ onHand: 10, reserved: 3 });
  await twenty(() => inventory.commitStock(key));
  const sent = await twenty(() => inventory.dispatchStock({ ...key, locationId: 'loc_north' }));
  expect(sent).toEqual(sent.map(() => ({ dispatched: 3 })));
  expect(await inventory.level('MUG', 'loc_north')).toMatchObject({ onHand: 7, reserved: 0 });
  await inventory.audit();
});

test('a reservation and its release at the same moment leave nothing held', async () => {
  await using inventory = await openInventory({ max: 20 });
  await inventory.stock('MUG', 'loc_north', 1_000);
  for (let round = 0; round < 40; round++) {
    const orderId = `o${round}`;
    const steps = [
      codeOf(inventory.reserveStock(order(orderId, { MUG: 5 }))),
      codeOf(inventory.reserveStock(order(orderId, { MUG: 5 }))),
      inventory.releaseStock({ orderId, generation: 1 }),
      inventory.releaseStock({ orderId, generation: 1 }),
    ];
    await Promise.all(round % 2 ? steps : steps.toReversed());
  }
  expect(await inventory.level('MUG', 'loc_north')).toMatchObject({ onHand: 1_000, reserved: 0 });
  await inventory.audit();
});

type Step = {
  order: number;
  generation: number;
  kind: 'reserve' | 'commit' | 'release' | 'releasePart' | 'dispatch' | 'end';
  place: number;
};
const step = fc.record<Step>({
  order: fc.nat(3),
  generation: fc.integer({ min: 1, max: 2 }),
  kind: fc.constantFrom('reserve', 'reserve', 'commit', 'commit', 'release', 'releasePart', 'dispatch', 'dispatch', 'end'),
  place: fc.nat(1),
});

test('any interleaving of any steps of several orders keeps stock, holds, movements and events in agreement', async () => {
  await using inventory = await openInventory({ max: 20 });
  const skus = ['A', 'B', 'C'];
  for (const sku of skus) for (const place of ['loc_north', 'loc_south']) await inventory.stock(sku, place, 40);
  let run = 0;
  const perform = async (prefix: string, { order: number, generation, kind, place }: Step) => {
    const orderId = `${prefix}-${number}`;
    const key = { orderId, generation };
    const locationId = place ? 'loc_north' : 'loc_south';
    const lines = Object.fromEntries(skus.slice(number % 3).map((sku, index) => [sku, 1 + ((number + index) % 3)]));
    const calls: Record<Step['kind'], () => Promise<unknown>> = {
      reserve: () => inventory.reserveStock(order(orderId, lines, generation)),
      commit: () => inventory.commitStock(key),
      release: () => inventory.releaseStock(key),
      releasePart: () => inventory.releaseStock({ ...key, locationId }),
      dispatch: () => inventory.dispatchStock({ ...key, locationId }),
      end: async () => {
        await inventory.endLeases();
        await inventory.sweep();
      },
    };
    const outcome = await codeOf(calls[kind]());
    expect(['fine', 'conflict', 'not_found']).toContain(outcome);
  };
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(step, { minLength: 1, maxLength: 10 }), { minLength: 2, maxLength: 5 }), async (waves) => {
      const prefix = `run${run++}`;
      for (const wave of waves) {
        await Promise.all(wave.map((entry) => perform(prefix, entry)));
        await inventory.audit();
      }
    }),
    { numRuns: 150 },
  );
});

test('quantities and lines that make no sense are refused by name, and nothing is recorded', async () => {
  await using inventory = await openInventory();
  await inventory.stock('MUG', 'loc_north', 10);
  const fieldsOf = async (input: ReserveStockInput, calls: InventoryCalls = inventory) =>
    calls.reserveStock(input).catch((error: unknown) => (error instanceof WaybillError ? error.errors.map(({ field }) => field) : error));
  for (const quantity of [0, -3, 1.5, Number.NaN, 1e12]) {
    expect(await fieldsOf(order('o1', { MUG: quantity }))).toEqual(['lines[0].quantity']);
  }
  expect(await fieldsOf({ ...order('o1', {}), generation: -1 })).toEqual(['generation', 'lines']);
  const twice = { lineId: 'l1', sku: 'MUG', quantity: 1 };
  expect(await fieldsOf({ ...order('o1', {}), lines: [twice, twice] })).toEqual(['lines[1].lineId']);
  expect((await inventory.reserveStock(order('o1', { MUG: 1 }))).parcels).toHaveLength(1);
  await inventory.audit();
});
