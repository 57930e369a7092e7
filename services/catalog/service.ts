import { setting } from '@waybill/kernel/config';
import { defineService } from '@waybill/kernel/service';
import { createPriceCache } from './cache.ts';
import { createCatalogCalls } from './calls.ts';
import { createCatalogMetrics } from './metrics.ts';
import { catalogRoutes } from './routes.ts';
import { createPriceStore } from './store/prices.ts';
import { createProductStore } from './store/products.ts';
import type { CatalogTables } from './tables.ts';

const settings = {
  TAX_RATE: setting.integer({
    description: 'The flat tax on every line, in basis points (2000 is 20 %); the shipping fee carries none',
    default: '2000',
    min: 0,
    max: 10_000,
  }),
  CATALOG_CACHE_ENTRIES: setting.integer({
    description: 'How many SKUs an API process keeps in memory, each for less than a second',
    default: '10000',
    min: 1,
    max: 1_000_000,
  }),
};

export const catalog = defineService<typeof settings, CatalogTables>({
  name: 'catalog',
  settings,
  migrations: new URL('./migrations/', import.meta.url),
  create({ settings, database, meter, wakeRelay }) {
    const store = createPriceStore(database.db);
    const cache = createPriceCache({ store, max: settings.CATALOG_CACHE_ENTRIES });
    const calls = createCatalogCalls({ cache, store, taxRate: settings.TAX_RATE, metrics: createCatalogMetrics(meter) });
    return { calls, routes: catalogRoutes({ products: createProductStore(database.db), calls, onChange: wakeRelay }), worker: {} };
  },
});
