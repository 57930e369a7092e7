import { createNoopMeter } from '@opentelemetry/api';
import { openTestDatabase } from '@waybill/embedded/test-database';
import { type Kysely, sql } from 'kysely';
import { expect, onTestFinished, test } from 'vitest';
import type { Subscription } from './bus.ts';
import { createLocalBus } from './bus-local.ts';
import type { EventEnvelope } from './events.ts';
import { type InboxOptions, startInbox } from './inbox.ts';
import { silentLogger } from './log.ts';
import type { Consumer } from './service.ts';

const meter = createNoopMeter();

const event = (subject: string, sequence: number, type = 'order.completed'): EventEnvelope => ({
  specversion: '1.0',
  id: `${subject}/${sequence}`,
  source: 'waybill/orders',
  type,
  subject,
  time: '2026-01-01T00:00:00.000Z',
  datacontenttype: 'application/json',
  sequence,
  data: { orderId: subject },
});

/** A service whose consumer writes down what it handled, in the handling transaction. */
async function openBed(before: (event: EventEnvelope) => void | Promise<void> = () => {}) {
  const bed = await openTestDatabase<unknown>({ folders: [] });
  onTestFinished(() => bed[Symbol.asyncDispose]());
  await sql`create table effect (n bigint generated always as identity, event_id text)`.execute(bed.database.db);
  const consumer: Consumer<unknown> = {
    name: 'release-stock',
    source: 'orders',
    types: ['order.completed', 'order.cancelled'],
    async handle(received, tx) {
      await sql`insert into effect (event_id) values (${received.id})`.execute(tx);
      await before(received);
    },
  };
  const subscription: Subscription = { service: 'inventory', database: bed.database, consumers: [consumer] };
  const inbox = (options: Partial<InboxOptions> = {}) => {
    const running = startInbox({ subscription, log: silentLogger, meter, pollMs: 20, retryMs: 100, ...options });
    onTestFinished(() => running.stop());
    return running;
  };
  const effects = async () =>
    (await sql<{ event_id: string }>`select event_id from effect order by n`.execute(bed.database.db)).rows.map((row) => row.event_id);
  return { ...bed, subscription, inbox, effects };
}

const count = async (db: Kysely<unknown>, where: string) =>
  (await sql<{ n: number }>`select count(*)::int as n from inbox where ${sql.raw(where)}`.execute(db)).rows[0]?.n;

test('an event delivered twice, and out of order, is handled once', async () => {
  const bed = await openBed();
  const bus = createLocalBus([bed.subscription], () => {});
  await bus.publish('orders', [event('ord_1', 3), event('ord_1', 1)]);
  await bus.publish('orders', [event('ord_1', 1), event('ord_1', 2), event('ord_2', 1, 'order.cancelled')]);
  bed.inbox();
  await expect.poll(bed.effects).toHaveLength(4);
  await bus.publish('orders', [event('ord_1', 1), event('ord_1', 2), event('ord_1', 3), event('ord_1', 4)]);
  await expect.poll(bed.effects).toHaveLength(5);
  expect((await bed.effects()).filter((id) => id.startsWith('ord_1'))).toEqual(['ord_1/1', 'ord_1/2', 'ord_1/3', 'ord_1/4']);
});

test('only the events that a consumer asked for reach it', async () => {
  const bed = await openBed();
  const woken: string[] = [];
  const bus = createLocalBus([bed.subscription], (service) => woken.push(service));
  await bus.publish('orders', [event('ord_1', 1, 'order.placed')]);
  await bus.publish('billing', [event('pay_1', 1)]);
  expect(await count(bed.database.db, 'true')).toBe(0);
  expect(woken).toEqual([]);
  await bus.publish('orders', [event('ord_1', 2)]);
  expect(await count(bed.database.db, 'true')).toBe(1);
  expect(woken).toEqual(['inventory']);
});

