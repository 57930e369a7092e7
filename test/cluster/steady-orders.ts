import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { unwrap } from '@waybill/client';
import { freePort } from '@waybill/embedded/ports';
import { newId } from '@waybill/kernel/ids';
import { type Api, createApi, type Order } from '../../apps/cli/api.ts';
import { CommandError } from '../../apps/cli/failure.ts';
import { carryOut } from '../../apps/cli/local/journey.ts';
import { demoAddress } from '../../apps/cli/place.ts';

const patienceMs = 180_000;
const followedAtOnce = 8;

export type Door = { command: readonly [string, ...string[]]; key: string };

/** The API through a port-forward of the command's own, which finds another pod whenever the one behind it goes. */
export type Shop = Disposable & {
  api: Api;
  /** Error answers and lost connections so far. */
  troubles: string[];
};

export async function openShop({ command, key }: Door): Promise<Shop> {
  const [program, ...args] = command;
  const port = await freePort();
  const forward = spawn(program, [...args, '--port', String(port)], { stdio: 'ignore' });
  const troubles: string[] = [];
  const api = watched(createApi({ url: `http://127.0.0.1:${port}`, key }), troubles);
  const shop: Shop = {
    api,
    troubles,
    [Symbol.dispose]() {
      forward.kill('SIGTERM');
    },
  };
  try {
    await insist(() => api.client.GET('/v1/orders', { params: { query: { limit: 1 } } }));
  } catch (error) {
    shop[Symbol.dispose]();
    throw error;
  }
  troubles.length = 0; // the way had to be opened first
  return shop;
}

/** Writes down every call that fails, also those that are tried again out of sight. */
function watched(api: Api, troubles: string[]): Api {
  const client = new Proxy(api.client, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return async (...args: unknown[]) => {
        try {
          return await member.apply(target, args);
        } catch (error) {
          const detail = error instanceof CommandError ? `${error.code}: ${error.message}` : String(error);
          troubles.push(`${new Date().toISOString()} ${String(name)} ${String(args[0])}: ${detail}`);
          throw error;
        }
      };
    },
  });
  return { ...api, client };
}

/** As any client should: the same again, under the same key, until the answer is known. What it cannot mend is thrown at once. */
async function insist<T>(ask: () => Promise<T>): Promise<T> {
  for (const deadline = Date.now() + patienceMs; ; await delay(300)) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof CommandError && error.code === 'unavailable') || Date.now() > deadline) throw error;
    }
  }
}

const baskets = [
  [{ sku: 'MUG-BLUE', quantity: 1 }],
  [{ sku: 'TEE-M', quantity: 2 }],
  [
    { sku: 'MUG-BLUE', quantity: 1 }, // two parcels: the cap lies in another warehouse
    { sku: 'CAP-RED', quantity: 1 },
  ],
];

/** Places one order, the nth of its kind. */
export async function placeOne(shop: Shop, nth: number): Promise<Order> {
  const header = { 'idempotency-key': newId('cli') };
  const body = {
    currency: 'EUR',
    lines: baskets[nth % baskets.length] ?? [],
    delivery: { method: 'ship' as const, shippingMethod: 'standard', address: demoAddress },
    payment: { provider: 'simulated' as const, token: 'tok_approve' },
  };
  return insist(async () => unwrap(await shop.api.client.POST('/v1/orders', { body, params: { header } })));
}

/** Follows an order to its end, and plays the carrier. Told twice of a parcel, Waybill knows it already. */
export const seeThrough = (shop: Shop, order: Order, signal: AbortSignal): Promise<Order> =>
  insist(() => carryOut(shop.api, order, () => {}, signal));

export type Accepted = Order & { answeredAt: number };

/** Customers who order one after another. */
export type Customers = Disposable & {
  /** What was accepted so far, and when the answer was here. */
  readonly orders: readonly Accepted[];
  readonly troubles: readonly string[];
  /** Resolves once so many orders have been accepted. */
  accepted(count: number): Promise<void>;
  /** Ends the placing. */
  stop(): Promise<void>;
  /** The same, and follows every order to its end. */
  finish(): Promise<Order[]>;
};

export type Steady = Door & {
  /** From an answer to the next order. */
  pauseMs?: number;
  /** Every order goes through at once. Otherwise they rest, with parcels booked, until `finish` plays the carrier. */
  carriesAtOnce?: boolean;
};

export async function placeSteadily({ pauseMs = 1_000, carriesAtOnce = false, ...door }: Steady): Promise<Customers> {
  const shop = await openShop(door);
  const orders: Accepted[] = [];
  const journeys: Promise<Order>[] = [];
  const end = new AbortController();
  let open = true;
  const placing = (async () => {
    for (; open; await delay(pauseMs)) {
      const order = await placeOne(shop, orders.length);
      orders.push({ ...order, answeredAt: Date.now() });
      if (!carriesAtOnce) continue;
      const journey = seeThrough(shop, order, end.signal);
      journey.catch(() => {}); // told by finish
      journeys.push(journey);
    }
  })();
  placing.catch(() => {}); // told by stop
  const stop = async () => {
    open = false;
    await placing;
  };
  return {
    orders,
    stop,
    troubles: shop.troubles,
    async accepted(count) {
      while (orders.length < count) await Promise.race([delay(200), placing]);
    },
    async finish() {
      await stop();
      return carriesAtOnce ? Promise.all(journeys) : followAll(shop, orders);
    },
    [Symbol.dispose]() {
      open = false;
      end.abort();
      shop[Symbol.dispose]();
    },
  };
}

async function followAll(shop: Shop, orders: readonly Order[]): Promise<Order[]> {
  const signal = AbortSignal.timeout(300_000);
  const waiting = [...orders];
  const ended: Order[] = [];
  const follow = async () => {
    for (let order = waiting.shift(); order; order = waiting.shift()) ended.push(await seeThrough(shop, order, signal));
  };
  await Promise.all(Array.from({ length: followedAtOnce }, follow));
  return ended;
}

/** What is not completed, for a message. */
export const unfinished = (orders: readonly Order[]): string[] =>
  orders.filter(({ status }) => status !== 'completed').map(({ id, status }) => `${id} ${status}`);
