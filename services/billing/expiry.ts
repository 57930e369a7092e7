import type { Loop } from '@waybill/kernel/service';
import type { PaymentStore } from './store/payments.ts';

const atOnce = 100;

/** Shows authorizations as expired once the provider has let them go. */
export function createExpiryLoop({ payments, onChange }: { payments: PaymentStore; onChange(): void }): Loop {
  return {
    name: 'authorization-expiry',
    everyMs: 30_000,
    async run() {
      const expired = await payments.expire(atOnce);
      if (expired > 0) onChange();
      return expired === atOnce;
    },
  };
}
