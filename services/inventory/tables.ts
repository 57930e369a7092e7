import type { Generated, JSONColumnType } from 'kysely';
import type { ReserveStockResult } from './contract.ts';

export type ReservationStatus = 'leased' | 'committed' | 'released' | 'expired';
type HoldStatus = 'held' | 'dispatched' | 'released';

export type InventoryTables = {
  location: {
    id: string;
    name: string;
    country: string;
    postal_code: string;
    priority: number;
    created_at: Generated<Date>;
  };
  stock: {
    sku: string;
    location_id: string;
    on_hand: number;
    reserved: number;
    version: number;
    updated_at: Generated<Date>;
  };
  reservation: {
    order_id: string;
    generation: number;
    status: ReservationStatus;
    expires_at: Date | null;
    committed_at: Date | null;
    result: JSONColumnType<ReserveStockResult> | null;
    created_at: Generated<Date>;
    updated_at: Generated<Date>;
  };
  reservation_line: {
    order_id: string;
    generation: number;
    location_id: string;
    line_id: string;
    sku: string;
    quantity: number;
    status: Generated<HoldStatus>;
  };
  movement: {
    id: Generated<number>;
    sku: string;
    location_id: string;
    delta: number;
    reason: string;
    order_id: string | null;
    /** Stock after this movement. */
    on_hand: number;
    reserved: number;
    actor: string | null;
    idempotency_key: string | null;
    created_at: Generated<Date>;
  };
};
