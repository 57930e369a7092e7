import { type Kysely, sql } from 'kysely';
import type { Entry } from '../pricing.ts';
import type { CatalogTables } from '../tables.ts';

type Found = { kind: 'sku' | 'method'; code: string; name: string; prices: Record<string, number> };

export type PriceStore = ReturnType<typeof createPriceStore>;

export function createPriceStore(db: Kysely<CatalogTables>) {
  return {
    /** The entries of these SKUs (those that exist) in one query, with all shipping fees when `withFees`. */
    async read(
      skus: readonly string[],
      withFees: boolean,
    ): Promise<{ entries: Map<string, Entry>; fees: Map<string, Map<string, number>> }> {
      const { rows } = await sql<Found>`
        select 'sku' as kind, v.sku as code, v.name,
          coalesce((select jsonb_object_agg(p.currency, p.amount) from price p where p.sku = v.sku), '{}') as prices
        from variant v where v.sku = any(${skus})
        union all
        select 'method', m.code, m.name,
          coalesce((select jsonb_object_agg(f.currency, f.amount) from shipping_fee f where f.method = m.code), '{}')
        from shipping_method m where ${withFees}::boolean
        order by code`.execute(db);
      const entries = new Map<string, Entry>();
      const fees = new Map<string, Map<string, number>>();
      for (const { kind, code, name, prices } of rows) {
        const byCurrency = new Map(Object.entries(prices));
        if (kind === 'sku') entries.set(code, { name, prices: byCurrency });
        else fees.set(code, byCurrency);
      }
      return { entries, fees };
    },

    async existing(skus: readonly string[]): Promise<string[]> {
      const rows = await db.selectFrom('variant').select('sku').where('sku', 'in', skus).execute();
      return rows.map(({ sku }) => sku);
    },
  };
}
