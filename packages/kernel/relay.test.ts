import { createNoopMeter } from '@opentelemetry/api';
import { openTestDatabase } from '@waybill/embedded/test-database';
import { sql } from 'kysely';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import type { Bus } from './bus.ts';
import { WaybillError } from './errors.ts';
import type { EventEnvelope, RelaySignal } from './events.ts';
import { eventsChannel } from './listen.ts';
import { silentLogger } from './log.ts';
import { insertOutbox, type OutboxRow } from './outbox.ts';
import { type RelayOptions, startRelay } from './relay.ts';

const meter = createNoopMeter();

/** A bus that remembers, and fails when told to. */
function recordingBus(
  before: (events: readonly EventEnvelope[]) => void | Promise<void> = () => {},
): Bus & { events: EventEnvelope[]; ids(): string[] } {
  const events: EventEnvelope[] = [];
  return {
    events,
    ids: () => events.map((event) => event.id),
    async publish(_source, batch) {
      await before(batch);
      events.push(...batch);
    },
    async close() {},
  };
}

async function openBed() {
  const bed = await openTestDatabase<unknown>({ folders: [] });
  onTestFinished(() => bed[Symbol.asyncDispose]());
  const relay = (options: Pick<RelayOptions<unknown>, 'bus'> & Partial<RelayOptions<unknown>>) => {
    const running = startRelay({
      service: 'orders',
      database: bed.database,
      signal: async () => {},
      log: silentLogger,
      meter,
      pollMs: 20,
      ...options,
    });
    onTestFinished(() => running.stop());
    return running;
  };
  const write = (...rows: OutboxRow[]) => insertOutbox(bed.database.db, rows);
  const unpublished = async () => {
    const { rows } = await sql<{ n: number }>`select count(*)::int as n from outbox where published_at is null`.execute(bed.database.db);
    return rows[0]?.n;
  };
  const sessions = async (name: string) => {
    const { rows } = await sql<{ n: number }>`
      select count(*)::int as n from pg_stat_activity where application_name = ${name} and datname = current_database()`.execute(
      bed.database.db,
    );
    return rows[0]?.n;
  };
  return { ...bed, relay, write, unpublished, sessions };
}

const event = (aggregateId: string, sequence: number, rest: Partial<OutboxRow> = {}): OutboxRow => ({
  aggregateId,
  sequence,
  type: 'order.changed',
  data: { orderId: aggregateId, status: 'processing' },
  ...rest,
});
const signalTo = (workflowId: string): { signal: RelaySignal } => ({ signal: { workflowId, name: 'fact', args: [{ id: 1 }] } });

test('events are published once each, in order within their aggregate, as CloudEvents', async () => {
  const bed = await openBed();
  const bus = recordingBus();
  await bed.write(
    event('ord_2', 1),
    event('ord_1', 2),
    event('ord_1', 1),
    event('ord_1', 3, { data: { text: 'a "quoted" word, \u00e9, {}' } }),
  );
  await bed.write(event('ord_1', 1, { data: { other: true } }));
  const relay = bed.relay({ bus });
  await expect.poll(bed.unpublished).toBe(0);
  expect(bus.ids()).toEqual(['ord_1/1', 'ord_1/2', 'ord_1/3', 'ord_2/1']);
  expect(bus.events[2]).toMatchObject({
    specversion: '1.0',
    id: 'ord_1/3',
    source: 'waybill/orders',
    subject: 'ord_1',
    type: 'order.changed',
    sequence: 3,
    data: { text: 'a "quoted" word, \u00e9, {}' },
    time: expect.stringMatching(/^\d{4}-.*Z$/),
  });
  expect(bus.events[0]?.data).toEqual({ orderId: 'ord_1', status: 'processing' });
  await bed.write(event('ord_0', 1));
  relay.wake();
  await expect.poll(bus.ids).toContain('ord_0/1');
});

test('live readers are told which aggregates changed', async () => {
  const bed = await openBed();
  const heard: string[] = [];
  const client = new pg.Client({ connectionString: bed.url });
  onTestFinished(() => client.end());
  await client.connect();
  client.on('notification', ({ payload }) => heard.push(...(payload ?? '').split(',')));
  await client.query(`listen ${eventsChannel}`);
  const ids = Array.from({ length: 600 }, (_, index) => `ord_${String(index).padStart(26, '0')}`);
  await bed.write(...ids.map((id) => event(id, 1)));
  bed.relay({ bus: recordingBus() });
  await expect.poll(() => heard.toSorted()).toEqual(ids);
});

