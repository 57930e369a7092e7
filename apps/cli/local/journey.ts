import { setTimeout as delay } from 'node:timers/promises';
import { unwrap } from '@waybill/client';
import { formatMoney } from '@waybill/kernel/money';
import type { Api, Order, PlaceOrder, TimelineItem } from '../api.ts';
import { CommandError } from '../failure.ts';
import { followOrder } from '../follow.ts';
import { createEventLines, hasEnded } from '../order-text.ts';
import { demoAddress } from '../place.ts';

/** Order #1: two parcels, since the cap lies in another warehouse. The key is fixed, so that it is placed once for ever. */
const firstOrder: PlaceOrder = {
  currency: 'EUR',
  lines: [
    { sku: 'MUG-BLUE', quantity: 2 },
    { sku: 'TEE-M', quantity: 1 },
    { sku: 'CAP-RED', quantity: 1 },
  ],
  delivery: { method: 'ship', shippingMethod: 'standard', address: demoAddress },
  payment: { provider: 'simulated', token: 'tok_approve' },
};
const firstOrderKey = 'waybill-quickstart-order-1';

/** Places order #1, or finds it placed, and follows it to its end, playing the carrier. */
export async function driveFirstOrder(api: Api, say: (line: string) => void, signal: AbortSignal): Promise<void> {
  const before = Date.now();
  let order: Order;
  try {
    order = unwrap(await api.client.POST('/v1/orders', { body: firstOrder, params: { header: { 'idempotency-key': firstOrderKey } } }));
  } catch (error) {
    // Another version of this command placed it, with other lines.
    if (!(error instanceof CommandError && error.code === 'conflict')) throw error;
    say('order #1 was placed by an earlier version');
    return;
  }
  const isOld = Date.parse(order.placedAt) < before - 1_000;
  if (isOld) order = unwrap(await api.client.GET('/v1/orders/{id}', { params: { path: { id: order.id } } })); // the stored answer is of then
  if (isOld && hasEnded(order)) {
    say(`order #1 (${order.id}) was placed earlier and is ${order.status}`);
    return;
  }
  say(
    isOld
      ? `order #1 (${order.id}) was placed earlier and is ${order.status}; following it`
      : `order #1 (${order.id}) is placed, ${formatMoney(order.total)}`,
  );
  const ended = await carryOut(api, order, say, signal);
  say(`order #1 is ${ended.status}`);
}

/** Follows an order to its end, says what happens to it, and plays the carrier. */
export function carryOut(api: Api, order: Order, say: (line: string) => void, signal: AbortSignal): Promise<Order> {
  const line = createEventLines(order.placedAt);
  return followOrder(api, order.id, {
    signal,
    onEvent: async (item) => {
      say(line(item));
      await playCarrier(api, item, say, signal);
    },
  });
}

/** Reports what a carrier would: a booked shipment leaves, then arrives. Ids are fixed, so a repeat changes nothing. */
async function playCarrier(api: Api, { type, data }: TimelineItem, say: (line: string) => void, signal: AbortSignal): Promise<void> {
  const { shipmentId } = data;
  if (type !== 'order.shipmentBooked' || typeof shipmentId !== 'string') return;
  for (const status of ['dispatched', 'delivered'] as const) {
    say(`            the carrier reports ${shipmentId} ${status}`);
    const body = { eventId: `quickstart-${shipmentId}-${status}`, status };
    const params = { path: { id: shipmentId } };
    await patiently(() => api.client.POST('/v1/shipments/{id}/carrier-events', { params, body }), signal);
  }
}

/** Repeats what fails for a moment only, such as while the server is started again. */
async function patiently<T>(work: () => Promise<T>, signal: AbortSignal, deadline = Date.now() + 60_000): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof CommandError && error.code === 'unavailable') || Date.now() > deadline) throw error;
      await delay(300, undefined, { signal });
    }
  }
}
