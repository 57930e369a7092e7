import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unwrap } from '@waybill/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Api, Order } from '../../apps/cli/api.ts';
import { untilBalanced } from '../platform/ledger.ts';
import { aboutPayments, type Book, readBook, writeBook } from '../platform/provider-book.ts';
import { type Books, openBooks } from './books.ts';
import { door, environment, install, kubectl, leave, requireCluster, succeeds, withEnvironment } from './installation.ts';
import { type Accepted, openShop, placeSteadily, seeThrough, unfinished } from './steady-orders.ts';

const folder = mkdtempSync(join(tmpdir(), 'waybill-backup-'));
const kept = join(folder, 'backups');

beforeAll(install);
afterAll(async () => {
  await leave();
  rmSync(folder, { recursive: true, force: true });
});

test('after a wipe, a backup that was taken under load brings back every order of its instant, and what came later is named', async () => {
  const { version, instant, placed, book, keys, key } = await backUpUnderLoad();
  await wipe();
  // Nothing is left but the backup and its key: another machine, an empty cluster.
  await withEnvironment({ WAYBILL_ROOT: join(folder, 'root'), BACKUP_KEY: key }, async () => {
    requireCluster(join(folder, 'root'));
    await succeeds('k8s', 'quickstart', '-e', environment, '--no-seed', '--no-verify');
    const restored = await succeeds('restore', '--k8s', '-e', environment, '--version', 'latest', '--from', kept);
    expect(restored).toContain(`restored ${version}: everything as it was at ${instant}`);
    using shop = await openShop(await door());
    const there = new Map((await everyOrder(shop.api)).map((order) => [order.id, order]));
    const lost = placed.filter(({ id }) => !there.has(id));
    const early = lost.filter(({ answeredAt }) => answeredAt < Date.parse(instant));
    expect(
      early.map(({ id }) => id),
      'answered before the instant, and gone',
    ).toEqual([]);
    expect(lost.length).toBeGreaterThanOrEqual(10);
    using books = await openBooks();
    const lostKeys = new Set(lost.flatMap(({ id }) => keys.get(id) ?? []));
    await writeBook(billingOf(books), aboutPayments(book, lostKeys));
    const { differences } = JSON.parse(await succeeds('--json', 'reconcile', '--k8s', '-e', environment, '--since', instant)) as {
      differences: { orderId: string; action: string; summary: string }[];
    };
    expect([...new Set(differences.map(({ orderId }) => orderId))].sort()).toEqual(lost.map(({ id }) => id).sort());
    for (const { action, summary } of differences) expect(`${action}: ${summary}`).toMatch(/^task: .*no record of/);
    const open = placed.filter(({ id }) => there.get(id)?.status === 'processing' || there.get(id)?.status === 'pending');
    expect(open.length).toBeGreaterThanOrEqual(20);
    const signal = AbortSignal.timeout(300_000);
    const ended = await Promise.all(open.map((order) => seeThrough(shop, order, signal)));
    console.log(`${there.size} orders restored, ${open.length} of them went on, ${lost.length} came later and are named`);
    expect(unfinished(ended)).toEqual([]);
    expect(await untilBalanced(books, [...there.keys()])).toEqual([]);
  });
});

/** Orders rest with parcels booked while the backup is made, and some more are paid for after it. */
async function backUpUnderLoad() {
  using customers = await placeSteadily({ ...(await door()), pauseMs: 200 });
  await customers.accepted(25);
  const { version, instant } = JSON.parse(await succeeds('--json', 'backup', '--k8s', '-e', environment, '--to', kept)) as {
    version: string;
    instant: string;
  };
  await customers.accepted(customers.orders.length + 10);
  await customers.stop();
  const key = (await succeeds('config', 'printvalue', 'BACKUP_KEY')).trim();
  using books = await openBooks();
  const keys = await paymentKeys(books, customers.orders);
  const book: Book = await readBook(billingOf(books));
  return { version, instant, placed: customers.orders, book, keys, key };
}

/** Of the payments, each parcel has its own, by order; once all parcels are booked. */
async function paymentKeys(books: Books, orders: readonly Accepted[]): Promise<Map<string, string[]>> {
  const ids = orders.map(({ id }) => id);
  const waiting = () =>
    books.query(
      'orders',
      `select id, status from orders where id = any($1) and exists (select from jsonb_array_elements(fulfillments) f where f->>'shipmentId' is null)`,
      [ids],
    );
  await expect.poll(waiting, { timeout: 60_000 }).toEqual([]);
  const rows = await books.query<{ order_id: string; keys: string[] }>(
    'billing',
    'select order_id, array_agg(key) as keys from payment where order_id = any($1) group by order_id',
    [ids],
  );
  expect(rows.length).toBe(ids.length);
  return new Map(rows.map(({ order_id, keys }) => [order_id, keys]));
}

const billingOf =
  (books: Books) =>
  <T extends Record<string, unknown>>(text: string, values?: unknown[]) =>
    books.query<T>('billing', text, values);

/** As if the cluster had burnt down: data, secrets and releases of every namespace. */
async function wipe(): Promise<void> {
  await kubectl('delete', 'namespace', 'infra', 'monitoring', environment, '--ignore-not-found', '--timeout=300s');
}

async function everyOrder({ client }: Api): Promise<Order[]> {
  const orders: Order[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = unwrap(await client.GET('/v1/orders', { params: { query: { limit: 200, ...(cursor && { cursor }) } } }));
    orders.push(...page.items);
    if (!page.nextCursor) return orders;
    cursor = page.nextCursor;
  }
}
