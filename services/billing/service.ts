import { setting } from '@waybill/kernel/config';
import { defineService } from '@waybill/kernel/service';
import { createBillingCalls } from './calls.ts';
import { taskQueue } from './contract.ts';
import { createExpiryLoop } from './expiry.ts';
import { createBillingMetrics } from './metrics.ts';
import { billingRoutes } from './routes.ts';
import { createSimulatedProvider } from './simulated-provider.ts';
import { createFraudStore } from './store/fraud.ts';
import { createPaymentStore } from './store/payments.ts';

const settings = {
  PROVIDER_TIMEOUT: setting.duration({
    description: 'How long a payment step waits for the provider; after that it looks there again what has become of it',
    default: '10s',
  }),
  AUTHORIZATION_LIFETIME: setting.duration({
    description: 'How long the simulated provider keeps an authorization; orders renew theirs before',
    default: '7d',
  }),
  SIMULATED_SLOW: setting.duration({ description: 'How late the simulated provider answers for the token tok_slow', default: '5s' }),
  SIMULATED_OUTAGE: setting.duration({
    description: 'How long the simulated provider is out for a payment with the token tok_outage, from its first use',
    default: '1m',
  }),
};

/** What a step may take beyond the provider's time: its own statements, before and after. */
const leaseSlackMs = 2_000;

export const billing = defineService<typeof settings, unknown>({
  name: 'billing',
  settings,
  migrations: new URL('./migrations/', import.meta.url),
  taskQueue,
  create({ settings, database, meter, wakeRelay }) {
    const metrics = createBillingMetrics(meter);
    const payments = createPaymentStore(database.db, { leaseMs: settings.PROVIDER_TIMEOUT + leaseSlackMs });
    const fraud = createFraudStore(database.db);
    const simulated = createSimulatedProvider({
      database,
      authorizationLifetimeMs: settings.AUTHORIZATION_LIFETIME,
      slowMs: settings.SIMULATED_SLOW,
      outageMs: settings.SIMULATED_OUTAGE,
    });
    return {
      calls: createBillingCalls({
        payments,
        fraud,
        providers: [simulated],
        providerTimeoutMs: settings.PROVIDER_TIMEOUT,
        metrics,
        onChange: wakeRelay,
      }),
      routes: billingRoutes({ payments, fraud }),
      worker: { loops: [createExpiryLoop({ payments, onChange: wakeRelay })] },
    };
  },
});
