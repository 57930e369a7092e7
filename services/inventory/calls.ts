import { violatedConstraint } from '@waybill/kernel/database';
import { WaybillError } from '@waybill/kernel/errors';
import type { InventoryCalls, ReservationRef, ReserveStockInput, ReserveStockResult } from './contract.ts';
import type { InventoryMetrics } from './metrics.ts';
import { plan } from './plan.ts';
import type { ReservationStore, Situation, StoredReservation } from './store/reservations.ts';
import { checkReserveInput } from './validate.ts';

/** After so many plans whose stock others took first, the next one is made with the stock locked. */
const openAttempts = 3;

export type InventoryCallsOptions = {
  store: ReservationStore;
  leaseMs: number;
  metrics: InventoryMetrics;
  /** Called after each change, once it is committed. */
  onChange(): void;
};

export function createInventoryCalls({ store, leaseMs, metrics, onChange }: InventoryCallsOptions): InventoryCalls {
  function answer(input: ReserveStockInput, { places, stock, now }: Situation): ReserveStockResult {
    const planned = plan({ ...input, places, stock });
    const commits = input.commitIfComplete && planned.unavailable.length === 0;
    return { ...planned, expiresAt: commits ? null : new Date(new Date(now).getTime() + leaseMs).toISOString() };
  }

  async function reserveStock(input: ReserveStockInput): Promise<ReserveStockResult> {
    checkReserveInput(input);
    const skus = [...new Set(input.lines.map(({ sku }) => sku))];
    for (let attempt = 1; attempt <= openAttempts; attempt++) {
      const situation = await store.situation(input, skus);
      if (situation.stored) return resultOf(input, situation.stored);
      const result = answer(input, situation);
      const taken = await store.take(input, result).catch((error: unknown) => {
        if (violatedConstraint(error) !== 'stock_within_bounds') throw error;
        metrics.lostRaces.add(1);
        return undefined;
      });
      if (taken) return reserved(result);
      if (taken === false) return recorded(input);
    }
    const result = await store.takeLocked(input, skus, (situation) => answer(input, situation));
    return result ? reserved(result) : recorded(input);
  }

  function reserved(result: ReserveStockResult): ReserveStockResult {
    const outcome = result.unavailable.length === 0 ? 'complete' : result.parcels.length > 0 ? 'partial' : 'none';
    metrics.reservations.add(1, { outcome });
    onChange();
    return result;
  }

  async function recorded(input: ReserveStockInput): Promise<ReserveStockResult> {
    const stored = await store.find(input);
    if (!stored) throw new Error(`reservation ${nameOf(input)} was recorded and cannot be found`);
    return resultOf(input, stored);
  }

  return {
    reserveStock,

    listHeld: async ({ after, limit }) => ({ orderIds: await store.held(after, limit) }),

    async commitStock({ orderId, generation }) {
      if (await store.commit({ orderId, generation })) return { outcome: 'committed' };
      const stored = await store.find({ orderId, generation });
      if (!stored) throw notFound({ orderId, generation });
      if (stored.committed) return { outcome: 'committed' };
      if (stored.status === 'expired') return { outcome: 'expired' };
      throw new WaybillError('conflict', `reservation ${nameOf({ orderId, generation })} was released, so it cannot be committed`);
    },

    async releaseStock({ orderId, generation, locationId }) {
      const key = { orderId, generation };
      while (!(await store.release(key, locationId))) {
        if (await store.bury(key)) return { released: 0 };
      }
      onChange();
      return { released: (await store.units(key, locationId)).released };
    },

    async dispatchStock({ orderId, generation, locationId }) {
      const key = { orderId, generation };
      const sent = await store.dispatch(key, locationId);
      if (sent > 0) {
        onChange();
        return { dispatched: sent };
      }
      return { dispatched: await dispatchedBefore(store, { ...key, locationId }) };
    },
  };
}

async function dispatchedBefore(store: ReservationStore, reservation: Required<ReservationRef>): Promise<number> {
  const stored = await store.find(reservation);
  if (!stored) throw notFound(reservation);
  const { held, dispatched, released } = await store.units(reservation, reservation.locationId);
  if (dispatched > 0) return dispatched;
  const what = `reservation ${nameOf(reservation)}`;
  if (held > 0) throw new WaybillError('conflict', `${what} is only ${stored.status}: commit it before its goods leave`);
  if (released > 0) {
    throw new WaybillError('conflict', `${what} was given back at ${reservation.locationId}, so nothing can leave there`);
  }
  throw new WaybillError('not_found', `${what} holds nothing at ${reservation.locationId}`);
}

const nameOf = ({ orderId, generation }: { orderId: string; generation: number }) => `${orderId}/${generation}`;

const notFound = (key: { orderId: string; generation: number }) =>
  new WaybillError('not_found', `reservation ${nameOf(key)} does not exist`);

function resultOf(input: ReserveStockInput, { status, result }: StoredReservation): ReserveStockResult {
  if (status === 'released' || !result) {
    throw new WaybillError('conflict', `reservation ${nameOf(input)} was released, so it cannot be made again`);
  }
  return result;
}
