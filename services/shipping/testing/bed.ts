import { metrics } from '@opentelemetry/api';
import { openTestDatabase } from '@waybill/embedded/test-database';
import { createHttp } from '@waybill/kernel/http';
import { silentLogger } from '@waybill/kernel/log';
import { createReadiness } from '@waybill/kernel/readiness';
import { sql } from 'kysely';
import { createShippingCalls } from '../calls.ts';
import { type Carrier, manualCarrier } from '../carrier.ts';
import type { BookShipmentInput } from '../contract.ts';
import { createShippingMetrics } from '../metrics.ts';
import { createReports } from '../reports.ts';
import { shippingRoutes } from '../routes.ts';
import { createShipmentStore } from '../store.ts';

export type OutboxEvent = {
  aggregate_id: string;
  sequence: number;
  type: string;
  data: Record<string, unknown>;
  signal: { workflowId: string; name: string; args: Record<string, unknown>[] } | null;
};

/** Shipping on a database of its own, with its routes. */
export async function openShippingBed(carrier: Carrier = manualCarrier) {
  const opened = await openTestDatabase<unknown>({ folders: [new URL('../migrations/', import.meta.url)] });
  const { db } = opened.database;
  const store = createShipmentStore(db);
  const deps = { store, carrier, metrics: createShippingMetrics(metrics.getMeter('test')), onChange() {} };
  const report = createReports(deps);
  const http = await createHttp({
    name: 'test',
    log: silentLogger,
    meter: metrics.getMeter('test'),
    authenticate: () => ({ id: 'key_admin', roles: [], permissions: ['*'] }),
    readiness: createReadiness([]),
  });
  await http.register(shippingRoutes({ store, report }));
  return {
    db,
    store,
    report,
    http,
    calls: createShippingCalls(deps),
    events: async (id?: string) =>
      (
        await sql<OutboxEvent>`select aggregate_id, sequence, type, data, signal from outbox
          where ${id ?? null}::text is null or aggregate_id = ${id ?? null} order by aggregate_id, sequence`.execute(db)
      ).rows,
    tell: async (id: string, eventId: string, status: string, rest: Record<string, unknown> = {}) => {
      const response = await http.inject({
        method: 'POST',
        url: `/v1/shipments/${id}/carrier-events`,
        payload: { eventId, status, ...rest },
      });
      return { status: response.statusCode, body: response.json() };
    },
    get: async (url: string) => {
      const response = await http.inject({ method: 'GET', url });
      return { status: response.statusCode, body: response.json(), etag: response.headers.etag };
    },
    async [Symbol.asyncDispose]() {
      await http.close();
      await opened[Symbol.asyncDispose]();
    },
  };
}

let lastOrder = 0;

/** A parcel of an order nobody else has. */
export function newParcel(): BookShipmentInput {
  lastOrder++;
  return {
    fulfillmentId: `ful_${lastOrder}`,
    orderId: `ord_${lastOrder}`,
    locationId: 'loc_north',
    shippingMethod: 'standard',
    address: { name: 'Ada Lovelace', line1: '12 St James’s Square', postalCode: 'SW1Y 4JH', city: 'London', country: 'GB' },
    lines: [{ sku: 'MUG-BLUE', quantity: 2 }],
    reportTo: { workflowId: `order/ord_${lastOrder}`, signal: 'reportShipment' },
  };
}