test('an event whose handling fails holds up its own aggregate only, leaves nothing behind, and is tried again ever later', async () => {
  let poisoned = true;
  const tries: number[] = [];
  const bed = await openBed((received) => {
    if (received.id !== 'ord_1/2') return;
    tries.push(performance.now());
    if (poisoned) throw new Error('the reservation is odd');
  });
  const bus = createLocalBus([bed.subscription], () => {});
  await bus.publish('orders', [event('ord_1', 1), event('ord_1', 2), event('ord_1', 3), event('ord_2', 1)]);
  bed.inbox();
  await expect.poll(() => tries.length, { timeout: 10_000 }).toBe(4);
  expect(await bed.effects()).toEqual(expect.arrayContaining(['ord_1/1', 'ord_2/1']));
  expect(await bed.effects()).toHaveLength(2);
  const [first = 0, second = 0, third = 0, fourth = 0] = tries;
  expect(third - second).toBeGreaterThan(second - first);
  expect(fourth - third).toBeGreaterThan(third - second);
  const held = await sql<{ last_error: string }>`select last_error from inbox where event_id = 'ord_1/2'`.execute(bed.database.db);
  expect(held.rows).toEqual([{ last_error: 'the reservation is odd' }]);
  poisoned = false;
  await expect.poll(bed.effects, { timeout: 10_000 }).toHaveLength(4);
  expect((await bed.effects()).filter((id) => id.startsWith('ord_1'))).toEqual(['ord_1/1', 'ord_1/2', 'ord_1/3']);
});

test('several inboxes over one database handle each event once, in order within its aggregate', async () => {
  const bed = await openBed(() => new Promise((resolve) => setImmediate(resolve)));
  const bus = createLocalBus([bed.subscription], () => {});
  const aggregates = 20;
  const each = 15;
  const inboxes = [bed.inbox({ pollMs: 5 }), bed.inbox({ pollMs: 5 })];
  for (let sequence = 1; sequence <= each; sequence++) {
    await bus.publish(
      'orders',
      Array.from({ length: aggregates }, (_, index) => event(`ord_${index}`, sequence)),
    );
    for (const inbox of inboxes) inbox.wake();
  }
  await expect.poll(bed.effects, { timeout: 20_000 }).toHaveLength(aggregates * each);
  const effects = await bed.effects();
  for (let index = 0; index < aggregates; index++)
    expect(effects.filter((id) => id.startsWith(`ord_${index}/`))).toEqual(Array.from({ length: each }, (_, n) => `ord_${index}/${n + 1}`));
});

test('an event that comes late is still handled before a later one of its aggregate that waits its turn', async () => {
  const gate = Promise.withResolvers<void>();
  let busy = 0;
  const bed = await openBed(async (received) => {
    if (!received.subject.startsWith('ord_a')) return;
    busy++;
    await gate.promise;
  });
  const bus = createLocalBus([bed.subscription], () => {});
  await bus.publish('orders', [...[1, 2, 3, 4].map((n) => event(`ord_a${n}`, 1)), event('ord_z', 2)]);
  bed.inbox();
  await expect.poll(() => busy).toBe(4); // all hands are full, and ord_z/2 is next
  await bus.publish('orders', [event('ord_z', 1)]);
  gate.resolve();
  await expect.poll(bed.effects).toHaveLength(6);
  expect((await bed.effects()).filter((id) => id.startsWith('ord_z'))).toEqual(['ord_z/1', 'ord_z/2']);
});

test('handled events are forgotten after their time, unhandled ones never', async () => {
  const bed = await openBed((received) => {
    if (received.subject === 'ord_stuck') throw new Error('no');
  });
  const bus = createLocalBus([bed.subscription], () => {});
  await bus.publish('orders', [event('ord_stuck', 1), event('ord_old', 1), event('ord_new', 1)]);
  const first = bed.inbox();
  await expect.poll(bed.effects).toHaveLength(2);
  await first.stop();
  await sql`update inbox set received_at = now() - interval '15 days' where aggregate_id <> 'ord_new'`.execute(bed.database.db);
  bed.inbox();
  await expect.poll(() => count(bed.database.db, 'true')).toBe(2);
  expect(await count(bed.database.db, "aggregate_id = 'ord_old'")).toBe(0);
});
