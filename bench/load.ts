import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { orderBody } from '../test/platform/api.ts';

type Target = { url: string; key: string };
type Reply = { status: number; body: string };

/** A lean caller on kept connections: the load shares the machine with what it measures. */
export function createLoad({ url, key }: Target, connections: number) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const { hostname, port } = new URL(url);
  const body = JSON.stringify(orderBody());

  function request(method: string, path: string, payload: string | undefined, headers: Record<string, string> = {}): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const call = http.request(
        {
          agent,
          hostname,
          port,
          method,
          path,
          headers: {
            authorization: `Bearer ${key}`,
            ...(payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
            ...headers,
          },
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => {
            text += chunk;
          });
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
          response.on('error', reject);
        },
      );
      call.on('error', reject);
      call.end(payload);
    });
  }

  async function place(): Promise<string> {
    const { status, body: text } = await request('POST', '/v1/orders', body, { 'idempotency-key': randomUUID() });
    if (status !== 201) throw new Error(`an order was answered ${status}: ${text}`);
    return (JSON.parse(text) as { id: string }).id;
  }

  /** Follows an order's events; `each` returns false to stop. */
  function follow(id: string, each: (type: string, data: Record<string, unknown>) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const call = http.request(
        { hostname, port, path: `/v1/orders/${id}/stream`, headers: { authorization: `Bearer ${key}` } },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => {
            text += chunk;
            for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
              const event = /^event: (.*)$/m.exec(text.slice(0, end))?.[1];
              const data = /^data: (.*)$/m.exec(text.slice(0, end))?.[1];
              text = text.slice(end + 2);
              if (event && data && !each(event, (JSON.parse(data) as { data: Record<string, unknown> }).data)) {
                call.destroy();
                resolve();
                return;
              }
            }
          });
          response.on('end', resolve);
          response.on('error', () => resolve());
        },
      );
      call.on('error', reject);
      call.end();
    });
  }

  const report = async (shipmentId: string, status: string): Promise<void> => {
    const answer = await request('POST', `/v1/shipments/${shipmentId}/carrier-events`, JSON.stringify({ eventId: status, status }));
    if (answer.status !== 200) throw new Error(`a report was answered ${answer.status}: ${answer.body}`);
  };

  /** Places an order, plays the carrier, and resolves when it is completed: with the seconds it took. */
  async function complete(): Promise<number> {
    const began = performance.now();
    const id = await place();
    let end = '';
    await follow(id, (type, data) => {
      const shipmentId = String(data['shipmentId']);
      if (type === 'order.shipmentBooked') void report(shipmentId, 'dispatched').then(() => report(shipmentId, 'delivered'));
      if (!/^order\.(completed|failed|cancelled|timedOut|partiallyCompleted)$/.test(type)) return true;
      end = type;
      return false;
    });
    if (end !== 'order.completed') throw new Error(`order ${id} ended with ${end || 'a broken stream'}`);
    return (performance.now() - began) / 1_000;
  }

  return { request, place, complete, close: () => agent.destroy() };
}

/** Keeps `width` calls under way until `count` have been made. Resolves with the seconds it all took. */
export async function keepBusy(width: number, count: number, call: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  let left = count;
  const worker = async () => {
    while (left > 0) {
      left--;
      await call();
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return (performance.now() - began) / 1_000;
}

/** Makes calls at a steady rate whatever they take, as strangers do. Resolves with each call's milliseconds, from when it was due. */
export async function keepRate(perSecond: number, seconds: number, call: () => Promise<unknown>): Promise<number[]> {
  const began = performance.now();
  const took: number[] = [];
  const calls: Promise<void>[] = [];
  const total = perSecond * seconds;
  for (let made = 0; made < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - began) / 1_000) * perSecond) + 1);
    for (; made < due; made++) {
      const dueAt = began + (made / perSecond) * 1_000;
      calls.push(call().then(() => void took.push(performance.now() - dueAt)));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(calls);
  return took;
}
