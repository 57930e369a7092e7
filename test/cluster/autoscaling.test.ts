import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { door, environment, install, kubectl, leave, succeeds, topology, withCustom } from './installation.ts';
import { openShop } from './steady-orders.ts';

// Compact does not scale by itself; what a user turns on there is the same object.
const component = topology === 'compact' ? 'api' : 'orders-api';
const least = topology === 'compact' ? 1 : 2;
const scaled = stringify({
  components: {
    [component]: {
      replicas: least,
      rollout: { maxSurge: 1, maxUnavailable: 0 },
      autoscaling: { enabled: true, maxReplicas: least + 1, targetCPU: 150, scaleDownAfterSeconds: 20 },
    },
  },
});

// The second pod's connections, as docs/kubernetes.md has them; the platform of services has them already.
const roomier = stringify(
  topology === 'compact'
    ? { postgresql: { parameters: { max_connections: 73 }, resources: { requests: { memory: '280Mi' }, limits: { memory: '280Mi' } } } }
    : {},
);

beforeAll(install);
afterAll(async () => {
  await succeeds('k8s', 'start', '-e', environment);
  await leave();
});

test('the orders API gets a pod more under load, and gives it back afterwards', async () => {
  await withCustom({ 'values/platform.yaml': roomier, [`values/waybill-${environment}.yaml`]: scaled }, async () => {
    await succeeds('k8s', 'start', '-e', environment);
    await expect.poll(figures, { timeout: 180_000, interval: 2_000 }).toMatchObject({ measured: true, replicas: least, ready: least });
    using shop = await openShop(await door());
    const load = new AbortController();
    const readers = Array.from({ length: 16 }, async () => {
      while (!load.signal.aborted) await shop.api.client.GET('/v1/orders', { params: { query: { limit: 100 } } }).catch(() => delay(200));
    });
    try {
      await expect.poll(figures, { timeout: 240_000, interval: 2_000 }).toMatchObject({ replicas: least + 1, ready: least + 1 });
    } finally {
      load.abort();
      await Promise.all(readers);
    }
    console.log(`${component}: ${JSON.stringify(await figures())} under load`);
    await expect.poll(figures, { timeout: 300_000, interval: 2_000 }).toMatchObject({ replicas: least, ready: least });
  });
});

async function figures(): Promise<{ measured: boolean; percent: number; replicas: number; ready: number }> {
  const read = async (kind: string) =>
    JSON.parse(await kubectl('get', kind, component, '--namespace', environment, '--output', 'json')).status;
  const [scaler, deployment] = await Promise.all([read('hpa'), read('deployment')]);
  const percent = scaler.currentMetrics?.[0]?.resource?.current?.averageUtilization;
  return { measured: percent !== undefined, percent: percent ?? 0, replicas: scaler.desiredReplicas, ready: deployment.readyReplicas ?? 0 };
}
