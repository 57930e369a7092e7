import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createSimulatedCarrier } from './carrier.ts';
import { reportableStatuses } from './states.ts';
import { newParcel, openShippingBed } from './testing/bed.ts';
import { createCarrierLoop } from './worker.ts';

test('a fulfillment has one shipment, however often and however many at once it is booked', async () => {
  await using bed = await openShippingBed();
  const parcel = newParcel();
  const answers = await Promise.all(Array.from({ length: 10 }, () => bed.calls.bookShipment(parcel)));
  expect(answers).toEqual(Array(10).fill({ shipmentId: expect.stringMatching(/^shp_/), status: 'booked' }));
  expect(new Set(answers.map(({ shipmentId }) => shipmentId)).size).toBe(1);
  expect(await bed.events()).toMatchObject([{ type: 'shipment.booked', sequence: 1, signal: null }]);
  await bed.tell(answers[0]!.shipmentId, 'e1', 'dispatched');
  expect(await bed.calls.bookShipment(parcel)).toEqual(answers[0]);
  await expect(bed.calls.bookShipment({ ...parcel, orderId: 'ord_other' })).rejects.toMatchObject({ code: 'conflict' });
});

test('a booked shipment can be called off; then its carrier and a late booking are refused', async () => {
  await using bed = await openShippingBed();
  const parcel = newParcel();
  const { shipmentId } = await bed.calls.bookShipment(parcel);
  const answers = await Promise.all(Array.from({ length: 5 }, () => bed.calls.cancelShipment(parcel)));
  expect(answers).toEqual(Array(5).fill({ outcome: 'cancelled' }));
  expect((await bed.events()).map(({ type }) => type)).toEqual(['shipment.booked', 'shipment.cancelled']);
  await expect(bed.calls.bookShipment(parcel)).rejects.toMatchObject({ code: 'conflict' });
  expect(await bed.tell(shipmentId, 'e1', 'dispatched')).toMatchObject({ status: 409, body: { code: 'conflict' } });
  expect((await bed.get(`/v1/shipments/${shipmentId}`)).body).toMatchObject({ status: 'cancelled', actions: [] });
});

test('a cancel that comes before its booking refuses it, and leaves no shipment to see', async () => {
  await using bed = await openShippingBed();
  const parcel = newParcel();
  expect(await bed.calls.cancelShipment(parcel)).toEqual({ outcome: 'cancelled' });
  expect(await bed.calls.cancelShipment(parcel)).toEqual({ outcome: 'cancelled' });
  await expect(bed.calls.bookShipment(parcel)).rejects.toMatchObject({ code: 'conflict' });
  expect((await bed.get('/v1/shipments')).body).toEqual({ items: [] });
  expect(await bed.events()).toEqual([]);
});

test('a shipment that has left is too late to call off', async () => {
  await using bed = await openShippingBed();
  const parcel = newParcel();
  const { shipmentId } = await bed.calls.bookShipment(parcel);
  for (const status of ['dispatched', 'delayed', 'delivered'] as const) {
    await bed.tell(shipmentId, status, status);
    expect(await bed.calls.cancelShipment(parcel)).toEqual({ outcome: 'tooLate', status });
  }
});

test('bookings and cancels that race end in one of the two, never in both', async () => {
  await using bed = await openShippingBed();
  for (let round = 0; round < 20; round++) {
    const parcel = newParcel();
    const [booked, cancelled] = await Promise.allSettled([bed.calls.bookShipment(parcel), bed.calls.cancelShipment(parcel)]);
    expect(cancelled).toMatchObject({ status: 'fulfilled', value: { outcome: 'cancelled' } });
    if (booked.status === 'rejected') expect(booked.reason).toMatchObject({ code: 'conflict' });
    expect(await bed.store.ofFulfillment(parcel.fulfillmentId)).toMatchObject({ status: 'cancelled' });
  }
});

test('each carrier report is stored with its event and with the signal to its order', async () => {
  await using bed = await openShippingBed();
  const parcel = newParcel();
  const { shipmentId } = await bed.calls.bookShipment(parcel);
  const first = await bed.tell(shipmentId, 'e1', 'dispatched', { occurredAt: '2026-01-02T03:04:05Z' });
  expect(first).toMatchObject({
    status: 200,
    body: {
      id: shipmentId,
      status: 'dispatched',
      version: 2,
      dispatchedAt: '2026-01-02T03:04:05.000Z',
      actions: ['delayed', 'lost', 'delivered', 'returned'],
    },
  });
  expect(await bed.tell(shipmentId, 'e1', 'dispatched')).toEqual(first);
  const events = await bed.events(shipmentId);
  expect(events.map(({ type }) => type)).toEqual(['shipment.booked', 'shipment.dispatched']);
  expect(events[1]?.signal).toEqual({
    workflowId: parcel.reportTo.workflowId,
    name: 'reportShipment',
    args: [{ eventId: 'e1', fulfillmentId: parcel.fulfillmentId, shipmentId, status: 'dispatched' }],
  });
  expect(events[1]?.data).toEqual({
    shipmentId,
    orderId: parcel.orderId,
    fulfillmentId: parcel.fulfillmentId,
    locationId: 'loc_north',
    status: 'dispatched',
  });
  expect(JSON.stringify(events)).not.toContain('Lovelace');
});

