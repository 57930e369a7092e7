import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNoopMeter } from '@opentelemetry/api';
import { Producer, stringSerializers } from '@platformatic/kafka';
import { type Kafka, startKafka } from '@waybill/embedded/kafka';
import { openTestDatabase } from '@waybill/embedded/test-database';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Subscription } from './bus.ts';
import { createKafkaBus, startKafkaConsumers } from './bus-kafka.ts';
import type { EventEnvelope } from './events.ts';
import { startInbox } from './inbox.ts';
import { silentLogger } from './log.ts';
import { insertOutbox } from './outbox.ts';
import { startRelay } from './relay.ts';

const meter = createNoopMeter();
const log = silentLogger;
const dir = mkdtempSync(join(tmpdir(), 'waybill-kafka-'));
let kafka: Kafka;

beforeAll(async () => {
  kafka = await startKafka({ dir });
}, 180_000);

afterAll(async () => {
  await kafka?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const event = (source: string, subject: string, sequence: number): EventEnvelope => ({
  specversion: '1.0',
  id: `${subject}/${sequence}`,
  source: `waybill/${source}`,
  type: 'order.changed',
  subject,
  time: '2026-01-01T00:00:00.000Z',
  datacontenttype: 'application/json',
  sequence,
  data: { orderId: subject },
});

/** A source service with a relay over Kafka, and a subscriber that writes down what it handled. `source` is the test's own topic. */
async function openBed(source: string) {
  const origin = await openTestDatabase<unknown>({ folders: [] });
  const target = await openTestDatabase<unknown>({ folders: [] });
  await sql`create table effect (n bigint generated always as identity, aggregate text, sequence integer)`.execute(target.database.db);
  const bus = createKafkaBus({ brokers: [kafka.brokers], prefix: 'waybill', clientId: 'test', log, partitions: 3 });
  onTestFinished(async () => {
    await bus.close();
    await origin[Symbol.asyncDispose]();
    await target[Symbol.asyncDispose]();
  });
  const subscription: Subscription = {
    service: `${source}-subscriber`,
    database: target.database,
    consumers: [
      {
        name: 'note',
        source,
        types: ['order.changed'],
        async handle(received, tx) {
          await sql`insert into effect (aggregate, sequence) values (${received.subject}, ${received.sequence})`.execute(tx);
        },
      },
    ],
  };
  const consume = async () => {
    const inbox = startInbox({ subscription, log, meter, pollMs: 20 });
    const consumers = await startKafkaConsumers({
      prefix: 'waybill',
      brokers: [kafka.brokers],
      subscription,
      wakeInbox: () => inbox.wake(),
      meter,
      log,
      partitions: 3,
    });
    const running = {
      async stop() {
        await consumers.stop();
        await inbox.stop();
      },
    };
    onTestFinished(() => running.stop());
    return running;
  };
  const relay = () => {
    const running = startRelay({ service: source, database: origin.database, bus, signal: async () => {}, log, meter, pollMs: 20 });
    onTestFinished(() => running.stop());
    return running;
  };
  const effects = async () =>
    (await sql<{ aggregate: string; sequence: number }>`select aggregate, sequence from effect order by n`.execute(target.database.db))
      .rows;
  const write = (aggregates: number, sequence: number) =>
    insertOutbox(
      origin.database.db,
      Array.from({ length: aggregates }, (_, index) => ({
        aggregateId: `ord_${index}`,
        sequence,
        type: 'order.changed',
        data: { orderId: `ord_${index}` },
      })),
    );
  return { bus, consume, relay, effects, write, target };
}

/** Every event once, and in order within its aggregate. */
function expectOnceInOrder(effects: readonly { aggregate: string; sequence: number }[], aggregates: number, each: number): void {
  for (let index = 0; index < aggregates; index++)
    expect(effects.filter((effect) => effect.aggregate === `ord_${index}`).map((effect) => effect.sequence)).toEqual(
      Array.from({ length: each }, (_, n) => n + 1),
    );
}

test('events reach a subscriber over Kafka, each once in effect though sent twice, and only those it asked for', async () => {
  const bed = await openBed('twice');
  await bed.consume();
  await bed.bus.publish('twice', [
    event('twice', 'ord_0', 1),
    { ...event('twice', 'ord_0', 2), type: 'order.other' },
    event('twice', 'ord_1', 1),
  ]);
  await bed.bus.publish('twice', [event('twice', 'ord_0', 1), event('twice', 'ord_0', 3)]);
  await expect.poll(bed.effects, { timeout: 20_000 }).toHaveLength(3);
  expect((await bed.effects()).filter((effect) => effect.aggregate === 'ord_0').map((effect) => effect.sequence)).toEqual([1, 3]);
});

test('a subscriber that was away gets what it missed, and goes on where it was', async () => {
  const bed = await openBed('away');
  await bed.bus.publish('away', [event('away', 'ord_0', 1)]);
  const first = await bed.consume();
  await expect.poll(bed.effects, { timeout: 20_000 }).toHaveLength(1);
  await first.stop();
  await bed.bus.publish('away', [event('away', 'ord_0', 2)]);
  // Forgotten on purpose: were the offset not committed, the first event would come, and be handled, again.
  await sql`delete from inbox`.execute(bed.target.database.db);
  await bed.consume();
  await expect.poll(bed.effects, { timeout: 20_000 }).toHaveLength(2);
  expectOnceInOrder(await bed.effects(), 1, 2);
});

test('a message that is no event is skipped, and those behind it arrive', async () => {
  const bed = await openBed('garbage');
  await bed.bus.publish('garbage', [event('garbage', 'ord_0', 1)]);
  const producer = new Producer({ clientId: 'stranger', bootstrapBrokers: [kafka.brokers], serializers: stringSerializers });
  onTestFinished(() => producer.close());
  const garbage = [
    '{"id":',
    '[]',
    '{"id":"x","subject":"ord_0","type":"order.changed","sequence":1e99,"data":{}}',
    '{"id":"\\u0000","subject":"o","type":"t","sequence":1,"data":{}}',
  ];
  await producer.send({ messages: garbage.map((value) => ({ topic: 'waybill.garbage', key: 'ord_0', value })) });
  await bed.bus.publish('garbage', [event('garbage', 'ord_0', 2)]);
  await bed.consume();
  await expect.poll(bed.effects, { timeout: 20_000 }).toHaveLength(2);
});

test('the broker is killed in mid-stream and the subscriber restarted: each event once in effect, in order within its aggregate', async () => {
  const bed = await openBed('killed');
  const aggregates = 20;
  const each = 30;
  bed.relay();
  let subscriber = await bed.consume();
  for (let sequence = 1; sequence <= each; sequence++) {
    await bed.write(aggregates, sequence);
    if (sequence === 10) {
      await expect.poll(async () => (await bed.effects()).length, { timeout: 20_000 }).toBeGreaterThan(0);
      kafka.kill();
    }
    if (sequence === 15) kafka = await startKafka({ dir });
    if (sequence === 20) {
      await subscriber.stop();
      subscriber = await bed.consume();
    }
  }
  await expect.poll(async () => (await bed.effects()).length, { timeout: 50_000 }).toBe(aggregates * each);
  expectOnceInOrder(await bed.effects(), aggregates, each);
}, 120_000);

test('two processes of one subscriber share the work, and one takes over from the other', async () => {
  const bed = await openBed('shared');
  bed.relay();
  const first = await bed.consume();
  await bed.consume();
  for (let sequence = 1; sequence <= 10; sequence++) await bed.write(20, sequence);
  await expect.poll(async () => (await bed.effects()).length, { timeout: 30_000 }).toBeGreaterThan(100);
  await first.stop();
  for (let sequence = 11; sequence <= 20; sequence++) await bed.write(20, sequence);
  await expect.poll(async () => (await bed.effects()).length, { timeout: 40_000 }).toBe(400);
  expectOnceInOrder(await bed.effects(), 20, 20);
}, 120_000);

test('thousands of events a second pass Kafka into the inbox', async () => {
  const bed = await openBed('fast');
  const total = 10_000;
  const consumers = await startKafkaConsumers({
    prefix: 'waybill',
    brokers: [kafka.brokers],
    subscription: {
      service: 'fast-inbox',
      database: bed.target.database,
      consumers: [{ name: 'note', source: 'fast', types: ['order.changed'], handle: async () => {} }],
    },
    wakeInbox: () => {},
    meter,
    log,
  });
  onTestFinished(() => consumers.stop());
  const received = async () => (await sql<{ n: number }>`select count(*)::int as n from inbox`.execute(bed.target.database.db)).rows[0]?.n;
  await bed.bus.publish('fast', [event('fast', 'warm', 1)]);
  await expect.poll(received, { timeout: 20_000 }).toBe(1);
  for (let sequence = 1; sequence <= 5; sequence++) await bed.write(total / 5, sequence);
  const startedAt = performance.now();
  bed.relay();
  await expect.poll(received, { timeout: 30_000, interval: 20 }).toBe(total + 1);
  console.info(`kafka: ${Math.round(total / ((performance.now() - startedAt) / 1_000))} events/s from outbox to inbox`);
});
