import type { Meter } from '@opentelemetry/api';

export function createBillingMetrics(meter: Meter) {
  return {
    steps: meter.createCounter('waybill_billing_steps', { description: 'Payment steps taken, by step and outcome' }),
    takeovers: meter.createCounter('waybill_billing_takeovers', {
      description: 'Steps that went on where an attempt without a known end had left them',
    }),
    checks: meter.createCounter('waybill_billing_fraud_checks', { description: 'Fraud checks answered, by outcome' }),
    provider: meter.createHistogram('waybill_billing_provider_duration_seconds', {
      description: 'Time a payment provider took to answer, by operation and outcome',
      advice: { explicitBucketBoundaries: [0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] },
    }),
  };
}

export type BillingMetrics = ReturnType<typeof createBillingMetrics>;
