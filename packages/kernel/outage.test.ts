import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNoopMeter } from '@opentelemetry/api';
import { freePort } from '@waybill/embedded/ports';
import { startPostgres } from '@waybill/embedded/postgres';
import { sql } from 'kysely';
import { expect, onTestFinished, test } from 'vitest';
import type { Subscription } from './bus.ts';
import { createLocalBus } from './bus-local.ts';
import { databaseFailure, openDatabase } from './database.ts';
import type { RelaySignal } from './events.ts';
import { startInbox } from './inbox.ts';
import { eventsChannel, startListener } from './listen.ts';
import { silentLogger } from './log.ts';
import { migrateDatabase } from './migrate.ts';
import { insertOutbox } from './outbox.ts';
import { startRelay } from './relay.ts';

const meter = createNoopMeter();
const log = silentLogger;

test('PostgreSQL is killed again and again and comes back: every event is signalled and handled, once in effect and in order, by itself', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-outage-'));
  chmodSync(folder, 0o755);
  const options = {
    dataDir: join(folder, 'data'),
    port: await freePort(),
    logFile: join(folder, 'log'),
    password: 'x',
    durable: true,
  };
  let server = await startPostgres(options);
  onTestFinished(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  await migrateDatabase({ url: server.url, folders: [], log });
  const database = openDatabase<unknown>({ url: server.url, max: 6, name: 'test', log });
  onTestFinished(() => database.close());
  await sql`create table effect (n bigint generated always as identity, aggregate text, sequence integer)`.execute(database.db);

  const signalled = new Map<string, number[]>();
  const subscription: Subscription = {
    service: 'orders',
    database,
    consumers: [
      {
        name: 'note',
        source: 'orders',
        types: ['order.changed'],
        async handle(received, tx) {
          await sql`insert into effect (aggregate, sequence) values (${received.subject}, ${received.sequence})`.execute(tx);
        },
      },
    ],
  };
  const inbox = startInbox({ subscription, log, meter, pollMs: 20 });
  onTestFinished(() => inbox.stop());
  const heard = new Set<string>();
  let reconnects = 0;
  const listener = startListener({
    login: database.login,
    channel: eventsChannel,
    onMessage: (payload) => {
      for (const id of payload.split(',')) heard.add(id);
    },
    onReconnect: () => reconnects++,
    log,
  });
  onTestFinished(() => listener.stop());
  const bus = createLocalBus([subscription], () => inbox.wake());
  const signal = async ({ workflowId, args }: RelaySignal) => {
    signalled.set(workflowId, [...(signalled.get(workflowId) ?? []), Number(args[0])]);
  };
  const relays = [0, 1].map(() => startRelay({ service: 'orders', database, bus, signal, log, meter, pollMs: 20 }));
  onTestFinished(async () => {
    await Promise.all(relays.map((relay) => relay.stop()));
  });

  const aggregates = 10;
  const each = 60;
  async function write(sequence: number): Promise<void> {
    const rows = Array.from({ length: aggregates }, (_, index) => ({
      aggregateId: `ord_${index}`,
      sequence,
      type: 'order.changed',
      data: {},
      ...(index < 3 && sequence % 2 === 0 ? { signal: { workflowId: `order/${index}`, name: 'fact', args: [sequence] } } : {}),
    }));
    for (;;) {
      try {
        await insertOutbox(database.db, rows);
        return;
      } catch (error) {
        if (!databaseFailure(error)) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  let writing = true;
  const writer = (async () => {
    for (let sequence = 1; sequence <= each; sequence++) {
      await write(sequence);
      relays[0]?.wake();
    }
    writing = false;
  })();
  for (let round = 0; round < 3; round++) {
    const seen = heard.size;
    await expect.poll(() => heard.size > seen || !writing, { timeout: 20_000 }).toBe(true);
    heard.clear();
    server.kill();
    server = await startPostgres(options);
  }
  await writer;
  const effects = async () =>
    (await sql<{ aggregate: string; sequence: number }>`select aggregate, sequence from effect order by n`.execute(database.db)).rows;
  await expect.poll(async () => (await effects()).length, { timeout: 40_000 }).toBe(aggregates * each);
  const all = await effects();
  const sequences = Array.from({ length: each }, (_, n) => n + 1);
  for (let index = 0; index < aggregates; index++)
    expect(all.filter((effect) => effect.aggregate === `ord_${index}`).map((effect) => effect.sequence)).toEqual(sequences);
  for (let index = 0; index < 3; index++)
    expect([...new Set(signalled.get(`order/${index}`))]).toEqual(sequences.filter((sequence) => sequence % 2 === 0));
  await expect.poll(() => listener.connected(), { timeout: 20_000 }).toBe(true);
  expect(reconnects).toBeGreaterThan(0);
}, 120_000);
