import type { Meter } from '@opentelemetry/api';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';

/** From this attempt on a step is not merely unlucky. */
const manyAttempts = 5;

/** How a workflow's steps go: near or far, how long, how often again. The labels are names in the code. */
export function stepMetrics(meter: Meter): ActivityInterceptorsFactory {
  const duration = meter.createHistogram('waybill_step_duration_seconds', {
    description: 'Time an attempt at a step took, by step, way (near, far) and outcome',
    advice: { explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30] },
  });
  const retries = meter.createCounter('waybill_step_retries', { description: 'Attempts at a step after its first' });
  const stuck = meter.createCounter('waybill_step_stuck_failures', {
    description: `Failures of a step that has failed ${manyAttempts} times or more: it waits for something that does not come back by itself`,
  });
  const seen = new Set<string>(); // names in the code
  return ({ info }) => {
    const step = info.activityType;
    const way = info.isLocal ? 'near' : 'far';
    if (!seen.has(step)) {
      seen.add(step);
      retries.add(0, { step }); // a counter that begins at its first event hides that event from every rate
      stuck.add(0, { step });
    }
    if (!info.isLocal && info.attempt > 1) retries.add(1, { step });
    return {
      inbound: {
        async execute(input, next) {
          const startedAt = performance.now();
          const done = (outcome: string) => duration.record((performance.now() - startedAt) / 1_000, { step, way, outcome });
          try {
            const result = await next(input);
            done('ok');
            return result;
          } catch (error) {
            done('failed');
            if (!info.isLocal && info.attempt >= manyAttempts) stuck.add(1, { step });
            throw error;
          }
        },
      },
    };
  };
}