test('a step forward implies that the goods left, and a step back is kept and changes nothing', async () => {
  await using bed = await openShippingBed();
  const { shipmentId } = await bed.calls.bookShipment(newParcel());
  expect(await bed.tell(shipmentId, 'e2', 'delivered')).toMatchObject({ status: 200, body: { status: 'delivered', version: 3 } });
  const before = await bed.get(`/v1/shipments/${shipmentId}`);
  expect(before.body).toMatchObject({ dispatchedAt: expect.any(String), deliveredAt: expect.any(String) });
  for (const status of ['dispatched', 'delayed', 'booked', 'lost', 'delivered']) {
    expect(await bed.tell(shipmentId, `late-${status}`, status)).toMatchObject({ status: 200, body: before.body });
  }
  expect(await bed.get(`/v1/shipments/${shipmentId}`)).toEqual(before);
  expect((await bed.events(shipmentId)).map(({ type, signal }) => [type, signal !== null])).toEqual([
    ['shipment.booked', false],
    ['shipment.dispatched', false],
    ['shipment.delivered', true],
  ]);
});

test('an event id stands for one report', async () => {
  await using bed = await openShippingBed();
  const { shipmentId } = await bed.calls.bookShipment(newParcel());
  await bed.tell(shipmentId, 'e1', 'dispatched');
  expect(await bed.tell(shipmentId, 'e1', 'delivered')).toMatchObject({ status: 409, body: { errors: [{ field: 'eventId' }] } });
  const other = await bed.calls.bookShipment(newParcel());
  expect(await bed.tell(other.shipmentId, 'e1', 'delivered')).toMatchObject({ status: 200 });
});

test('a report that makes no sense is refused by field, and nothing has changed', async () => {
  await using bed = await openShippingBed();
  const { shipmentId } = await bed.calls.bookShipment(newParcel());
  expect(await bed.tell(shipmentId, 'e0', 'banana')).toMatchObject({
    status: 400,
    body: { code: 'invalid', errors: [{ field: 'status', message: `must be one of ${reportableStatuses.join(', ')}` }] },
  });
  const refused: [Record<string, unknown>, string][] = [
    [{ eventId: '' }, 'eventId'],
    [{ eventId: 'a\u0000b' }, 'eventId'],
    [{ eventId: '\ud800' }, 'eventId'],
    [{ eventId: 'x'.repeat(201) }, 'eventId'],
    [{ eventId: 7 }, 'eventId'],
    [{ status: 'cancelled' }, 'status'],
    [{ status: 'pending' }, 'status'],
    [{ occurredAt: 'yesterday' }, 'occurredAt'],
    [{ occurredAt: '0000-01-01T00:00:00Z' }, 'occurredAt'],
    [{ occurredAt: '9999-12-31T23:59:60Z' }, 'occurredAt'],
    [{ colour: 'blue' }, 'colour'],
  ];
  for (const [body, field] of refused) {
    const payload = { eventId: 'e0', status: 'dispatched', ...body };
    const response = await bed.http.inject({
      method: 'POST',
      url: `/v1/shipments/${shipmentId}/carrier-events`,
      payload: JSON.stringify(payload),
      headers: { 'content-type': 'application/json' },
    });
    expect([response.statusCode, response.json().errors]).toEqual([400, [expect.objectContaining({ field })]]);
  }
  expect(await bed.tell('shp_unknown', 'e1', 'dispatched')).toMatchObject({ status: 404 });
  expect((await bed.get(`/v1/shipments/${shipmentId}`)).body).toMatchObject({ status: 'booked', version: 1 });
});

test('an event id of any text comes back as it was', async () => {
  await using bed = await openShippingBed();
  const { shipmentId } = await bed.calls.bookShipment(newParcel());
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }), async (eventId) => {
      const { status } = await bed.tell(shipmentId, eventId, 'dispatched');
      expect([200, 400]).toContain(status);
      expect(
        (await bed.store.findForReport(shipmentId, eventId.isWellFormed() && !eventId.includes('\0') ? eventId : 'none'))?.told ?? null,
      ).toBe(status === 200 ? 'dispatched' : null);
    }),
    { numRuns: 40 },
  );
});

test('an address of any text is kept as it was, or refused', async () => {
  await using bed = await openShippingBed();
  const odd = { ...newParcel() };
  odd.address = { ...odd.address, name: "Robert'); drop table shipment;-- <script>é👩‍🚀\u202e", line2: 'a\tb' };
  const { shipmentId } = await bed.calls.bookShipment(odd);
  expect((await bed.get(`/v1/shipments/${shipmentId}`)).body.address).toEqual(odd.address);
  for (const name of ['a\0b', '\ud800']) {
    const parcel = newParcel();
    await expect(bed.calls.bookShipment({ ...parcel, address: { ...parcel.address, name } })).rejects.toMatchObject({
      code: 'invalid',
      errors: [{ field: 'address.name' }],
    });
  }
});

