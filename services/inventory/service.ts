import { catalogCalls } from '@waybill/catalog/contract';
import { setting } from '@waybill/kernel/config';
import { defineService } from '@waybill/kernel/service';
import { createAdjust } from './adjust.ts';
import { createInventoryCalls } from './calls.ts';
import { taskQueue } from './contract.ts';
import { createInventoryMetrics } from './metrics.ts';
import { inventoryRoutes } from './routes.ts';
import { createLevelStore } from './store/levels.ts';
import { createLocationStore } from './store/locations.ts';
import { createReservationStore } from './store/reservations.ts';
import type { InventoryTables } from './tables.ts';
import { createLeaseLoop, createOrderConsumer } from './worker.ts';

const settings = {
  STOCK_LEASE: setting.duration({
    description: 'How long an order holds stock before it pays; then the stock is given back and the order reserves again',
    default: '15m',
  }),
  STOCK_LEASE_SWEEP: setting.duration({ description: 'How often leases that ran out are looked for', default: '5s' }),
};

export const inventory = defineService<typeof settings, InventoryTables>({
  name: 'inventory',
  settings,
  migrations: new URL('./migrations/', import.meta.url),
  taskQueue,
  create({ settings, database, meter, calls, wakeRelay }) {
    const metrics = createInventoryMetrics(meter);
    const store = createReservationStore(database.db);
    const levels = createLevelStore(database.db);
    const locations = createLocationStore(database.db);
    return {
      calls: createInventoryCalls({ store, leaseMs: settings.STOCK_LEASE, metrics, onChange: wakeRelay }),
      // Only the API role needs the catalogue's address, and then at its start.
      routes: async (app) => {
        const adjust = createAdjust({ levels, locations, catalog: calls(catalogCalls), onChange: wakeRelay });
        await app.register(inventoryRoutes({ locations, levels, adjust }));
      },
      worker: {
        loops: [createLeaseLoop({ store, metrics, everyMs: settings.STOCK_LEASE_SWEEP, onChange: wakeRelay })],
        consumers: [createOrderConsumer({ store, onChange: wakeRelay })],
      },
    };
  },
});
