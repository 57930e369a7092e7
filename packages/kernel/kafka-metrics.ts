import type { Meter } from '@opentelemetry/api';

export type LagMetrics = { lags(topics: ReadonlyMap<string, readonly bigint[]>): void; stop(): void };

/**
 * Events that a consumer group has not read yet, as the usual exporters name it. A process reports the partitions it reads, so a
 * sum over processes is right.
 */
export function createLagMetrics(meter: Meter, group: string): LagMetrics {
  let latest: ReadonlyMap<string, readonly bigint[]> = new Map();
  const gauge = meter.createObservableGauge('kafka_consumergroup_lag', {
    description: 'Events of a partition that the group has yet to read',
  });
  const observe: Parameters<typeof gauge.addCallback>[0] = (result) => {
    for (const [topic, partitions] of latest)
      for (const [partition, lag] of partitions.entries()) {
        // Below zero: another process reads this partition.
        if (lag >= 0n) result.observe(Number(lag), { consumergroup: group, topic, partition: String(partition) });
      }
  };
  gauge.addCallback(observe);
  return {
    lags(topics) {
      latest = topics;
    },
    stop: () => gauge.removeCallback(observe),
  };
}
