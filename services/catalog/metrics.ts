import type { Meter } from '@opentelemetry/api';

export const createCatalogMetrics = (meter: Meter) => ({
  quotes: meter.createCounter('waybill_catalog_quotes', { description: 'Quotes given, for orders and for callers' }),
});

export type CatalogMetrics = ReturnType<typeof createCatalogMetrics>;
