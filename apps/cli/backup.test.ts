import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '@waybill/embedded/ports';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Api, createApi, type Order } from '../../test/platform/api.ts';
import { type Book, readBook, writeBook } from '../../test/platform/provider-book.ts';
import { createTestRoot } from './testing.ts';

const ports: Record<string, string> = {};
for (const key of ['PORT', 'CODEC_PORT', 'LOCAL_POSTGRES_PORT', 'LOCAL_TEMPORAL_PORT', 'LOCAL_TEMPORAL_UI_PORT'])
  ports[key] = String(await freePort());
const { PATH = '', TEMPORAL_CLI } = process.env;
const root = createTestRoot({ PATH, ...(TEMPORAL_CLI && { TEMPORAL_CLI }), ...ports, LOG_LEVEL: 'warn' });
const kept = join(root.folder, 'kept');
const data = join(root.root, 'data');

const told: Record<string, unknown>[] = [];
let api: Api;
let key = '';

async function ok(...argv: string[]): Promise<string> {
  const { code, out, err } = await root.run(argv);
  if (code !== 0) throw new Error(`waybill ${argv.join(' ')} ended with ${code}:\n${out}\n${err}`);
  return out;
}

const openApi = async () => createApi(`http://127.0.0.1:${ports['PORT']}`, await ok('config', 'printvalue', 'ADMIN_API_KEY'));

async function billing<T extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<T[]> {
  const password = await ok('config', 'printvalue', 'BILLING_DATABASE_PASSWORD');
  const client = new pg.Client({
    connectionString: `postgres://waybill_billing:${password}@127.0.0.1:${ports['LOCAL_POSTGRES_PORT']}/waybill_billing`,
  });
  await client.connect();
  const { rows } = await client.query<T>(text, values).finally(() => client.end());
  return rows;
}

/** This machine may be busy with other tests. */
const patienceMs = 100_000;
const untilBooked = async (id: string): Promise<string[]> => {
  const { fulfillments } = await api.until(id, (order) => order.fulfillments.some((part) => part.shipmentId), patienceMs);
  return fulfillments.flatMap(({ shipmentId }) => shipmentId ?? []);
};
const untilStatus = (id: string, status: string) => api.untilStatus(id, status, patienceMs);

async function everyOrder(): Promise<Order[]> {
  const orders: Order[] = [];
  for (let cursor = ''; ; ) {
    const { body } = await api.get<{ items: Order[]; nextCursor?: string }>(`/v1/orders?limit=200${cursor}`);
    orders.push(...body.items);
    if (!body.nextCursor) return orders;
    cursor = `&cursor=${body.nextCursor}`;
  }
}

beforeAll(async () => {
  await ok('local', 'start', '-d');
  await ok('do', 'seed');
  api = await openApi();
  await api.request('PUT', '/v1/fraud/settings', { limitPerCustomer: null, reviewAbove: null, maintenance: false });
}, 240_000);
afterAll(async () => {
  await root.run(['local', 'stop']);
  root[Symbol.dispose]();
}, 300_000);

