import type { CatalogCalls } from '@waybill/catalog/contract';
import { violatedConstraint } from '@waybill/kernel/database';
import { invalidField, WaybillError } from '@waybill/kernel/errors';
import { type Adjustment, type LevelStore, type Movement, mostOnHand } from './store/levels.ts';
import type { LocationStore } from './store/locations.ts';

export type AdjustOptions = {
  levels: LevelStore;
  locations: LocationStore;
  /** Asked only about a SKU that was never in stock anywhere. */
  catalog: Pick<CatalogCalls, 'findSkus'>;
  onChange(): void;
};

/** Changes on-hand by hand: a delivery, a count, a breakage. The same key of the same actor gets the first answer again. */
export function createAdjust({ levels, locations, catalog, onChange }: AdjustOptions) {
  return async function adjust(adjustment: Adjustment): Promise<Movement> {
    const before = await repeated(levels, adjustment);
    if (before) return before;
    const { sku, locationId } = adjustment;
    if (!(await locations.find(locationId))) throw invalidField('locationId', `${locationId} is not a location; see GET /v1/locations`);
    if (!(await levels.knowsSku(sku))) {
      const { known } = await catalog.findSkus({ skus: [sku] });
      if (!known.includes(sku)) throw invalidField('sku', `${sku} is not in the catalogue; add a product with it first`);
    }
    try {
      const movement = await levels.adjust(adjustment);
      if (!movement) throw await refusal(levels, adjustment);
      onChange();
      return movement;
    } catch (error) {
      const winner = violatedConstraint(error) === 'movement_key' ? await repeated(levels, adjustment) : undefined;
      if (!winner) throw error;
      return winner;
    }
  };
}

async function repeated(levels: LevelStore, { actor, key, sku, locationId, delta, reason }: Adjustment): Promise<Movement | undefined> {
  const movement = key === undefined ? undefined : await levels.byKey(actor, key);
  if (!movement) return undefined;
  if (movement.sku === sku && movement.locationId === locationId && movement.delta === delta && movement.reason === reason) return movement;
  throw new WaybillError('conflict', `the Idempotency-Key ${key} was used for another adjustment; use a new key for a new one`, {
    errors: [{ field: 'idempotency-key', message: 'was used with another body' }],
  });
}

async function refusal(levels: LevelStore, { sku, locationId, delta }: Adjustment): Promise<WaybillError> {
  const { onHand, reserved } = (await levels.level(sku, locationId)) ?? { onHand: 0, reserved: 0 };
  const why =
    delta < 0
      ? `${locationId} has ${onHand} of ${sku}, ${reserved} of them reserved, so at most ${onHand - reserved} can go, not ${-delta}`
      : `${locationId} has ${onHand} of ${sku} and holds at most ${mostOnHand}, so ${delta} more do not fit`;
  return new WaybillError('conflict', why, { errors: [{ field: 'delta', message: why }] });
}
