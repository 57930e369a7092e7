import { afterAll, beforeAll, expect, test } from 'vitest';
import { components } from '../../deploy/budgets.ts';
import { forward } from './books.ts';
import { componentOf, environment, install, leave, runningPods, topology } from './installation.ts';

const off = process.env['K8S_MONITORING'] === 'false';

beforeAll(async () => {
  if (!off) await install();
});
afterAll(leave);

type Target = { health: string; lastError: string; labels: Record<string, string> };

test.skipIf(off)('Prometheus finds every pod that has metrics, and reads all of them (not with K8S_MONITORING=false)', async () => {
  const { port, close } = await forward('monitoring', 'service/prometheus', 9090);
  try {
    const ask = async (path: string) => (await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)).json() as Promise<{ data: never }>;
    const targets = async () => ((await ask('targets?state=active')).data as { activeTargets: Target[] }).activeTargets;
    const pods = (await runningPods('infra', 'monitoring', environment)).filter(
      ({ metadata }) => metadata.annotations?.['prometheus.io/scrape'] === 'true',
    );
    const wanted = pods.map(({ metadata }) => `${metadata.namespace}/${metadata.name} up`).sort();
    const found = async () =>
      (await targets())
        .filter(({ labels }) => labels['pod'] !== undefined && ['infra', 'monitoring', environment].includes(labels['namespace'] ?? ''))
        .map(({ health, lastError, labels }) => `${labels['namespace']}/${labels['pod']} ${health}${lastError && `: ${lastError}`}`)
        .sort();
    await expect.poll(found, { timeout: 120_000, interval: 2_000 }).toEqual(wanted);
    const names = (await targets()).filter(({ labels }) => labels['namespace'] === environment).map(({ labels }) => labels['component']);
    expect(new Set(names)).toEqual(new Set(Object.keys(components[topology])));
    expect(pods.map(componentOf)).toEqual(expect.arrayContaining(['temporal', 'otel-collector']));
    // What dashboards and alerts ask by.
    const query = encodeURIComponent(`count by (component) (process_resident_memory_bytes{namespace="${environment}"})`);
    const { result } = (await ask(`query?query=${query}`)).data as { result: { metric: { component: string } }[] };
    expect(new Set(result.map(({ metric }) => metric.component))).toEqual(new Set(Object.keys(components[topology])));
    console.log(`${wanted.length} targets are up: ${wanted.join(', ')}`);
  } finally {
    close();
  }
});
