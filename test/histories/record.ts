// Records one history of each kind of order for test/histories.test.ts: `node test/histories/record.ts`. Run it when a new kind of
// story is added, and keep the old files: orders that began on old code must go on under new code.
import { readdir, writeFile } from 'node:fs/promises';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import setup from '../global-setup.ts';
import { openPlatform, type Platform } from '../platform/platform.ts';

type Story = (platform: Platform) => Promise<string>;

const stories: Record<string, Story> = {
  async delivered({ api }) {
    const { id } = await api.place();
    await api.deliver(await api.untilBooked(id));
    await api.untilStatus(id, 'completed');
    return id;
  },
  async split({ api }) {
    const { id } = await api.place({ lines: ['MUG-BLUE', 'CAP-RED'].map((sku) => ({ sku, quantity: 1 })) });
    await api.deliver(await api.untilBooked(id, 2));
    await api.untilStatus(id, 'completed');
    return id;
  },
  async cancelled({ api }) {
    const { id } = await api.place();
    await api.untilBooked(id);
    await api.post(`/v1/orders/${id}/cancel`, { reason: 'recorded' });
    await api.untilStatus(id, 'cancelled');
    return id;
  },
  async amended({ api }) {
    const { id } = await api.place({ lines: ['MUG-BLUE', 'VINYL-OLD'].map((sku) => ({ sku, quantity: 1 })) });
    await api.untilStatus(id, 'customerActionRequired');
    await api.post(`/v1/orders/${id}/choice`, { choice: 'amend' });
    await api.deliver(await api.untilBooked(id));
    await api.untilStatus(id, 'completed');
    return id;
  },
  async 'timed-out'({ api }) {
    const { id } = await api.place({ lines: [{ sku: 'VINYL-OLD', quantity: 1 }] });
    await api.untilStatus(id, 'timedOut');
    return id;
  },
  async declined({ api }) {
    const { id } = await api.place({ payment: { provider: 'simulated', token: 'tok_decline' } });
    await api.untilStatus(id, 'failed');
    return id;
  },
  async 'partially-completed'(platform) {
    const { api } = platform;
    const [dear, cheap] = await Promise.all([platform.makeSku({ price: 50_000, stock: { loc_north: 1 } }), platform.makeSku({ price: 100, stock: { loc_south: 1 } })]);
    const { id } = await api.place({ lines: [dear, cheap].map((sku) => ({ sku, quantity: 1 })), payment: { provider: 'simulated', token: 'tok_decline_above_20000' } });
    await api.deliver(await api.untilBooked(id));
    await api.untilStatus(id, 'partiallyCompleted');
    return id;
  },
  async 'capture-retried'({ api }) {
    const { id } = await api.place({ payment: { provider: 'simulated', token: 'tok_decline_capture_once' } });
    await api.deliver(await api.untilBooked(id));
    await api.until(id, ({ waitingFor }) => waitingFor?.kind === 'paymentException');
    const tasks = await api.get<{ items: { id: string }[] }>(`/v1/tasks?orderId=${id}`);
    await api.post(`/v1/tasks/${tasks.body.items[0]?.id}/decision`, { decision: 'retry' });
    await api.untilStatus(id, 'completed');
    return id;
  },
  async 'provider-out'({ api }) {
    const { id } = await api.place({ payment: { provider: 'simulated', token: 'tok_outage' } });
    await api.deliver(await api.untilBooked(id));
    await api.untilStatus(id, 'completed');
    return id;
  },
  async lost({ api }) {
    const { id } = await api.place();
    const [shipment = ''] = await api.untilBooked(id);
    await api.report(shipment, 'dispatched');
    await api.until(id, ({ paymentStatus }) => paymentStatus === 'captured');
    await api.report(shipment, 'lost');
    await api.untilStatus(id, 'failed');
    return id;
  },
  async reviewed(platform) {
    const { api } = platform;
    const sku = await platform.makeSku({ price: 2_700_000, stock: { loc_north: 10 } });
    const { id } = await api.place({ lines: [{ sku, quantity: 10 }] });
    await api.untilStatus(id, 'onHold');
    const tasks = await api.get<{ items: { id: string }[] }>(`/v1/tasks?orderId=${id}`);
    await api.post(`/v1/tasks/${tasks.body.items[0]?.id}/decision`, { decision: 'approve' });
    await api.deliver(await api.untilBooked(id));
    await api.untilStatus(id, 'completed');
    return id;
  },
};

const version = new Date().toISOString().slice(0, 10);
const teardown = await setup();
try {
  await using platform = await openPlatform({ mode: 'all', settings: { CUSTOMER_CHOICE_TIMEOUT: '5s', AUTHORIZATION_LIFETIME: '1d', AUTHORIZATION_RENEW_BEFORE: '1h' } });
  await platform.api.request('PUT', '/v1/fraud/settings', { limitPerCustomer: null, reviewAbove: { amount: 30_000_000, currency: 'EUR' }, maintenance: false });
  const present = new Set(await readdir(import.meta.dirname));
  for (const [name, story] of Object.entries(stories)) {
    const file = `${name}.${version}.json`;
    if (present.has(file)) continue;
    const history = await platform.history(await story(platform));
    await writeFile(new URL(file, import.meta.url), `${historyToJSON(history as never)}\n`);
    console.log(`recorded ${file}`);
  }
} finally {
  await teardown();
}
