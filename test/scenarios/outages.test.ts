import { randomUUID } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateKey } from '@waybill/kernel/encryption';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { address, type Order, orderBody } from '../platform/api.ts';
import { untilBalanced } from '../platform/ledger.ts';
import { openPlatform, type Platform, testKey } from '../platform/platform.ts';

let platform: Platform;
const api = () => platform.api;
let keyFile = '';

beforeAll(async () => {
  platform = await openPlatform({
    mode: 'all',
    ownPostgres: true,
    durable: true,
    keyRingFile: testKey,
    settings: { CUSTOMER_CHOICE_TIMEOUT: '5m' },
  });
  keyFile = join(platform.folder, 'keys');
}, 180_000);
afterAll(() => platform?.[Symbol.asyncDispose](), 60_000);

/** Plays the carrier for orders until each is completed. */
async function seeThrough(ids: readonly string[]): Promise<void> {
  await Promise.all(
    ids.map(async (id) => {
      await api().until(id, ({ fulfillments }) => fulfillments.some(({ shipmentId }) => shipmentId), 90_000);
      await api().deliver(await api().untilBooked(id));
      await api().untilStatus(id, 'completed', 90_000);
    }),
  );
}

type History = Awaited<ReturnType<Platform['history']>>;

/** Ids of the keys that sealed a history's payloads. */
function keysUsed(history: History): string[] {
  const keys = new Set<string>();
  const visit = (value: unknown): void => {
    if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return;
    for (const [name, inner] of Object.entries(value)) {
      if (name === 'encryption-key-id' && inner instanceof Uint8Array) keys.add(Buffer.from(inner).toString());
      else visit(inner);
    }
  };
  visit(history.events);
  return [...keys];
}

describe('what goes away and comes back', () => {
  test('with Temporal stopped orders are taken and read, commands say when to come back, and all is made up for', async () => {
    const before = await api().place();
    await api().untilBooked(before.id);
    await platform.stopTemporal();
    const placed = await Promise.all(Array.from({ length: 5 }, () => api().place()));
    for (const { id } of placed) expect(await api().order(id)).toMatchObject({ id, status: 'pending' });
    const listed = await api().get<{ items: Order[] }>('/v1/orders?limit=5');
    expect(listed.body.items.map(({ id }) => id)).toEqual(
      placed
        .map(({ id }) => id)
        .toSorted()
        .toReversed(),
    );
    const refused = await api().post(`/v1/orders/${before.id}/cancel`, { reason: 'x' });
    expect([refused.status, refused.body['code'], refused.headers.has('retry-after')]).toEqual([503, 'unavailable', true]);
    expect((await api().order(before.id)).status).toBe('processing');
    const [shipment = ''] = await api().untilBooked(before.id);
    expect((await api().report(shipment, 'dispatched', 'while-away')).status).toBe(200);
    await expect.poll(async () => (await platform.readyz('all')).body).toContain('"name":"temporal","ok":false');

    await platform.startTemporal();
    await seeThrough([before.id, ...placed.map(({ id }) => id)]);
    expect(await untilBalanced(platform, [])).toEqual([]);
  }, 180_000);

  test('with PostgreSQL stopped in mid-order nothing is ready, and everything goes on alone', async () => {
    const [waiting, moving] = await Promise.all([api().place(), api().place()]);
    await api().untilBooked(waiting.id);
    const key = randomUUID();
    await platform.stopPostgres();
    await expect.poll(async () => (await platform.readyz('all')).status, { timeout: 20_000 }).toBe(503);
    const refused = await api().post('/v1/orders', orderBody(), { 'idempotency-key': key });
    expect([refused.status, refused.body['code']]).toEqual([503, 'unavailable']);
    await platform.startPostgres();
    await expect.poll(async () => (await platform.readyz('all')).status, { timeout: 60_000 }).toBe(200);
    const placed = await api().post<Order>('/v1/orders', orderBody(), { 'idempotency-key': key });
    expect(placed.status).toBe(201);
    await seeThrough([waiting.id, moving.id, placed.body.id]);
    expect(await untilBalanced(platform, [])).toEqual([]);
  }, 180_000);

  test('PostgreSQL killed like a crash loses nothing that was answered', async () => {
    const placed = await Promise.all(Array.from({ length: 10 }, () => api().place()));
    platform.killPostgres();
    await platform.startPostgres();
    await seeThrough(placed.map(({ id }) => id));
    expect(
      await untilBalanced(
        platform,
        placed.map(({ id }) => id),
      ),
    ).toEqual([]);
  }, 180_000);

  test('the server killed with SIGKILL goes on where it was', async () => {
    const placed = await Promise.all(Array.from({ length: 20 }, () => api().place()));
    await platform.kill('all');
    await platform.start('all');
    await platform.untilReady();
    await seeThrough(placed.map(({ id }) => id));
    expect(
      await untilBalanced(
        platform,
        placed.map(({ id }) => id),
      ),
    ).toEqual([]);
  }, 180_000);
});

