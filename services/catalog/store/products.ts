import type { Money } from '@waybill/kernel/money';
import { insertOutbox } from '@waybill/kernel/outbox';
import { type Kysely, sql } from 'kysely';
import type { CatalogTables } from '../tables.ts';

type Variant = { sku: string; name: string; prices: Money[] };
export type ProductContent = { name: string; description: string; categoryId: string | null; variants: Variant[] };
export type Product = ProductContent & { id: string; version: number; createdAt: Date; updatedAt: Date };
export type Saved = { outcome: 'saved'; product: Product } | { outcome: 'taken'; skus: string[] };
export type Replaced = Saved | { outcome: 'missing' } | { outcome: 'changed'; version: number };

type Db = Kysely<CatalogTables>;

const productColumns = sql`
  p.id, p.name, p.description, p.category_id as "categoryId", p.version, p.created_at as "createdAt", p.updated_at as "updatedAt",
  (
    select coalesce(jsonb_agg(jsonb_build_object('sku', v.sku, 'name', v.name, 'prices', (
      select coalesce(jsonb_agg(jsonb_build_object('amount', amount, 'currency', currency) order by currency), '[]')
      from price where price.sku = v.sku
    )) order by v.position), '[]')
    from variant v where v.product_id = p.id
  ) as variants`;

export function createProductStore(db: Db) {
  return {
    async list(filter: {
      sku?: string | undefined;
      categoryId?: string | undefined;
      after?: string | undefined;
      limit: number;
    }): Promise<Product[]> {
      const { rows } = await sql<Product>`
        select ${productColumns} from product p
        where ${filter.after === undefined ? sql`true` : sql`p.id > ${filter.after}`}
          and ${filter.categoryId === undefined ? sql`true` : sql`p.category_id = ${filter.categoryId}`}
          and ${filter.sku === undefined ? sql`true` : sql`p.id = (select product_id from variant where sku = ${filter.sku})`}
        order by p.id limit ${filter.limit}`.execute(db);
      return rows;
    },

    find: (id: string) => find(db, id),

    /** Adds a product with its variants and prices. `taken`: SKUs that other products have; then nothing has changed. */
    async add(id: string, content: ProductContent): Promise<Saved> {
      return undoable(db, async (tx, undo) => {
        const { variants: _, categoryId, ...row } = content;
        await tx
          .insertInto('product')
          .values({ id, ...row, category_id: categoryId, version: 1 })
          .execute();
        return writeVariants(tx, id, content, undo, 'product.created');
      });
    },

    /** Makes a product be exactly this. With `version`, only if it still has that version. */
    async replace(id: string, content: ProductContent, version: number | undefined): Promise<Replaced> {
      return undoable<Replaced>(db, async (tx, undo) => {
        const { variants, categoryId, ...row } = content;
        const current = await tx.selectFrom('product').select('version').where('id', '=', id).forUpdate().executeTakeFirst();
        if (!current) return { outcome: 'missing' };
        if (version !== undefined && version !== current.version) return { outcome: 'changed', version: current.version };
        await tx
          .updateTable('product')
          .set({ ...row, category_id: categoryId, version: current.version + 1, updated_at: sql`now()` })
          .where('id', '=', id)
          .execute();
        const skus = variants.map(({ sku }) => sku);
        await tx.deleteFrom('variant').where('product_id', '=', id).where('sku', 'not in', skus).execute();
        await tx
          .deleteFrom('price')
          .where('sku', 'in', tx.selectFrom('variant').select('sku').where('product_id', '=', id))
          .execute();
        return writeVariants(tx, id, content, undo, 'product.updated');
      });
    },

    categories({ after, limit }: { after?: string | undefined; limit: number }): Promise<{ id: string; name: string }[]> {
      const query = db.selectFrom('category').select(['id', 'name']).orderBy('id').limit(limit);
      return (after === undefined ? query : query.where('id', '>', after)).execute();
    },

    async addCategory(category: { id: string; name: string }): Promise<void> {
      await db.insertInto('category').values(category).execute();
    },

    async hasCategory(id: string): Promise<boolean> {
      return (await db.selectFrom('category').select('id').where('id', '=', id).executeTakeFirst()) !== undefined;
    },
  };
}

export type ProductStore = ReturnType<typeof createProductStore>;

async function find(db: Db, id: string): Promise<Product | undefined> {
  const { rows } = await sql<Product>`select ${productColumns} from product p where p.id = ${id}`.execute(db);
  return rows[0];
}

class Undo<R> extends Error {
  readonly result: R;

  constructor(result: R) {
    super('the transaction is given up for a result');
    this.result = result;
  }
}

/** A transaction that `undo` rolls back, with a result all the same. */
async function undoable<R>(db: Db, work: (tx: Db, undo: (result: R) => never) => Promise<R>): Promise<R> {
  const undo = (result: R): never => {
    throw new Undo(result);
  };
  try {
    return await db.transaction().execute((tx) => work(tx, undo));
  } catch (error) {
    if (error instanceof Undo) return error.result;
    throw error;
  }
}

async function writeVariants(
  tx: Db,
  id: string,
  { variants }: ProductContent,
  undo: (result: Saved) => never,
  type: 'product.created' | 'product.updated',
): Promise<Saved> {
  const rows = variants.map(({ sku, name }, position) => ({ sku, name, position, product_id: id }));
  const mine = await tx
    .insertInto('variant')
    // In one order by everyone: two products that claim each other's SKUs must not wait for each other.
    .values(rows.toSorted((a, b) => (a.sku < b.sku ? -1 : 1)))
    .onConflict((conflict) =>
      conflict
        .column('sku')
        .doUpdateSet((row) => ({ name: row.ref('excluded.name'), position: row.ref('excluded.position') }))
        .where('variant.product_id', '=', id),
    )
    .returning('sku')
    .execute();
  const kept = new Set(mine.map(({ sku }) => sku));
  const taken = rows.filter(({ sku }) => !kept.has(sku)).map(({ sku }) => sku);
  if (taken.length > 0) undo({ outcome: 'taken', skus: taken });
  const prices = variants.flatMap(({ sku, prices }) => prices.map((price) => ({ sku, ...price })));
  if (prices.length > 0) await tx.insertInto('price').values(prices).execute();
  const product = await find(tx, id);
  if (!product) throw new Error(`product ${id} was written and cannot be found`);
  const skus = product.variants.map(({ sku }) => sku);
  await insertOutbox(tx, [{ aggregateId: id, sequence: product.version, type, data: { productId: id, skus } }]);
  return { outcome: 'saved', product };
}
