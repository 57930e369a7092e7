// What is measured and traced, read by those who will read it: a real Prometheus, and a receiver in place of the collector.
import { freePort } from '@waybill/embedded/ports';
import { allRoles } from '@waybill/server/roles';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openPlatform, type Platform } from '../platform/platform.ts';
import { alertRules, alertsFolder, dashboardQueries, metricsIn } from './expressions.ts';
import { type Prometheus, startPrometheus } from './prometheus.ts';
import { type ReceivedSpan, startReceiver } from './receiver.ts';

const apis = allRoles.filter((role) => role.endsWith('-api')).join(' ');
const workers = allRoles.filter((role) => role.endsWith('-worker') && role !== 'orders-worker').join(' ');
// Every role, in processes that talk over HTTP and Kafka; as few of them as two cores start in time.
const layout = ['gateway', 'codec-server', apis, workers, 'orders-worker'];

const client = 3; // the kind of a span, as OTLP counts them
const patience = { timeout: 30_000 };
const traceId = '0af7651916cd43dd8448eb211c80319c';
const cancelledTraceId = '4bf92f3577b34da6a3ce929d0e0e4736';

let platform: Platform;
let prometheus: Prometheus;
let receiver: Awaited<ReturnType<typeof startReceiver>>;

beforeAll(async () => {
  receiver = await startReceiver();
  const [codecPort, temporalPort, sdkPort, ordersSdkPort] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const own: Record<string, Record<string, string>> = {
    'codec-server': { INTERNAL_PORT: String(codecPort) },
    [workers]: { TEMPORAL_METRICS_ADDRESS: `127.0.0.1:${sdkPort}` },
    'orders-worker': { TEMPORAL_METRICS_ADDRESS: `127.0.0.1:${ordersSdkPort}` },
  };
  platform = await openPlatform({
    mode: 'split',
    processes: layout.map((roles) => roles.split(' ')),
    temporalMetricsPort: temporalPort,
    settings: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, LOG_LEVEL: 'debug' },
    settingsOf: (roles) => own[roles] ?? {},
  });
  const targets = layout.map((roles) => ({
    address: roles === 'codec-server' ? `127.0.0.1:${codecPort}` : new URL(platform.urlOf(roles)).host,
    labels: { job: 'waybill', namespace: 'prod', component: roles.split(' ')[0] ?? '', pod: roles.split(' ')[0] ?? '' },
  }));
  const temporal = {
    address: `127.0.0.1:${temporalPort}`,
    labels: { job: 'platform', namespace: 'infra', component: 'temporal', pod: 'temporal' },
  };
  prometheus = await startPrometheus({ folder: platform.folder, rules: alertsFolder, targets: [...targets, temporal] });
}, 240_000);

afterAll(async () => {
  await prometheus?.[Symbol.asyncDispose]();
  await platform?.[Symbol.asyncDispose]();
  await receiver?.[Symbol.asyncDispose]();
}, 60_000);

async function place(headers: Record<string, string>): Promise<string> {
  const { status, body } = await platform.api.request<{ id: string }>('POST', '/v1/orders', orderOf('tok_approve'), headers);
  expect(status).toBe(201);
  return body.id;
}

async function completeOrder(headers: Record<string, string> = {}): Promise<void> {
  const id = await place(headers);
  await platform.api.deliver(await platform.api.untilBooked(id));
  await platform.api.untilStatus(id, 'completed');
}

/** Its end is what inventory listens for. */
async function cancelOrder(headers: Record<string, string> = {}): Promise<void> {
  const id = await place(headers);
  await platform.api.untilBooked(id);
  const { status } = await platform.api.request('POST', `/v1/orders/${id}/cancel`, { reason: 'changed my mind' });
  expect(status).toBe(200);
  await platform.api.untilStatus(id, 'cancelled');
}

const orderOf = (token: string) => ({
  currency: 'EUR',
  lines: [{ sku: 'MUG-BLUE', quantity: 1 }],
  delivery: {
    method: 'ship',
    shippingMethod: 'standard',
    address: { name: 'Ada Lovelace', line1: '12 Analytical Way', postalCode: '10115', city: 'Berlin', country: 'DE' },
  },
  payment: { provider: 'simulated', token },
});

