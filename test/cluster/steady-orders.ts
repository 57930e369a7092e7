import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { unwrap } from '@waybill/client';
import { newId } from '@waybill/kernel/ids';
import { type Api, createApi, type Order } from '../../apps/cli/api.ts';
import { CommandError } from '../../apps/cli/failure.ts';
import { carryOut } from '../../apps/cli/local/journey.ts';
import { demoAddress } from '../../apps/cli/place.ts';

const patienceMs = 90_000;
const followedAtOnce = 8;

/** Customers who order about once a second. Their orders rest, with parcels booked, until `finish` plays the carrier. */
export type Customers = {
  /** Resolves once so many orders have been accepted. */
  accepted(count: number): Promise<void>;
  /** Ends the placing, and follows every order to its end. */
  finish(): Promise<Order[]>;
  /** Ends the port-forward, whatever has happened. */
  [Symbol.dispose](): void;
};

/** Orders through a port-forward of the command's own, which finds another pod whenever the one behind it goes. */
export async function placeSteadily(options: { command: readonly [string, ...string[]]; port: number; key: string }): Promise<Customers> {
  const [program, ...args] = options.command;
  const forward = spawn(program, [...args, '--port', String(options.port)], { stdio: 'ignore' });
  const api = createApi({ url: `http://127.0.0.1:${options.port}`, key: options.key });
  const orders: Order[] = [];
  let open = true;
  const placing = (async () => {
    for (; open; await delay(1_000)) orders.push(await placeOne(api));
  })();
  placing.catch(() => {}); // told by finish
  return {
    async accepted(count) {
      while (orders.length < count) await Promise.race([delay(200), placing]);
    },
    async finish() {
      open = false;
      await placing;
      return followAll(api, orders);
    },
    [Symbol.dispose]() {
      open = false;
      forward.kill('SIGTERM');
    },
  };
}

/** As any client should: the same order again, under the same key, until it is known to be accepted. */
async function placeOne(api: Api): Promise<Order> {
  const header = { 'idempotency-key': newId('cli') };
  const body = {
    currency: 'EUR',
    lines: [{ sku: 'MUG-BLUE', quantity: 1 }],
    delivery: { method: 'ship' as const, shippingMethod: 'standard', address: demoAddress },
    payment: { provider: 'simulated' as const, token: 'tok_approve' },
  };
  for (const deadline = Date.now() + patienceMs; ; await delay(300)) {
    try {
      return unwrap(await api.client.POST('/v1/orders', { body, params: { header } }));
    } catch (error) {
      if (!(error instanceof CommandError && error.code === 'unavailable') || Date.now() > deadline) throw error;
    }
  }
}

async function followAll(api: Api, orders: readonly Order[]): Promise<Order[]> {
  const signal = AbortSignal.timeout(300_000);
  const waiting = [...orders];
  const ended: Order[] = [];
  const follow = async () => {
    for (let order = waiting.shift(); order; order = waiting.shift()) ended.push(await carryOut(api, order, () => {}, signal));
  };
  await Promise.all(Array.from({ length: followedAtOnce }, follow));
  return ended;
}
