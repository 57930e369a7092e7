import type { Database } from '@waybill/kernel/database';
import { sql } from 'kysely';
import { tellMoved } from './store/changes.ts';
import type { InventoryTables } from './tables.ts';

const locations = [
  { id: 'loc_north', name: 'Northern warehouse', country: 'DE', postal_code: '20457', priority: 10 },
  { id: 'loc_south', name: 'Southern warehouse', country: 'DE', postal_code: '80331', priority: 20 },
];

/** Enough of what sells that a load test does not run dry, one of the print, none of the record. */
const stock = [
  { sku: 'MUG-BLUE', locationId: 'loc_north', onHand: 1_000_000 },
  { sku: 'TEE-M', locationId: 'loc_north', onHand: 1_000_000 },
  { sku: 'CAP-RED', locationId: 'loc_south', onHand: 1_000_000 },
  { sku: 'PRINT-LTD', locationId: 'loc_north', onHand: 1 },
  { sku: 'VINYL-OLD', locationId: 'loc_north', onHand: 0 },
];

/** Adds what is missing of the demo stock. Levels that are there stay as they are, also when they are sold out. */
export async function seedInventory(database: Database<InventoryTables>): Promise<void> {
  await database.db
    .insertInto('location')
    .values(locations)
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  await sql`
    with moved as (
      insert into stock (sku, location_id, on_hand, reserved, version)
      select sku, "locationId", "onHand", 0, 1
      from jsonb_to_recordset(${JSON.stringify(stock)}::jsonb) as s(sku text, "locationId" text, "onHand" integer)
      on conflict do nothing returning sku, location_id, on_hand, reserved, version
    ),
    ${tellMoved()}
    insert into movement (sku, location_id, delta, reason, on_hand, reserved)
    select sku, location_id, on_hand, 'demo stock', on_hand, reserved from moved where on_hand > 0`.execute(database.db);
}