/** Asks again until nothing is missing: figures that need SQL come after some seconds, and rates need two scrapes. */
async function missing(expressions: readonly string[], timeoutMs = 60_000): Promise<string[]> {
  let left = [...expressions];
  for (const deadline = Date.now() + timeoutMs; left.length > 0 && Date.now() < deadline; ) {
    const results = await Promise.all(left.map(async (expr) => ((await prometheus.query(expr)).length > 0 ? [] : [expr])));
    left = results.flat();
    if (left.length > 0) await Promise.all([completeOrder(), cancelOrder()]);
  }
  return left;
}

describe('traces', () => {
  test('one trace goes from the caller through gateway, workflow and steps to SQL, in five processes', async () => {
    await completeOrder({ traceparent: `00-${traceId}-b7ad6b7169203331-01` });
    const statements = () =>
      receiver.spans.filter(
        (span) => span.traceId === traceId && receiver.pathOf(span)[3] === 'RunActivity:reserveStock' && span.kind === client,
      );
    // The workflow's own span comes when it ends.
    await expect
      .poll(() => receiver.spans.some(({ traceId: id, name }) => id === traceId && name === 'RunWorkflow:order'), patience)
      .toBe(true);
    await expect.poll(() => statements().length, patience).toBeGreaterThan(0);
    const [statement] = statements() as [ReceivedSpan]; // there is one, as the line above has found
    expect(statement.attributes.find(({ key }) => key === 'db.query.text')?.value.stringValue).toContain('reservation');
    expect(receiver.pathOf(statement).slice(1)).toEqual([
      'POST /internal/inventory/reserveStock', // as the inventory's API serves it
      'POST /internal/inventory/reserveStock', // as the orders worker calls it
      'RunActivity:reserveStock',
      'RunWorkflow:order',
      'StartWorkflow:order',
      'POST /v1/orders', // as the orders' API serves it
      'POST orders', // as the gateway passes it on
      'POST /v1/orders', // as the gateway serves it
    ]);
  }, 90_000);

  test('an event carries its trace over Kafka to its consumer', async () => {
    await cancelOrder({ traceparent: `00-${cancelledTraceId}-b7ad6b7169203331-01` });
    const consumed = () => receiver.spans.find((span) => span.traceId === cancelledTraceId && span.name === 'process order.cancelled');
    await expect.poll(consumed, patience).toBeDefined();
    expect(receiver.pathOf(consumed() as ReceivedSpan).slice(0, 3)).toEqual([
      'process order.cancelled',
      'send order.cancelled',
      'RunActivity:saveOrder',
    ]);
  }, 60_000);

  test('no span holds what a person wrote, and statements hold no values', () => {
    const text = JSON.stringify(receiver.spans);
    for (const secret of ['Ada Lovelace', 'Analytical', '10115', platform.api.key, 'tok_approve']) expect(text).not.toContain(secret);
  });

  test('log lines name their trace', async () => {
    await expect.poll(async () => (await platform.log()).includes(`"trace_id":"${traceId}"`), patience).toBe(true);
  });
});

describe('Prometheus', () => {
  test('every role is scraped', async () => {
    expect(await missing(allRoles.map((role) => `waybill_role_up{role="${role}"} == 1`))).toEqual([]);
    expect((await prometheus.query('up == 0')).map(({ metric }) => metric['component'])).toEqual([]);
  }, 90_000);

  test('every query of every dashboard gives data', async () => {
    const queries = dashboardQueries();
    const empty = await missing(queries.map(({ expr }) => expr));
    expect(queries.filter(({ expr }) => empty.includes(expr))).toEqual([]);
  }, 180_000);

  test('every alert is well-formed, asks for metrics that exist, and is quiet', async () => {
    const rules = alertRules();
    await platform.history('ord_none').catch(() => {}); // Temporal counts its errors from the first on
    for (const { expr } of rules) await prometheus.query(expr);
    expect(await missing([...new Set(rules.flatMap(({ expr }) => metricsIn(expr)))].map((name) => `count(${name})`))).toEqual([]);
    const firing = (await prometheus.alerts()).filter(({ state }) => state === 'firing');
    expect(firing).toEqual([]);
  }, 180_000);

  test('a role that is gone is told, and told no more when it is back', async () => {
    const told = async () =>
      (await prometheus.alerts())
        .filter(({ labels, state }) => labels['alertname'] === 'WaybillRoleMissing' && state === 'firing')
        .map(({ labels }) => labels['role']);
    await platform.kill('orders-worker');
    await expect.poll(told, { timeout: 60_000 }).toContain('orders-worker');
    await platform.start('orders-worker');
    await platform.untilReady(180_000); // beside whatever else the machine does
    await expect.poll(told, { timeout: 60_000 }).toEqual([]);
  }, 240_000);
});
