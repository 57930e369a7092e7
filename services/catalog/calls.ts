import type { PriceCache } from './cache.ts';
import type { CatalogCalls } from './contract.ts';
import type { CatalogMetrics } from './metrics.ts';
import { price } from './pricing.ts';
import type { PriceStore } from './store/prices.ts';

export type CatalogCallsOptions = { cache: PriceCache; store: PriceStore; taxRate: number; metrics: CatalogMetrics };

export function createCatalogCalls({ cache, store, taxRate, metrics }: CatalogCallsOptions): CatalogCalls {
  return {
    async quote(input) {
      const list = await cache.priceList(input.lines.map(({ sku }) => sku));
      const quote = price(input, { ...list, taxRate });
      metrics.quotes.add(1);
      return quote;
    },

    async findSkus({ skus }) {
      return { known: skus.length === 0 ? [] : await store.existing(skus) };
    },
  };
}
