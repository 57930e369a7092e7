import type { Destination, ReserveStockResult, StockLine } from './contract.ts';

export type Place = { id: string; country: string; postalCode: string; priority: number };
export type FreeStock = { sku: string; locationId: string; free: number };
export type PlanInput = {
  lines: readonly StockLine[];
  destination: Destination;
  places: readonly Place[];
  stock: readonly FreeStock[];
};
export type Plan = Pick<ReserveStockResult, 'parcels' | 'unavailable'>;

/** Units by SKU. */
type Units = Map<string, number>;
type Candidate = { id: string; free: Units };

/** Up to here every choice of locations is looked at; 2^8 of them cost microseconds. */
const exactUpTo = 8;

/**
 * Which locations send what: the fewest parcels that send all there is, then the nearest. Exact for up to eight candidate
 * locations, greedy above. The same input always gives the same plan.
 */
export function plan(input: PlanInput): Plan {
  const candidates = nearestFirst(input);
  const sendable: Units = new Map();
  for (const [sku, wanted] of unitsOf(input.lines)) {
    const units = Math.min(wanted, sumOf(candidates, sku));
    if (units > 0) sendable.set(sku, units);
  }
  const useful = candidates.filter(({ free }) => [...sendable.keys()].some((sku) => (free.get(sku) ?? 0) > 0));
  const chosen = useful.length <= exactUpTo ? fewest(useful, sendable) : greedy(useful, sendable);
  return pack(input.lines, chosen, sendable);
}

function unitsOf(lines: readonly StockLine[]): Units {
  const units: Units = new Map();
  for (const { sku, quantity } of lines) units.set(sku, (units.get(sku) ?? 0) + quantity);
  return units;
}

const sumOf = (candidates: readonly Candidate[], sku: string) => candidates.reduce((sum, { free }) => sum + (free.get(sku) ?? 0), 0);

function nearestFirst({ places, stock, destination }: PlanInput): Candidate[] {
  const allowed = 'locationId' in destination ? places.filter(({ id }) => id === destination.locationId) : places;
  const nearness = new Map(allowed.map((place) => [place.id, nearnessOf(place, destination)]));
  const byId = new Map<string, Candidate>();
  const sorted = allowed.toSorted(
    (a, b) => (nearness.get(b.id) ?? 0) - (nearness.get(a.id) ?? 0) || a.priority - b.priority || (a.id < b.id ? -1 : 1),
  );
  for (const { id } of sorted) byId.set(id, { id, free: new Map() });
  for (const { sku, locationId, free } of stock) if (free > 0) byId.get(locationId)?.free.set(sku, free);
  return [...byId.values()];
}

/** 0 abroad; in the country, 1 and one more for each leading character that the postal codes share. */
function nearnessOf(place: Place, destination: Destination): number {
  if ('locationId' in destination || place.country !== destination.country) return 0;
  const [here, there] = [place.postalCode, destination.postalCode].map((code) => code.replaceAll(/[\s-]/g, '').toUpperCase());
  let shared = 0;
  while (here?.[shared] !== undefined && here[shared] === there?.[shared]) shared++;
  return 1 + shared;
}

const covers = (chosen: readonly Candidate[], sendable: Units) => [...sendable].every(([sku, units]) => sumOf(chosen, sku) >= units);

/** The first choice that covers everything, smaller ones before larger ones, nearer ones before farther ones. */
function fewest(candidates: readonly Candidate[], sendable: Units): readonly Candidate[] {
  for (let size = 0; size <= candidates.length; size++) {
    for (const choice of choices(candidates, size)) if (covers(choice, sendable)) return choice;
  }
  return candidates;
}

function* choices(from: readonly Candidate[], size: number): Generator<readonly Candidate[]> {
  if (size === 0) {
    yield [];
    return;
  }
  for (const [index, first] of from.entries()) {
    for (const rest of choices(from.slice(index + 1), size - 1)) yield [first, ...rest];
  }
}

/** Takes the location that sends most of what is missing, again and again, then leaves out what turned out not to be needed. */
function greedy(candidates: readonly Candidate[], sendable: Units): readonly Candidate[] {
  const missing = new Map(sendable);
  const taken = new Set<Candidate>();
  while (missing.size > 0) {
    let best: { candidate: Candidate; units: number } | undefined;
    for (const candidate of candidates) {
      if (taken.has(candidate)) continue;
      const units = [...missing].reduce((sum, [sku, left]) => sum + Math.min(left, candidate.free.get(sku) ?? 0), 0);
      if (units > (best?.units ?? 0)) best = { candidate, units };
    }
    if (!best) break;
    taken.add(best.candidate);
    for (const [sku, left] of missing) {
      const rest = left - (best.candidate.free.get(sku) ?? 0);
      if (rest > 0) missing.set(sku, rest);
      else missing.delete(sku);
    }
  }
  for (const candidate of candidates.filter((candidate) => taken.has(candidate)).toReversed()) {
    taken.delete(candidate);
    if (!covers([...taken], sendable)) taken.add(candidate);
  }
  return candidates.filter((candidate) => taken.has(candidate));
}

/** Deals the lines out to the chosen locations: a SKU from one location where one has all of it, otherwise from the nearest on. */
function pack(lines: readonly StockLine[], chosen: readonly Candidate[], sendable: Units): Plan {
  const left = new Map<string, { candidate: Candidate; units: number }[]>();
  for (const [sku, units] of sendable) {
    const whole = chosen.find(({ free }) => (free.get(sku) ?? 0) >= units);
    let rest = units;
    left.set(
      sku,
      (whole ? [whole] : chosen).map((candidate) => {
        const share = Math.min(rest, candidate.free.get(sku) ?? 0);
        rest -= share;
        return { candidate, units: share };
      }),
    );
  }
  const parcels = new Map<Candidate, StockLine[]>(chosen.map((candidate) => [candidate, []]));
  const unavailable: StockLine[] = [];
  for (const { lineId, sku, quantity } of lines) {
    let wanted = quantity;
    for (const share of left.get(sku) ?? []) {
      const units = Math.min(wanted, share.units);
      if (units === 0) continue;
      share.units -= units;
      wanted -= units;
      parcels.get(share.candidate)?.push({ lineId, sku, quantity: units });
    }
    if (wanted > 0) unavailable.push({ lineId, sku, quantity: wanted });
  }
  return {
    parcels: [...parcels].filter(([, content]) => content.length > 0).map(([{ id }, content]) => ({ locationId: id, lines: content })),
    unavailable,
  };
}
