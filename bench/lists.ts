import pg from 'pg';
import { openPlatform, type Platform } from '../test/platform/platform.ts';
import { below, type Figure, median } from './figures.ts';
import { createLoad } from './load.ts';

const paths = [
  '/v1/orders',
  '/v1/orders?status=completed',
  '/v1/orders?status=onHold',
  '/v1/orders?customerId=cus_7',
  '/v1/orders?sort=placedAt',
  '/v1/orders?q=1234',
];

/** Rows like those of real orders, made by the database: what counts here is the size of the table. */
async function fill(platform: Platform, upTo: number): Promise<void> {
  const client = new pg.Client({ connectionString: platform.databaseUrl('orders') });
  await client.connect();
  try {
    await client.query(
      `insert into orders (id, number, customer_id, placed_by, currency, status, payment_status, version, placed_at, lines, totals, total, delivery, payment)
       select 'ord_' || substr(ulid_floor(now() - make_interval(secs => n)), 1, 10) || lpad(n::text, 16, '0'), 1000000 + n, 'cus_' || n % 100, 'key_admin', 'EUR',
              case when n % 50 = 0 then 'onHold' else 'completed' end, 'captured', 5, now() - make_interval(secs => n),
              jsonb_build_array(jsonb_build_object('id', 'lin_' || n, 'sku', 'MUG-BLUE', 'name', 'Blue mug', 'quantity', 1,
                'unitPrice', jsonb_build_object('amount', 1290, 'currency', 'EUR'), 'total', jsonb_build_object('amount', 1290, 'currency', 'EUR'), 'taxRate', 2000)),
              '[{"code": "subtotal", "amount": {"amount": 1290, "currency": "EUR"}}]', 1290, '{"method": "ship"}', '{}'
       from generate_series((select count(*) from orders), $1) n`,
      [upTo],
    );
    await client.query('vacuum analyze orders');
  } finally {
    await client.end();
  }
}

async function pageTimes(platform: Platform): Promise<Map<string, number>> {
  const load = createLoad(platform.api, 1);
  const times = new Map(paths.map((path) => [path, [] as number[]]));
  for (let round = 0; round < 300; round++) {
    for (const [path, took] of times) {
      const began = performance.now();
      const { status } = await load.request('GET', path, undefined);
      if (status !== 200) throw new Error(`${path} was answered ${status}`);
      if (round >= 50) took.push(performance.now() - began);
    }
  }
  load.close();
  return new Map([...times].map(([path, took]) => [path, median(took)]));
}

/** Pages of lists in a table of 2,000 and of 200,000 orders. */
export async function benchLists(): Promise<Figure[]> {
  await using platform = await openPlatform({ mode: 'all', ownPostgres: true });
  await fill(platform, 2_000);
  const small = await pageTimes(platform);
  await fill(platform, 200_000);
  const large = await pageTimes(platform);
  return paths.map((path) =>
    below(
      `GET ${path}: ${large.get(path)?.toFixed(2)} ms of 200,000 against ${small.get(path)?.toFixed(2)} ms of 2,000`,
      (large.get(path) ?? 0) / (small.get(path) ?? 1),
      '×',
      1.5,
    ),
  );
}
