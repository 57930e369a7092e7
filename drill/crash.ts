import { randomUUID } from 'node:crypto';
import type { Order } from '../test/platform/api.ts';
import { untilBalanced } from '../test/platform/ledger.ts';
import type { Platform } from '../test/platform/platform.ts';
import { createRandom, type Random } from './random.ts';

export type CrashRun = { seed: number; orders: number; kills: number; ends: Record<string, number>; seconds: number; findings: string[] };

const ends = ['completed', 'partiallyCompleted', 'cancelled', 'timedOut', 'failed'];
const tokens = ['tok_approve', 'tok_approve', 'tok_approve', 'tok_approve', 'tok_decline', 'tok_slow', 'tok_decline_capture_once'];
const baskets = [
  [{ sku: 'MUG-BLUE', quantity: 1 }],
  [{ sku: 'TEE-M', quantity: 2 }],
  [
    { sku: 'MUG-BLUE', quantity: 1 },
    { sku: 'CAP-RED', quantity: 1 },
  ],
  [
    { sku: 'MUG-BLUE', quantity: 1 },
    { sku: 'VINYL-OLD', quantity: 1 },
  ],
];

/** Retries what a dead server could not answer. Every request carries a key, so a repeat after a lost answer is safe. */
async function insist<T>(ask: () => Promise<T>, deadline: number): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** One customer and carrier: places an order, does what the dice say, and sees it to its end. Returns its id and end. */
async function seeThrough(platform: Platform, random: Random, deadline: number): Promise<{ id: string; status: string }> {
  const { api } = platform;
  const key = randomUUID();
  const body = { lines: random.pick(baskets), payment: { provider: 'simulated', token: random.pick(tokens) } };
  const cancels = random.next() < 0.15;
  const placed = await insist(() => api.place(body, key), deadline);
  let order: Order = placed;
  for (;;) {
    order = await insist(() => api.order(placed.id), deadline);
    if (ends.includes(order.status)) return { id: placed.id, status: order.status };
    if (Date.now() > deadline) return { id: placed.id, status: `stuck as ${order.status}: ${JSON.stringify(order.waitingFor)}` };
    // Answers of the interface are not checked here: a refusal is an answer too, and the ledger tells what came of it.
    await act(platform, order, cancels).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 50 + random.between(0, 100)));
  }
}

async function act({ api }: Platform, order: Order, cancels: boolean): Promise<void> {
  if (order.waitingFor?.kind === 'customerChoice') {
    const choice = order.waitingFor.choices?.includes('amend') ? 'amend' : 'cancel';
    await api.post(`/v1/orders/${order.id}/choice`, { choice }, { 'idempotency-key': `choice-${order.id}` });
  }
  if (order.waitingFor?.kind === 'paymentException') {
    const { body } = await api.get<{ items: { id: string }[] }>(`/v1/tasks?orderId=${order.id}&status=open`);
    for (const { id } of body.items) await api.post(`/v1/tasks/${id}/decision`, { decision: 'retry' }, { 'idempotency-key': id });
  }
  if (cancels && order.actions.includes('cancel'))
    await api.post(`/v1/orders/${order.id}/cancel`, { reason: 'drill' }, { 'idempotency-key': `cancel-${order.id}` });
  for (const { shipmentId, status } of order.fulfillments) {
    if (!shipmentId || status !== 'processing') continue;
    for (const step of ['dispatched', 'delivered']) await api.report(shipmentId, step, `${shipmentId}/${step}`);
  }
}

/**
 * Kills the server with SIGKILL at random moments while orders are in flight, starts it again each time, and then checks the
 * books of every service. The platform must have no other orders under way.
 */
export async function crashRun(platform: Platform, options: { seed: number; orders: number; kills: number }): Promise<CrashRun> {
  const began = Date.now();
  const random = createRandom(options.seed);
  const deadline = began + 240_000;
  const [server = 'all'] = platform.processes;
  let kills = 0;
  let open = true;

  const killer = (async () => {
    while (open && kills < options.kills) {
      const pause = random.between(50, 2_500);
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (!open) return;
      await platform.kill(server);
      kills++;
      await platform.start(server);
      // Some kills hit a server that has only begun to start.
      if (random.next() < 0.8) await platform.untilReady();
    }
  })();

  // 200 in flight at once, placed in a burst, as on a bad day.
  const results = await Promise.all(
    Array.from({ length: options.orders }, (_, index) => seeThrough(platform, createRandom(options.seed + index + 1), deadline)),
  );
  open = false;
  await killer;
  if (!platform.isRunning(server)) await platform.start(server);
  await platform.untilReady();

  const tally: Record<string, number> = {};
  for (const { status } of results) tally[status] = (tally[status] ?? 0) + 1;
  const stuck = results.filter(({ status }) => !ends.includes(status)).map(({ id, status }) => `orders: ${id} is ${status}`);
  const findings = [
    ...stuck,
    ...(await untilBalanced(
      platform,
      results.map(({ id }) => id),
    )),
  ];
  return { seed: options.seed, orders: results.length, kills, ends: tally, seconds: Math.round((Date.now() - began) / 1_000), findings };
}
