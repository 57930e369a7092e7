import { randomUUID } from 'node:crypto';

export type Answer<T = Record<string, unknown>> = { status: number; headers: Headers; body: T };

/** What tests read of an order. */
export type Order = {
  id: string;
  number: number;
  status: string;
  paymentStatus: string;
  version: number;
  lines: { id: string; sku: string; quantity: number; total: { amount: number } }[];
  totals: { code: string; amount: { amount: number } }[];
  total: { amount: number; currency: string };
  fulfillments: {
    id: string;
    status: string;
    locationId: string | null;
    shipmentId?: string;
    lines: { lineId: string; quantity: number }[];
  }[];
  waitingFor?: { kind: string; since: string; deadline?: string; choices?: string[]; step?: string };
  actions: string[];
};

export const address = { name: 'Ada Lovelace', line1: '12 Analytical Way', postalCode: '10115', city: 'Berlin', country: 'DE' };

/** A good order of one mug, with what a test wants different. */
export function orderBody(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    currency: 'EUR',
    lines: [{ sku: 'MUG-BLUE', quantity: 1 }],
    delivery: { method: 'ship', shippingMethod: 'standard', address },
    payment: { provider: 'simulated', token: 'tok_approve' },
    ...changes,
  };
}

export type Api = ReturnType<typeof createApi>;

/** A caller of the public API, as a stranger's client would be. */
export function createApi(url: string, key: string) {
  async function request<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer<T>> {
    const response = await fetch(new URL(path, url), {
      method,
      headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: (text === '' ? {} : JSON.parse(text)) as T };
  }

  const api = {
    url,
    key,
    request,
    get: <T = Record<string, unknown>>(path: string) => request<T>('GET', path),
    post: <T = Record<string, unknown>>(path: string, body: unknown, headers?: Record<string, string>) =>
      request<T>('POST', path, body, headers),

    async place(changes: Record<string, unknown> = {}, key: string = randomUUID()): Promise<Order> {
      const { status, body } = await request<Order>('POST', '/v1/orders', orderBody(changes), { 'idempotency-key': key });
      if (status !== 201) throw new Error(`placing an order was answered ${status}: ${JSON.stringify(body)}`);
      return body;
    },

    async order(id: string): Promise<Order> {
      const { status, body } = await request<Order>('GET', `/v1/orders/${id}`);
      if (status !== 200) throw new Error(`order ${id} was answered ${status}: ${JSON.stringify(body)}`);
      return body;
    },

    async events(id: string): Promise<{ sequence: number; type: string; actor: string; reason?: string; data: Record<string, unknown> }[]> {
      return (await request<{ items: never[] }>('GET', `/v1/orders/${id}/timeline`)).body.items;
    },

    /** Looks until the order is as wanted; server-sent events are tested elsewhere. Fails with what the order was like at last. */
    async until(id: string, wanted: (order: Order) => boolean, timeoutMs = 30_000): Promise<Order> {
      const deadline = Date.now() + timeoutMs;
      for (;;) {
        const order = await api.order(id);
        if (wanted(order)) return order;
        if (Date.now() > deadline) throw new Error(`order ${id} did not get there: ${JSON.stringify(order)}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },

    untilStatus: (id: string, status: string, timeoutMs?: number) => api.until(id, (order) => order.status === status, timeoutMs),

    /** Waits until every open parcel is booked, then returns the shipment ids. */
    async untilBooked(id: string, parcels = 1): Promise<string[]> {
      const order = await api.until(id, ({ fulfillments }) => fulfillments.filter((part) => part.shipmentId).length >= parcels);
      return order.fulfillments.flatMap(({ shipmentId }) => shipmentId ?? []);
    },

    async report(shipmentId: string, status: string, eventId: string = randomUUID()): Promise<Answer> {
      return request('POST', `/v1/shipments/${shipmentId}/carrier-events`, { eventId, status });
    },

    /** What the carrier says of a parcel that arrives. */
    async deliver(shipmentIds: readonly string[]): Promise<void> {
      for (const id of shipmentIds) {
        for (const status of ['dispatched', 'delivered']) {
          const { status: code, body } = await api.report(id, status, `${id}/${status}`);
          if (code !== 200) throw new Error(`report ${status} of ${id} was answered ${code}: ${JSON.stringify(body)}`);
        }
      }
    },

    async stock(sku: string): Promise<Map<string, { onHand: number; reserved: number }>> {
      const { body } = await request<{ items: { locationId: string; onHand: number; reserved: number }[] }>('GET', `/v1/stock?sku=${sku}`);
      return new Map(body.items.map(({ locationId, onHand, reserved }) => [locationId, { onHand, reserved }]));
    },

    async payments(
      orderId: string,
    ): Promise<{ id: string; status: string; amount: { amount: number }; captured: { amount: number }; refunded: { amount: number } }[]> {
      return (await request<{ items: never[] }>('GET', `/v1/payments?orderId=${orderId}`)).body.items;
    },
  };
  return api;
}