describe('a backup under load, a wipe, a restore', () => {
  const before: string[] = [];
  const during: { id: string; answeredAt: number }[] = [];
  let version = '';
  let instant = '';
  let late: Order;
  let captured = '';
  let book: Book;

  test('a backup is taken while orders come in, and tells its instant', async () => {
    for (let n = 0; n < 6; n++) before.push((await api.place()).id);
    const [done = '', open = ''] = before;
    await api.deliver(await untilBooked(done));
    await untilStatus(done, 'completed');
    await untilBooked(open);
    captured = open;
    const asks = await api.place({ lines: [{ sku: 'VINYL-OLD', quantity: 1 }] });
    await untilStatus(asks.id, 'customerActionRequired');
    before.push(asks.id);
    let running = true;
    const load = Promise.all(
      Array.from({ length: 2 }, async () => {
        while (running) {
          const { id } = await api.place();
          during.push({ id, answeredAt: Date.now() });
          await delay(300);
        }
      }),
    );
    await delay(500);
    const printed = JSON.parse(await ok('--json', 'backup', '--to', kept));
    ({ version, instant } = printed);
    await delay(500);
    running = false;
    await load;
    key = await ok('config', 'printvalue', 'BACKUP_KEY');
    expect(during.some(({ answeredAt }) => answeredAt < Date.parse(instant))).toBe(true);
    expect(during.some(({ answeredAt }) => answeredAt > Date.parse(instant))).toBe(true);
    const names = readdirSync(join(kept, version)).sort();
    expect(names).toEqual([
      'manifest.json',
      'postgres-base.tar.gz.enc',
      'postgres-wal.tar.gz.enc',
      'secrets.json.gz.enc',
      'temporal.db.gz.enc',
    ]);
    expect(await ok('backup', '--list', '--to', kept)).toContain(`${version}  ${instant}`);
  }, 300_000);

  test('no secret and no order is readable in it', async () => {
    const secret = await ok('config', 'printvalue', 'ORDERS_DATABASE_PASSWORD');
    for (const name of readdirSync(join(kept, version))) {
      const bytes = readFileSync(join(kept, version, name));
      for (const plain of [secret, key, 'PG_VERSION', 'SQLite format', before[0] ?? ''])
        expect(bytes.includes(plain), `${plain} in ${name}`).toBe(false);
    }
  });

  test('life goes on after it', async () => {
    late = await api.place();
    await untilBooked(late.id);
    await api.deliver(await untilBooked(captured));
    await untilStatus(captured, 'completed');
    book = await readBook(billing);
    await ok('local', 'stop');
  }, 300_000);

  test('what cannot be restored is said, and nothing is touched', async () => {
    const files = () => readdirSync(root.root).sort();
    const untouched = files();
    const attempt = (argv: string[], env: Record<string, string> = { BACKUP_KEY: key }) =>
      root.run(['restore', '--from', kept, ...argv], { env });
    expect(await attempt(['--version', version])).toMatchObject({ code: 5, err: expect.stringContaining('holds data') });
    expect(await attempt(['--version', '20200101T000000Z-0000', '--replace'])).toMatchObject({ code: 4 });
    const wrong = Buffer.alloc(32, 3).toString('base64');
    expect(await attempt(['--version', version, '--replace'], { BACKUP_KEY: wrong })).toMatchObject({
      code: 3,
      err: expect.stringContaining('was not made with this BACKUP_KEY'),
    });
    const damage = async (name: string, change: (path: string) => void) => {
      const folder = join(root.folder, 'damaged');
      cpSync(kept, folder, { recursive: true });
      change(join(folder, version, name));
      const { code, err } = await root.run(['restore', '--from', folder, '--version', version, '--replace'], { env: { BACKUP_KEY: key } });
      rmSync(folder, { recursive: true });
      expect(code).toBe(2);
      expect(files()).toEqual(untouched);
      return err;
    };
    const flip = (path: string) => {
      const bytes = readFileSync(path);
      bytes[Math.floor(bytes.length / 2)]! ^= 1; // there is a middle
      writeFileSync(path, bytes);
    };
    const cut = (path: string) => truncateSync(path, readFileSync(path).length - 100_000);
    expect(await damage('postgres-base.tar.gz.enc', flip)).toContain('postgres-base.tar.gz.enc');
    expect(await damage('postgres-wal.tar.gz.enc', cut)).toContain('postgres-wal.tar.gz.enc');
    expect(await damage('temporal.db.gz.enc', flip)).toContain('temporal.db.gz.enc');
    expect(await damage('temporal.db.gz.enc', (path) => rmSync(path))).toContain('is missing');
    expect(
      await damage('manifest.json', (path) => writeFileSync(path, readFileSync(path, 'utf8').replace(instant, '2020-01-01T00:00:00.000Z'))),
    ).toContain('was changed after it was written');
    expect(await damage('manifest.json', (path) => rmSync(path))).toContain('interrupted before it was whole');
  }, 300_000);

  test('everything of the instant is there again, and nothing of later', async () => {
    rmSync(data, { recursive: true });
    rmSync(join(root.root, 'secrets.yml'));
    const { code, out, err } = await root.run(['restore', '--from', kept, '--version', 'latest', '--no-start'], {
      env: { BACKUP_KEY: key },
    });
    expect(`${code} ${out} ${err}`).toContain(`everything as it was at ${instant}`);
    await ok('local', 'start', '-d');
    api = await openApi();
    const orders = new Map((await everyOrder()).map((order) => [order.id, order]));
    for (const id of before) expect(orders.has(id), id).toBe(true);
    for (const { id, answeredAt } of during) if (answeredAt < Date.parse(instant)) expect(orders.has(id), id).toBe(true);
    expect(orders.has(late.id)).toBe(false);
    expect(orders.get(captured)?.status).toBe('processing');
    expect(orders.get(before[0] ?? '')?.status).toBe('completed');
  }, 300_000);

  test('what came after the instant is named, and becomes tasks', async () => {
    await writeBook(billing, book);
    const result = JSON.parse(await ok('--json', 'reconcile', '--since', instant));
    told.push(...result.differences);
    const about = (id: string) => result.differences.filter(({ orderId }: { orderId: string }) => orderId === id);
    expect(about(late.id)).toEqual([
      expect.objectContaining({ about: 'payment', action: 'task', summary: expect.stringContaining('no record of') }),
    ]);
    expect(about(captured)).toEqual([
      expect.objectContaining({
        about: 'payment',
        action: 'task',
        summary: expect.stringContaining('authorized in billing and captured at the provider'),
      }),
    ]);
    const { body } = await api.get<{ items: { id: string; orderId: string }[] }>(
      `/v1/tasks?kind=reconciliation&status=open&orderId=${late.id}`,
    );
    expect(body.items.map(({ id }) => id)).toEqual([about(late.id)[0].taskId]);
    const decided = await api.post(`/v1/tasks/${body.items[0]?.id}/decision`, { decision: 'settled', note: 'refunded there' });
    expect(decided).toMatchObject({ status: 200, body: { status: 'decided', decision: 'settled' } });
  }, 300_000);

  test('orders that were under way go on to their end, each paid once', async () => {
    const open = (await everyOrder()).filter(({ status }) => !['completed', 'customerActionRequired'].includes(status));
    expect(open.length).toBeGreaterThan(5);
    await Promise.all(
      open.map(async ({ id }) => {
        await api.deliver(await untilBooked(id));
        await untilStatus(id, 'completed');
      }),
    );
    const [asks = ''] = before.slice(-1);
    expect((await api.post(`/v1/orders/${asks}/choice`, { choice: 'cancel' })).status).toBe(200);
    await untilStatus(asks, 'cancelled');
    const twice = await billing(
      `select c.key from simulated_charge c join simulated_entry e using (reference) group by c.key having count(*) filter (where e.kind = 'capture') > 1`,
    );
    expect(twice).toEqual([]);
    expect((await api.place()).status).toBe('pending');
  }, 300_000);

  test('an order whose workflow is gone is started again, and goes on from what its steps remember', async () => {
    const { id } = await api.place();
    const shipments = await untilBooked(id);
    await api.report(shipments[0] ?? '', 'dispatched');
    await api.until(id, ({ paymentStatus }) => paymentStatus === 'captured', patienceMs);
    await ok('local', 'stop');
    for (const name of readdirSync(join(data, 'temporal'))) rmSync(join(data, 'temporal', name)); // as if only PostgreSQL had been kept
    await ok('local', 'start', '-d');
    const { differences } = JSON.parse(await ok('--json', 'reconcile', '--since', new Date().toISOString()));
    expect(differences).toContainEqual(expect.objectContaining({ about: 'workflow', orderId: id, action: 'restarted' }));
    await api.report(shipments[0] ?? '', 'delivered');
    await untilStatus(id, 'completed');
    const [payment, ...others] = await api.payments(id);
    expect(others).toEqual([]);
    expect(payment?.captured.amount).toBe((await api.order(id)).total.amount);
  }, 300_000);

  test('an interrupted backup leaves nothing behind', async () => {
    const to = join(root.folder, 'interrupted');
    const { code } = await root.run(['backup', '--to', to], { onLine: (line, stop) => line.startsWith('copying') && stop() });
    expect(code).toBe(130);
    expect(await ok('backup', '--list', '--to', to)).toContain('no backups in');
    expect((await api.place()).status).toBe('pending');
  }, 300_000);
});