test('a batch that fails is published again, and nothing is marked before it is', async () => {
  const bed = await openBed();
  let failures = 3;
  const bus = recordingBus(() => {
    if (failures-- > 0) throw new WaybillError('unavailable', 'the broker is away');
  });
  await bed.write(event('ord_1', 1), event('ord_1', 2));
  bed.relay({ bus });
  await expect.poll(bed.unpublished, { timeout: 10_000 }).toBe(0);
  expect(bus.ids()).toEqual(['ord_1/1', 'ord_1/2']);
});

test('an event that cannot be published holds up its own aggregate only, and is tried again', async () => {
  const bed = await openBed();
  let broken = true;
  const bus = recordingBus((events) => {
    if (broken && events.some((sent) => sent.id === 'ord_b/2')) throw new Error('too large');
  });
  const ids = ['ord_a/1', 'ord_b/1', 'ord_b/2', 'ord_b/3', 'ord_c/1'];
  await bed.write(event('ord_a', 1), event('ord_b', 1), event('ord_b', 2), event('ord_b', 3), event('ord_c', 1));
  bed.relay({ bus });
  await expect.poll(bed.unpublished).toBe(2);
  await bed.write(event('ord_d', 1));
  await expect.poll(bed.unpublished).toBe(2);
  expect(bus.ids()).toEqual(['ord_a/1', 'ord_b/1', 'ord_c/1', 'ord_d/1']);
  broken = false;
  await expect.poll(bed.unpublished, { timeout: 10_000 }).toBe(0);
  expect(bus.ids().filter((id) => id.startsWith('ord_b'))).toEqual(ids.filter((id) => id.startsWith('ord_b')));
});

test('a signal is taken before its event is published, in order within the aggregate', async () => {
  const bed = await openBed();
  const story: string[] = [];
  const bus = recordingBus((events) => void story.push(...events.map((sent) => sent.id)));
  await bed.write(event('shp_1', 1), event('shp_1', 2, signalTo('order/1')), event('shp_1', 3), event('shp_1', 4, signalTo('order/1')));
  bed.relay({
    bus,
    async signal(sent) {
      story.push(`${sent.workflowId} ${sent.name} ${JSON.stringify(sent.args)}`);
    },
  });
  await expect.poll(bed.unpublished).toBe(0);
  expect(story).toEqual(['shp_1/1', 'order/1 fact [{"id":1}]', 'shp_1/2', 'shp_1/3', 'order/1 fact [{"id":1}]', 'shp_1/4']);
});

test('a signal to a workflow that has ended is dropped, and its event is published', async () => {
  const bed = await openBed();
  const bus = recordingBus();
  await bed.write(event('shp_1', 1, signalTo('order/closed')), event('shp_1', 2));
  bed.relay({
    bus,
    async signal() {
      throw new WaybillError('not_found', 'this workflow is not running');
    },
  });
  await expect.poll(bed.unpublished).toBe(0);
  expect(bus.ids()).toEqual(['shp_1/1', 'shp_1/2']);
});

test('while Temporal is out of reach plain events go on, and what waits for a signal follows when it is back', async () => {
  const bed = await openBed();
  const bus = recordingBus();
  let out = true;
  let tries = 0;
  await bed.write(event('shp_1', 1), event('shp_1', 2, signalTo('order/1')), event('shp_1', 3), event('shp_2', 1, signalTo('order/2')));
  bed.relay({
    bus,
    async signal() {
      tries++;
      if (out) throw new WaybillError('unavailable', 'Temporal cannot be reached right now');
    },
  });
  await expect.poll(() => tries).toBeGreaterThan(0);
  await bed.write(event('shp_0', 1), event('shp_3', 1));
  await expect.poll(bed.unpublished).toBe(3);
  expect(bus.ids().toSorted()).toEqual(['shp_0/1', 'shp_1/1', 'shp_3/1']);
  out = false;
  await expect.poll(bed.unpublished, { timeout: 10_000 }).toBe(0);
  expect(bus.ids().filter((id) => id.startsWith('shp_1'))).toEqual(['shp_1/1', 'shp_1/2', 'shp_1/3']);
});

test('a signal that hangs delays neither plain events nor signals to others for longer than itself', async () => {
  const bed = await openBed();
  const bus = recordingBus();
  const hang = Promise.withResolvers<void>();
  await bed.write(event('shp_1', 1, signalTo('order/slow')));
  bed.relay({ bus, signal: () => hang.promise });
  await bed.write(event('shp_2', 1));
  await expect.poll(bus.ids).toEqual(['shp_2/1']);
  hang.resolve();
  await expect.poll(bus.ids).toEqual(['shp_2/1', 'shp_1/1']);
});