describe('encryption', () => {
  test('a key is rotated while orders run: old histories are read, new ones are written with the new key', async () => {
    const waiting = await api().place();
    await api().untilBooked(waiting.id);
    const fresh = generateKey('fresh').reveal();
    await writeFile(keyFile, `${fresh},${testKey}`);
    let newest = await api().place();
    await expect
      .poll(
        async () => {
          newest = await api().place();
          await api().untilBooked(newest.id);
          return keysUsed(await platform.history(newest.id));
        },
        { timeout: 30_000 },
      )
      .toEqual(['fresh']);
    expect(keysUsed(await platform.history(waiting.id))).toEqual(['test']);
    await seeThrough([waiting.id, newest.id]);
  }, 120_000);

  test('no name, address, product, token or reason is readable in what Temporal keeps', async () => {
    const secretName = `Zebulon Quux ${randomUUID()}`;
    const placed = await api().place({
      lines: [{ sku: 'VINYL-OLD', quantity: 1 }],
      delivery: { method: 'ship', shippingMethod: 'standard', address: { ...address, name: secretName } },
    });
    await api().untilStatus(placed.id, 'customerActionRequired');
    const reason = `secret-reason-${randomUUID()}`;
    await api().post(`/v1/orders/${placed.id}/cancel`, { reason });
    await api().untilStatus(placed.id, 'cancelled');
    const out = await api().place({ payment: { provider: 'simulated', token: 'tok_outage' } });
    await api().untilBooked(out.id);
    await platform.stopTemporal(); // so that everything is in the file
    const files = (await readdir(platform.folder)).filter((name) => name.startsWith('temporal.db'));
    const bytes = Buffer.concat(await Promise.all(files.map((name) => readFile(join(platform.folder, name)))));
    await platform.startTemporal();
    expect(bytes.includes(`order/${placed.id}`)).toBe(true); // the right file
    for (const plain of [
      secretName,
      reason,
      address.line1,
      'Analytical',
      'VINYL-OLD',
      'tok_outage',
      'the simulated payment provider',
      'simulated-provider.ts',
    ])
      expect(bytes.includes(plain), plain).toBe(false);
  }, 120_000);
});

describe('cost', () => {
  test('an undisturbed order of one parcel is one workflow, no regular activity and at most six workflow tasks', async () => {
    await api().deliver(await api().untilBooked((await api().place()).id)); // code is warm from here on
    const placed = await api().place();
    await api().deliver(await api().untilBooked(placed.id));
    await api().untilStatus(placed.id, 'completed');
    const { events = [] } = await platform.history(placed.id);
    const count = (name: string) =>
      (events ?? []).filter((event) => Object.entries(event).some(([key, value]) => key === name && value)).length;
    expect(count('workflowExecutionCompletedEventAttributes')).toBe(1);
    expect(count('activityTaskScheduledEventAttributes')).toBe(0);
    expect(count('startChildWorkflowExecutionInitiatedEventAttributes')).toBe(0);
    expect(count('workflowTaskCompletedEventAttributes')).toBeLessThanOrEqual(6);
  }, 60_000);
});
