import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { WaybillError } from '@waybill/kernel/errors';
import { newId } from '@waybill/kernel/ids';
import { decodeCursor, pageOf } from '@waybill/kernel/paging';
import { Code, Country, Nullable, PageOf, pageQuery, Text, Timestamp } from '@waybill/kernel/schemas';
import Type from 'typebox';
import type { createAdjust } from './adjust.ts';
import { type LevelStore, type Movement, mostOnHand } from './store/levels.ts';
import type { LocationStore } from './store/locations.ts';

const LocationId = Type.String({ pattern: '^loc_[a-z0-9][a-z0-9_-]*$', maxLength: 60, examples: ['loc_north'] });
const location = {
  name: Text({ max: 200 }),
  country: Country,
  postalCode: Text({ max: 20 }),
};
const Priority = Type.Integer({ minimum: 0, maximum: 1_000_000, description: 'Of locations equally near, the lower one sends' });
const LocationSchema = Type.Object({ id: LocationId, ...location, priority: Priority }, { title: 'Location' });
const NewLocation = Type.Object(
  { id: Type.Optional(LocationId), ...location, priority: Type.Optional(Priority) },
  { title: 'NewLocation', additionalProperties: false },
);

const Level = Type.Object(
  { sku: Code(), locationId: LocationId, onHand: Type.Integer(), reserved: Type.Integer() },
  { title: 'StockLevel' },
);
const MovementSchema = Type.Object(
  {
    id: Type.String({ examples: ['mov_42'] }),
    sku: Code(),
    locationId: LocationId,
    delta: Type.Integer(),
    reason: Type.String(),
    orderId: Nullable(Type.String()),
    onHand: Type.Integer({ description: 'After this movement' }),
    reserved: Type.Integer({ description: 'At that moment' }),
    at: Timestamp,
  },
  { title: 'StockMovement' },
);
const Adjustment = Type.Object(
  {
    sku: Code(),
    locationId: LocationId,
    delta: Type.Integer({ minimum: -mostOnHand, maximum: mostOnHand, not: { const: 0 }, description: 'Units that came (+) or went (-)' }),
    reason: Text({ max: 200 }),
  },
  { title: 'StockAdjustment', additionalProperties: false },
);
const at = { sku: Type.Optional(Code()), locationId: Type.Optional(LocationId) };
const AtQuery = Type.Object({ ...at, ...pageQuery }, { additionalProperties: false });
const KeyHeader = Type.Object({ 'idempotency-key': Type.Optional(Text({ max: 200 })) });

const movementOf = ({ id, at, ...movement }: Movement) => ({ id: `mov_${id}`, ...movement, at: at.toISOString() });

const read = { permission: 'stock:read' } as const;
const write = { permission: 'stock:write' } as const;

export type InventoryRoutesOptions = { locations: LocationStore; levels: LevelStore; adjust: ReturnType<typeof createAdjust> };

export function inventoryRoutes({ locations, levels, adjust }: InventoryRoutesOptions): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/v1/locations',
      {
        config: read,
        schema: {
          tags: ['stock'],
          summary: 'List locations',
          querystring: Type.Object(pageQuery, { additionalProperties: false }),
          response: { 200: PageOf(LocationSchema) },
        },
      },
      async ({ query: { limit, cursor } }) => {
        const after = cursor === undefined ? undefined : decodeCursor(cursor, ['string'])[0];
        return pageOf(await locations.list({ after, limit: limit + 1 }), limit, { item: (row) => row, keyset: ({ id }) => [id] });
      },
    );

    app.post(
      '/v1/locations',
      {
        config: write,
        schema: { tags: ['stock'], summary: 'Add a location', body: NewLocation, response: { 201: LocationSchema } },
      },
      async ({ body: { id = newId('loc'), priority = 100, ...rest } }, reply) => {
        const added = await locations.add({ id, priority, ...rest });
        if (added) return reply.code(201).send(added);
        throw new WaybillError('conflict', `location ${id} exists; choose another id or leave it out`, {
          errors: [{ field: 'id', message: 'is taken' }],
        });
      },
    );

    app.get(
      '/v1/stock',
      {
        config: read,
        schema: {
          tags: ['stock'],
          summary: 'List stock levels by SKU and location',
          querystring: AtQuery,
          response: { 200: PageOf(Level) },
        },
      },
      async ({ query: { sku, locationId, limit, cursor } }) => {
        const [afterSku, afterLocation] = cursor === undefined ? [] : decodeCursor(cursor, ['string', 'string']);
        const after = afterSku === undefined || afterLocation === undefined ? undefined : { sku: afterSku, locationId: afterLocation };
        const rows = await levels.levels({ sku, locationId, after, limit: limit + 1 });
        return pageOf(rows, limit, { item: (row) => row, keyset: (row) => [row.sku, row.locationId] });
      },
    );

    app.post(
      '/v1/stock/adjustments',
      {
        config: write,
        schema: {
          tags: ['stock'],
          summary: 'Change what is on hand',
          description: 'Never below what is reserved. With an Idempotency-Key, a repeat gets the first answer and changes nothing.',
          headers: KeyHeader,
          body: Adjustment,
          response: { 201: MovementSchema },
        },
      },
      async ({ body, headers, principal }, reply) => {
        const movement = await adjust({ ...body, actor: principal.id, key: headers['idempotency-key'] });
        return reply.code(201).send(movementOf(movement));
      },
    );

    app.get(
      '/v1/stock/movements',
      {
        config: read,
        schema: {
          tags: ['stock'],
          summary: 'List changes of what is on hand, newest first',
          querystring: AtQuery,
          response: { 200: PageOf(MovementSchema) },
        },
      },
      async ({ query: { sku, locationId, limit, cursor } }) => {
        const before = cursor === undefined ? undefined : decodeCursor(cursor, ['number'])[0];
        const rows = await levels.movements({ sku, locationId, before, limit: limit + 1 });
        return pageOf(rows, limit, { item: movementOf, keyset: ({ id }) => [id] });
      },
    );
  };
}
