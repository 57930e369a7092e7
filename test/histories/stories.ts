import { randomUUID } from 'node:crypto';
import type { Platform } from '../platform/platform.ts';

/** Drives one order to its end and returns its id. */
type Story = (platform: Platform) => Promise<string>;

const simulated = (token: string) => ({ payment: { provider: 'simulated', token } });
const oneOf = (...skus: string[]) => ({ lines: skus.map((sku) => ({ sku, quantity: 1 })) });

/** A person decides the open task of an order. */
async function decide({ api }: Platform, orderId: string, decision: string): Promise<void> {
  const tasks = await api.get<{ items: { id: string }[] }>(`/v1/tasks?orderId=${orderId}&status=open`);
  await api.post(`/v1/tasks/${tasks.body.items[0]?.id}/decision`, { decision });
}

async function heldForReview(platform: Platform): Promise<string> {
  const sku = await platform.makeSku({ price: 2_700_000, stock: { loc_north: 10 } });
  const { id } = await platform.api.place({ lines: [{ sku, quantity: 10 }] });
  await platform.api.untilStatus(id, 'onHold');
  return id;
}

async function deliver({ api }: Platform, id: string, parcels = 1): Promise<void> {
  await api.deliver(await api.untilBooked(id, parcels));
  await api.untilStatus(id, 'completed');
}

const cancel = ({ api }: Platform, id: string) => api.post(`/v1/orders/${id}/cancel`, { reason: 'recorded' });

/** Every kind of journey of test/scenarios that leaves a history of its own. */
export const stories: Record<string, Story> = {
  async delivered(platform) {
    const { id } = await platform.api.place();
    await deliver(platform, id);
    return id;
  },
  async split(platform) {
    const { id } = await platform.api.place(oneOf('MUG-BLUE', 'CAP-RED'));
    await deliver(platform, id, 2);
    return id;
  },
  async cancelled(platform) {
    const { id } = await platform.api.place();
    await platform.api.untilBooked(id);
    await cancel(platform, id);
    await platform.api.untilStatus(id, 'cancelled');
    return id;
  },
  async 'cancelled-at-once'(platform) {
    const { id } = await platform.api.place();
    await cancel(platform, id);
    await platform.api.untilStatus(id, 'cancelled');
    return id;
  },
  async 'cancel-too-late'(platform) {
    const { api } = platform;
    const { id } = await api.place();
    const [shipment = ''] = await api.untilBooked(id);
    await api.report(shipment, 'dispatched');
    await api.until(id, ({ actions }) => !actions.includes('cancel'));
    await cancel(platform, id);
    await deliver(platform, id);
    return id;
  },
  async amended(platform) {
    const { api } = platform;
    const { id } = await api.place(oneOf('MUG-BLUE', 'VINYL-OLD'));
    await api.untilStatus(id, 'customerActionRequired');
    await api.post(`/v1/orders/${id}/choice`, { choice: 'amend' });
    await deliver(platform, id);
    return id;
  },
  async 'choice-cancelled'({ api }) {
    const { id } = await api.place(oneOf('MUG-BLUE', 'VINYL-OLD'));
    await api.untilStatus(id, 'customerActionRequired');
    await api.post(`/v1/orders/${id}/choice`, { choice: 'cancel' });
    await api.untilStatus(id, 'cancelled');
    return id;
  },
  async 'timed-out'({ api }) {
    const { id } = await api.place(oneOf('VINYL-OLD'));
    await api.untilStatus(id, 'timedOut');
    return id;
  },
  async declined({ api }) {
    const { id } = await api.place(simulated('tok_decline'));
    await api.untilStatus(id, 'failed');
    return id;
  },
  async 'over-limit'(platform) {
    const sku = await platform.makeSku({ price: 50_000_000, stock: { loc_north: 1 } });
    const { id } = await platform.api.place({ ...oneOf(sku), customerId: `cus_${randomUUID()}` });
    await platform.api.untilStatus(id, 'failed');
    return id;
  },
  async 'partially-completed'(platform) {
    const { api } = platform;
    const [dear, cheap] = await Promise.all([
      platform.makeSku({ price: 50_000, stock: { loc_north: 1 } }),
      platform.makeSku({ price: 100, stock: { loc_south: 1 } }),
    ]);
    const { id } = await api.place({ ...oneOf(dear, cheap), ...simulated('tok_decline_above_20000') });
    await api.deliver(await api.untilBooked(id));
    await api.untilStatus(id, 'partiallyCompleted');
    return id;
  },
  async 'capture-retried'(platform) {
    const { api } = platform;
    const { id } = await api.place(simulated('tok_decline_capture_once'));
    await api.deliver(await api.untilBooked(id));
    await api.until(id, ({ waitingFor }) => waitingFor?.kind === 'paymentException');
    await decide(platform, id, 'retry');
    await api.untilStatus(id, 'completed');
    return id;
  },
  async 'capture-written-off'(platform) {
    const { api } = platform;
    const { id } = await api.place(simulated('tok_decline_capture'));
    await api.deliver(await api.untilBooked(id));
    await api.until(id, ({ waitingFor }) => waitingFor?.kind === 'paymentException');
    await decide(platform, id, 'writeOff');
    await api.untilStatus(id, 'completed');
    return id;
  },
  /** Its steps go far: they wait on the queue of their owner while the provider is out. */
  async 'provider-out'(platform) {
    const { id } = await platform.api.place(simulated('tok_outage'));
    await deliver(platform, id);
    return id;
  },
  async 'provider-slow'(platform) {
    const { id } = await platform.api.place(simulated('tok_slow'));
    await deliver(platform, id);
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
  async 'reports-out-of-order'({ api }) {
    const { id } = await api.place();
    const [shipment = ''] = await api.untilBooked(id);
    await Promise.all(
      ['delivered', 'dispatched', 'delivered', 'dispatched'].map((status) => api.report(shipment, status, `evt-${status}`)),
    );
    await api.untilStatus(id, 'completed');
    return id;
  },
  async reviewed(platform) {
    const id = await heldForReview(platform);
    await decide(platform, id, 'approve');
    await deliver(platform, id);
    return id;
  },
  async 'review-rejected'(platform) {
    const id = await heldForReview(platform);
    await decide(platform, id, 'reject');
    await platform.api.untilStatus(id, 'failed');
    return id;
  },
  async 'review-cancelled'(platform) {
    const id = await heldForReview(platform);
    await cancel(platform, id);
    await platform.api.untilStatus(id, 'cancelled');
    return id;
  },
  async maintenance(platform) {
    const { api } = platform;
    const { body } = await api.get('/v1/fraud/settings');
    await api.request('PUT', '/v1/fraud/settings', { ...body, maintenance: true });
    const { id } = await api.place();
    await api.until(id, ({ status }) => status === 'processing');
    await api.request('PUT', '/v1/fraud/settings', { ...body, maintenance: false });
    await deliver(platform, id);
    return id;
  },
  /** The worker that had it in memory is gone: the next one begins with the history. */
  async 'server-restarted'(platform) {
    const { id } = await platform.api.place();
    await platform.api.untilBooked(id);
    await platform.kill('all');
    await platform.start('all');
    await platform.untilReady();
    await deliver(platform, id);
    return id;
  },
};
