import type { Database } from '@waybill/kernel/database';
import { type Kysely, sql } from 'kysely';
import type { CatalogTables } from './tables.ts';

type DemoProduct = { id: string; sku: string; name: string; description: string; prices: Record<string, number> };

const category = { id: 'cat_00000000000000000000000de1', name: 'Demo shop' };

/** Prices in cents. Two `MUG-BLUE` by standard shipping come to 49.90 EUR with the default tax. */
const products: readonly DemoProduct[] = [
  {
    id: 'prd_00000000000000000000000de1',
    sku: 'MUG-BLUE',
    name: 'Blue mug',
    description: 'Stoneware, 300 ml.',
    prices: { EUR: 1875, USD: 1990 },
  },
  {
    id: 'prd_00000000000000000000000de2',
    sku: 'TEE-M',
    name: 'T-shirt, size M',
    description: 'Organic cotton.',
    prices: { EUR: 2490, USD: 2690 },
  },
  {
    id: 'prd_00000000000000000000000de3',
    sku: 'CAP-RED',
    name: 'Red cap',
    description: 'Sent from the southern warehouse only.',
    prices: { EUR: 1590, USD: 1690 },
  },
  {
    id: 'prd_00000000000000000000000de4',
    sku: 'PRINT-LTD',
    name: 'Limited print',
    description: 'There is one of it.',
    prices: { EUR: 9900, USD: 10900 },
  },
  {
    id: 'prd_00000000000000000000000de5',
    sku: 'VINYL-OLD',
    name: 'Old vinyl record',
    description: 'Out of stock.',
    prices: { EUR: 3200, USD: 3500 },
  },
];

/** Adds what is missing of the demo catalogue. A product that is there stays as its shop made it. */
export async function seedCatalog(database: Database<CatalogTables>): Promise<void> {
  await database.db
    .insertInto('category')
    .values(category)
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  for (const product of products) await seedProduct(database.db, product);
}

async function seedProduct(db: Kysely<CatalogTables>, { id, sku, name, description, prices }: DemoProduct): Promise<void> {
  await sql`
    with made as (
      insert into product (id, name, description, category_id, version)
      select ${id}, ${name}, ${description}, ${category.id}, 1 where not exists (select from variant where sku = ${sku})
      on conflict do nothing returning id, version
    ),
    sold as (insert into variant (sku, product_id, name, position) select ${sku}, id, ${name}, 0 from made returning sku),
    priced as (
      insert into price (sku, currency, amount)
      select s.sku, p.key, p.value::bigint from sold s, jsonb_each_text(${JSON.stringify(prices)}::jsonb) p
    )
    insert into outbox (aggregate_id, sequence, type, data)
    select m.id, m.version, 'product.created', jsonb_build_object('productId', m.id, 'skus', jsonb_build_array(${sku}::text)) from made m`.execute(
    db,
  );
}
