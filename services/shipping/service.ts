import { setting } from '@waybill/kernel/config';
import { defineService } from '@waybill/kernel/service';
import { createShippingCalls } from './calls.ts';
import { createSimulatedCarrier, manualCarrier } from './carrier.ts';
import { taskQueue } from './contract.ts';
import { createShippingMetrics } from './metrics.ts';
import { createReports } from './reports.ts';
import { shippingRoutes } from './routes.ts';
import { createShipmentStore } from './store.ts';
import { createCarrierLoop } from './worker.ts';

const settings = {
  CARRIER: setting.choice({
    of: ['manual', 'simulated'],
    description:
      'Who takes the parcels: manual (each step is reported to /v1/shipments/ID/carrier-events) or simulated (delivers by itself)',
    default: 'manual',
  }),
  SIMULATED_CARRIER_DELAY: setting.duration({
    description: 'How long the simulated carrier takes for each of its two steps',
    default: '5s',
  }),
};

export const shipping = defineService<typeof settings, unknown>({
  name: 'shipping',
  settings,
  migrations: new URL('./migrations/', import.meta.url),
  taskQueue,
  signals: true,
  create({ settings, database, meter, wakeRelay }) {
    const metrics = createShippingMetrics(meter);
    const store = createShipmentStore(database.db);
    const delayMs = settings.SIMULATED_CARRIER_DELAY;
    const carrier = settings.CARRIER === 'simulated' ? createSimulatedCarrier(delayMs) : manualCarrier;
    const report = createReports({ store, carrier, metrics, onChange: wakeRelay });
    const everyMs = Math.min(Math.max(delayMs / 4, 20), 1_000);
    return {
      calls: createShippingCalls({ store, carrier, metrics, onChange: wakeRelay }),
      routes: shippingRoutes({ store, report }),
      worker: { loops: carrier.name === 'manual' ? [] : [createCarrierLoop({ store, carrier, report, everyMs })] },
    };
  },
});
