import { LRUCache } from 'lru-cache';
import type { Entry, PriceList } from './pricing.ts';
import type { PriceStore } from './store/prices.ts';

/** A little less than the second in which a changed price must show, to leave room for the query. */
const maxAgeMs = 800;

type Loaded = Awaited<ReturnType<PriceStore['read']>>;
/** A query on its way or done. */
type Load = { startedAt: number; loaded: Promise<Loaded> };

/** Keeps what quotes need, for less than a second. Requests that miss the same SKU at once share one query. */
export function createPriceCache({ store, max }: { store: PriceStore; max: number }) {
  const entries = new LRUCache<string, Entry>({ max, ttl: maxAgeMs, perf: performance });
  const loading = new Map<string, Load>();
  let fees: Load | undefined;

  const fresh = (startedAt: number, now: number) => now - startedAt < maxAgeMs;

  async function load(skus: readonly string[], withFees: boolean, startedAt: number): Promise<Loaded> {
    const started: Load = { startedAt, loaded: store.read(skus, withFees) };
    for (const sku of skus) loading.set(sku, started);
    if (withFees) fees = started;
    try {
      const loaded = await started.loaded;
      // Aged from before the query: the price was read at some moment after that. An unknown SKU is not kept, so that
      // guesses push nothing out.
      for (const [sku, entry] of loaded.entries) entries.set(sku, entry, { start: startedAt });
      return loaded;
    } catch (error) {
      if (fees === started) fees = undefined;
      throw error;
    } finally {
      for (const sku of skus) if (loading.get(sku) === started) loading.delete(sku);
    }
  }

  return {
    /** At most one query of its own; the caller's SKUs that exist, and the shipping fees. */
    async priceList(skus: Iterable<string>): Promise<Omit<PriceList, 'taxRate'>> {
      const now = performance.now();
      const found = new Map<string, Entry>();
      const missing: string[] = [];
      const joined = new Set<Promise<Loaded>>();
      for (const sku of new Set(skus)) {
        const entry = entries.get(sku);
        const running = entry ? undefined : loading.get(sku);
        if (entry) found.set(sku, entry);
        else if (running && fresh(running.startedAt, now)) joined.add(running.loaded);
        else missing.push(sku);
      }
      const keptFees = fees && fresh(fees.startedAt, now) ? fees.loaded : undefined;
      const own = missing.length > 0 || !keptFees ? [load(missing, !keptFees, now)] : [];
      const loads = await Promise.all([...own, ...joined]);
      for (const loaded of loads) for (const [sku, entry] of loaded.entries) found.set(sku, entry);
      return { entries: found, shippingFees: (await (keptFees ?? own[0]))?.fees ?? new Map() };
    },
  };
}

export type PriceCache = ReturnType<typeof createPriceCache>;
