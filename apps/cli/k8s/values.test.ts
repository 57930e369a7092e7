import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfiguration } from '../configuration.ts';
import { rootAt } from '../root.ts';
import { createTestRoot } from '../testing.ts';
import { type Environment, releasesOf } from './releases.ts';
import { type Values, valuesFor } from './values.ts';

/** What the chart waybill is told with these lines in config.yml. */
function configOf(environment: Environment, settings: string): Values {
  using root = createTestRoot();
  mkdirSync(root.root);
  writeFileSync(join(root.root, 'config.yml'), settings);
  const configuration = loadConfiguration(rootAt({ flag: root.root, env: {}, cwd: root.folder }), {});
  const [, , waybill] = releasesOf(environment);
  return valuesFor(waybill, environment, configuration, { repository: 'waybill/waybill', tag: '1' })['config'] as Values; // a map in every case
}

test.each(['prod', 'staging'] as const)('without monitoring no traces are sent to a collector that is not there: %s', (environment) => {
  expect(configOf(environment, '')).toHaveProperty('OTEL_EXPORTER_OTLP_ENDPOINT');
  expect(configOf(environment, 'K8S_MONITORING: false')).not.toHaveProperty('OTEL_EXPORTER_OTLP_ENDPOINT');
  expect(configOf(environment, 'K8S_MONITORING: false\nOTEL_EXPORTER_OTLP_ENDPOINT: http://tempo.observability:4318')).toMatchObject({
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://tempo.observability:4318',
  });
});

test('addresses and logins of this machine’s servers are not taken over into the cluster', () => {
  const config = configOf(
    'prod',
    'TEMPORAL_ADDRESS: here:7233\nTEMPORAL_TLS: true\nKAFKA_BROKERS: here:9092\nKAFKA_TLS: true\nLOG_LEVEL: debug',
  );
  expect(config).toMatchObject({ LOG_LEVEL: 'debug' });
  for (const key of ['TEMPORAL_ADDRESS', 'TEMPORAL_TLS', 'KAFKA_BROKERS', 'KAFKA_TLS']) expect(config).not.toHaveProperty(key);
});
