import { WaybillError } from '@waybill/kernel/errors';
import type { BillingMetrics } from './metrics.ts';
import type { PaymentProvider } from './provider.ts';

/** Finds providers by name and asks them with a time limit, whether or not they keep to it themselves. */
export function createProviderClient(options: { providers: readonly PaymentProvider[]; metrics: BillingMetrics }) {
  const providers = new Map(options.providers.map((provider) => [provider.name, provider]));

  return {
    providerOf: (name: string | null): PaymentProvider | undefined => (name === null ? undefined : providers.get(name)),

    async ask<T>(provider: PaymentProvider, operation: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
      const started = performance.now();
      const late = new WaybillError('unavailable', `the payment provider ${provider.name} did not answer in time`, { retryAfter: 1 });
      if (signal.aborted) throw late;
      const { promise: aborted, reject } = Promise.withResolvers<never>();
      const abort = () => reject(late);
      signal.addEventListener('abort', abort, { once: true });
      let outcome = 'failed';
      try {
        const answer = await Promise.race([aborted, work()]);
        outcome = 'answered';
        return answer;
      } finally {
        signal.removeEventListener('abort', abort);
        options.metrics.provider.record((performance.now() - started) / 1_000, { provider: provider.name, operation, outcome });
      }
    },
  };
}
