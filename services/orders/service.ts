import { fileURLToPath } from 'node:url';
import type { Meter } from '@opentelemetry/api';
import { billingCalls } from '@waybill/billing/contract';
import { catalogCalls } from '@waybill/catalog/contract';
import { inventoryCalls } from '@waybill/inventory/contract';
import { defineService, type Loop } from '@waybill/kernel/service';
import { shippingCalls } from '@waybill/shipping/contract';
import type { Kysely } from 'kysely';
import { createAcceptance } from './acceptance.ts';
import { createCommands } from './commands.ts';
import { type OrderChange, type SavedOrder, taskQueue } from './contract.ts';
import { createLive } from './live.ts';
import { createOrdersMetrics, observeFigures } from './metrics.ts';
import { createReconciler } from './reconcile.ts';
import { orderRoutes } from './routes/orders.ts';
import { reconciliationRoutes } from './routes/reconciliations.ts';
import { streamRoutes } from './routes/stream.ts';
import { taskRoutes } from './routes/tasks.ts';
import { ordersSettings, waitsOf } from './settings.ts';
import { createStarter } from './start.ts';
import { readFigures } from './store/figures.ts';
import { projectOrder } from './store/project.ts';
import type { OrdersTables } from './store/tables.ts';

/** Looks at the table now and then rather than with each scrape, and only in workers. */
function figuresLoop(db: Kysely<OrdersTables>, meter: Meter): Loop {
  const observe = observeFigures(meter);
  return {
    name: 'order-figures',
    everyMs: 10_000,
    async run() {
      const fresh = readFigures(db);
      observe(await fresh.catch(() => undefined)); // old figures would hide that nobody answers
      await fresh;
      return false;
    },
  };
}

export const orders = defineService<typeof ordersSettings, OrdersTables>({
  name: 'orders',
  settings: ordersSettings,
  migrations: new URL('./migrations/', import.meta.url),
  taskQueue,
  create({ settings, log, meter, database, temporal, calls, wakeRelay }) {
    const { db } = database;
    const metrics = createOrdersMetrics(meter);
    const starter = createStarter({ db, temporal, waits: waitsOf(settings), startLimit: settings.ORDER_START_LIMIT, metrics, log });
    const commands = createCommands({ db, temporal, starter });
    const accept = createAcceptance({ db, catalog: calls(catalogCalls), starter, metrics, wakeRelay });
    const live = createLive({ login: database.login, log });
    const owners = { inventory: calls(inventoryCalls), billing: calls(billingCalls), shipping: calls(shippingCalls) };
    const reconcile = createReconciler({ db, temporal, starter, ...owners, log });
    const activities = {
      async saveOrder(change: OrderChange): Promise<SavedOrder> {
        const { written, ...saved } = await projectOrder(db, change);
        if (written) metrics.saved(change);
        wakeRelay();
        return saved;
      },
    };
    return {
      async routes(app) {
        const deps = { db, accept, commands, live };
        await app.register(orderRoutes(deps));
        await app.register(streamRoutes({ ...deps, log }));
        await app.register(taskRoutes(deps));
        await app.register(reconciliationRoutes({ reconcile }));
      },
      startApi: async () => live.start(),
      worker: {
        activities,
        workflows: {
          path: fileURLToPath(new URL('./workflows/index.ts', import.meta.url)),
          nearActivities: { ...activities, ...owners.inventory, ...owners.billing, ...owners.shipping },
        },
        loops: [starter.dispatcher, starter.partitions, figuresLoop(db, meter)],
      },
    };
  },
});