const rank = ['booked', 'dispatched', 'delayed', 'lost', 'delivered', 'returned'];
const reports = fc.array(
  fc.record({ eventId: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'), status: fc.constantFrom(...reportableStatuses) }),
  {
    minLength: 1,
    maxLength: 12,
  },
);

test('whatever the order, the number and the overlap of reports, a shipment ends at the furthest step, each told to the order once', async () => {
  await using bed = await openShippingBed();
  await fc.assert(
    fc.asyncProperty(reports, fc.boolean(), async (told, atOnce) => {
      const { shipmentId } = await bed.calls.bookShipment(newParcel());
      const accepted = new Map<string, string>();
      const tell = async ({ eventId, status }: (typeof told)[number]) => {
        const answer = await bed.tell(shipmentId, eventId, status);
        expect([200, 409]).toContain(answer.status);
        if (answer.status !== 200) return;
        expect(accepted.get(eventId) ?? status).toBe(status);
        accepted.set(eventId, status);
      };
      if (atOnce) await Promise.all(told.map(tell));
      else for (const report of told) await tell(report);

      const furthest = Math.max(...[...accepted.values()].map((status) => rank.indexOf(status)));
      expect((await bed.get(`/v1/shipments/${shipmentId}`)).body.status).toBe(rank[furthest]);
      const events = await bed.events(shipmentId);
      expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
      expect(events.filter(({ type }) => type === 'shipment.dispatched')).toHaveLength(furthest > 0 ? 1 : 0);
      const signalled = events.flatMap(({ signal }) => signal?.args ?? []);
      expect(new Set(signalled.map(({ eventId }) => eventId)).size).toBe(signalled.length);
      for (const { eventId, status } of signalled) expect(accepted.get(String(eventId))).toBe(status);
      const steps = signalled.map(({ status }) => rank.indexOf(String(status)));
      expect(steps).toEqual(steps.toSorted((a, b) => a - b));
    }),
    { numRuns: 60 },
  );
});

test('a list is paged and filtered', async () => {
  await using bed = await openShippingBed();
  const parcels = Array.from({ length: 5 }, newParcel);
  const ids: string[] = [];
  for (const parcel of parcels) ids.unshift((await bed.calls.bookShipment(parcel)).shipmentId);
  await bed.tell(ids[1]!, 'e', 'dispatched');
  const seen: string[] = [];
  for (let url: string | null = '/v1/shipments?limit=2'; url; ) {
    const { body } = await bed.get(url);
    seen.push(...body.items.map(({ id }: { id: string }) => id));
    url = body.nextCursor ? `/v1/shipments?limit=2&cursor=${body.nextCursor}` : null;
  }
  expect(seen).toEqual(ids);
  const idsOf = async (query: string) => (await bed.get(`/v1/shipments?${query}`)).body.items.map(({ id }: { id: string }) => id);
  expect(await idsOf('status=dispatched')).toEqual([ids[1]]);
  expect(await idsOf(`orderId=${parcels[0]!.orderId}`)).toEqual([ids[4]]);
  expect(await bed.get('/v1/shipments?status=banana')).toMatchObject({ status: 400, body: { errors: [{ field: 'status' }] } });
  expect(await bed.get('/v1/shipments?cursor=WyJ4XQ')).toMatchObject({ status: 400, body: { errors: [{ field: 'cursor' }] } });
  expect(await bed.get('/v1/shipments/shp_none')).toMatchObject({ status: 404 });
});

test('the simulated carrier delivers by itself, once, also with two workers, and steps over what it cannot report', async () => {
  const carrier = createSimulatedCarrier(0);
  await using bed = await openShippingBed(carrier);
  const parcels = Array.from({ length: 6 }, newParcel);
  const ids: string[] = [];
  for (const parcel of parcels) ids.push((await bed.calls.bookShipment(parcel)).shipmentId);
  await bed.tell(ids[0]!, 'simulated-dispatched', 'delayed'); // its event id is taken
  await bed.tell(ids[1]!, 'x', 'lost');
  await bed.calls.cancelShipment(parcels[2]!);
  const loop = createCarrierLoop({ store: bed.store, carrier, report: bed.report, everyMs: 20 });
  const { signal } = new AbortController();
  const statuses = async () => {
    await Promise.all([loop.run(signal), loop.run(signal)]);
    return (await bed.get('/v1/shipments')).body.items.map(({ status }: { status: string }) => status).toReversed();
  };
  await expect.poll(statuses).toEqual(['delivered', 'lost', 'cancelled', 'delivered', 'delivered', 'delivered']);
  expect(await bed.store.dueForReport('simulated', 10)).toEqual([]);
  expect((await bed.events(ids[5]!)).map(({ type }) => type)).toEqual(['shipment.booked', 'shipment.dispatched', 'shipment.delivered']);
});