test('a signal that Temporal refuses holds up its own aggregate only', async () => {
  const bed = await openBed();
  const bus = recordingBus();
  let refuse = true;
  await bed.write(event('shp_1', 1, signalTo('order/bad')), event('shp_1', 2), event('shp_2', 1, signalTo('order/good')));
  bed.relay({
    bus,
    async signal(sent) {
      if (refuse && sent.workflowId === 'order/bad') throw new Error('payload too large');
    },
  });
  await expect.poll(bus.ids).toEqual(['shp_2/1']);
  await expect.poll(bed.unpublished).toBe(2);
  refuse = false;
  await expect.poll(bus.ids, { timeout: 10_000 }).toEqual(['shp_2/1', 'shp_1/1', 'shp_1/2']);
});

test('of two relays one works, and the other takes over when it loses its connection', async () => {
  const bed = await openBed();
  const [first, second] = [recordingBus(), recordingBus()];
  await bed.write(event('ord_1', 1));
  bed.relay({ bus: first });
  await expect.poll(first.ids).toEqual(['ord_1/1']);
  bed.relay({ bus: second });
  await expect.poll(() => bed.sessions('relay orders')).toBe(2); // the second is there, and waits
  for (let sequence = 2; sequence <= 20; sequence++) await bed.write(event('ord_1', sequence));
  await expect.poll(() => first.events.length).toBe(20);
  expect(second.events).toEqual([]);
  const count = 200;
  for (let sequence = 21; sequence <= count; sequence++) {
    await bed.write(event('ord_1', sequence));
    if (sequence % 50 === 0)
      await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'relay orders' and datname = current_database()`.execute(
        bed.database.db,
      );
  }
  await expect.poll(bed.unpublished, { timeout: 10_000 }).toBe(0);
  const all = [...first.events, ...second.events].map((sent) => sent.sequence);
  expect([...new Set(all)].toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
  // A batch can be there twice when the connection was lost between publishing and marking; never many.
  expect(all.length).toBeLessThan(count * 2);
  for (const bus of [first, second]) expect(firstSeen(bus.events)).toEqual(firstSeen(bus.events).toSorted((a, b) => a - b));
});

/** The sequences in the order in which each was seen for the first time. */
const firstSeen = (events: readonly EventEnvelope[]) => [...new Set(events.map((sent) => sent.sequence))];

test('a relay that stops lets the next one start at once', async () => {
  const bed = await openBed();
  const [first, second] = [recordingBus(), recordingBus()];
  const relay = bed.relay({ bus: first });
  await bed.write(event('ord_1', 1));
  await expect.poll(bed.unpublished).toBe(0);
  await relay.stop();
  bed.relay({ bus: second });
  await bed.write(event('ord_1', 2));
  await expect.poll(second.ids).toEqual(['ord_1/2']);
});

test('published events are deleted after their time, what waits is not', async () => {
  const bed = await openBed();
  const refusing = recordingBus((events) => {
    if (events.some((sent) => sent.subject === 'ord_stuck')) throw new Error('no');
  });
  await bed.write(event('ord_stuck', 1));
  for (let part = 0; part < 3; part++) await bed.write(...Array.from({ length: 1_000 }, (_, index) => event(`ord_${part}_${index}`, 1)));
  const before = bed.relay({ bus: refusing });
  await expect.poll(bed.unpublished, { timeout: 10_000 }).toBe(1);
  await sql`update outbox set published_at = now() - interval '8 days' where published_at is not null and aggregate_id <> 'ord_2_7'`.execute(
    bed.database.db,
  );
  await before.stop();
  bed.relay({ bus: refusing });
  const left = async () => (await sql<{ aggregate_id: string }>`select aggregate_id from outbox order by id`.execute(bed.database.db)).rows;
  await expect.poll(async () => (await left()).map((row) => row.aggregate_id), { timeout: 10_000 }).toEqual(['ord_stuck', 'ord_2_7']);
});

test('thousands of events a second pass the relay', async () => {
  const bed = await openBed();
  const bus = recordingBus();
  const total = 20_000;
  for (let start = 0; start < total; start += 5_000)
    await bed.write(
      ...Array.from({ length: 5_000 }, (_, index) => event(`ord_${(start + index) % 2_000}`, Math.floor((start + index) / 2_000) + 1)),
    );
  const startedAt = performance.now();
  bed.relay({ bus });
  await expect.poll(() => bus.events.length, { timeout: 30_000, interval: 10 }).toBe(total);
  const perSecond = Math.round(total / ((performance.now() - startedAt) / 1_000));
  console.info(`relay: ${perSecond} events/s`);
  expect(perSecond).toBeGreaterThan(1_000);
});
