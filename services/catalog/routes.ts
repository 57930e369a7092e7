import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { invalidField, WaybillError } from '@waybill/kernel/errors';
import { newId } from '@waybill/kernel/ids';
import { decodeCursor, pageOf } from '@waybill/kernel/paging';
import { pageQuery } from '@waybill/kernel/schemas';
import Type from 'typebox';
import type { CatalogCalls } from './contract.ts';
import {
  Category,
  CategoryPage,
  IfMatch,
  NewCategory,
  ProductBody,
  ProductById,
  ProductPage,
  ProductQuery,
  ProductSchema,
  QuoteBody,
  QuoteSchema,
} from './schemas.ts';
import type { Product, ProductStore, Saved } from './store/products.ts';
import { contentOf, type ProductInput } from './validate.ts';

const read = { permission: 'catalog:read' } as const;
const write = { permission: 'catalog:write' } as const;

const etagOf = ({ version }: Product) => `"${version}"`;
const wireOf = ({ createdAt, updatedAt, ...product }: Product) => ({
  ...product,
  createdAt: createdAt.toISOString(),
  updatedAt: updatedAt.toISOString(),
});

export type CatalogRoutesOptions = { products: ProductStore; calls: CatalogCalls; onChange(): void };

export function catalogRoutes({ products, calls, onChange }: CatalogRoutesOptions): FastifyPluginAsyncTypebox {
  async function checked(body: ProductInput) {
    const content = contentOf(body);
    if (content.categoryId !== null && !(await products.hasCategory(content.categoryId))) {
      throw invalidField('categoryId', `${content.categoryId} does not exist; see GET /v1/categories`);
    }
    return content;
  }

  function saved(result: Saved, body: ProductInput): Product {
    if (result.outcome === 'saved') {
      onChange();
      return result.product;
    }
    const errors = result.skus.map((sku) => ({
      field: `variants[${body.variants.findIndex((variant) => variant.sku === sku)}].sku`,
      message: `${sku} belongs to another product`,
    }));
    throw new WaybillError('conflict', `${result.skus.join(', ')}: belongs to another product, and a SKU is one thing only`, { errors });
  }

  return async (app) => {
    app.post(
      '/v1/quotes',
      {
        config: read,
        schema: {
          tags: ['catalog'],
          summary: 'Price lines as an order placed now would be',
          description: 'The flat shipping fee carries no tax. Without a delivery no shipping is charged.',
          body: QuoteBody,
          response: { 200: QuoteSchema },
        },
      },
      async ({ body: { delivery, ...rest } }) => {
        const quote = await calls.quote({ ...rest, delivery: delivery ?? { method: 'pickup' } });
        return { ...quote, lines: [...quote.lines], totals: [...quote.totals] };
      },
    );

    app.get(
      '/v1/products',
      { config: read, schema: { tags: ['catalog'], summary: 'List products', querystring: ProductQuery, response: { 200: ProductPage } } },
      async ({ query: { sku, categoryId, limit, cursor } }) => {
        const after = cursor === undefined ? undefined : decodeCursor(cursor, ['string'])[0];
        const rows = await products.list({ sku, categoryId, after, limit: limit + 1 });
        return pageOf(rows, limit, { item: wireOf, keyset: ({ id }) => [id] });
      },
    );

    app.get(
      '/v1/products/:id',
      { config: read, schema: { tags: ['catalog'], summary: 'Show a product', params: ProductById, response: { 200: ProductSchema } } },
      async ({ params: { id } }, reply) => {
        const product = await products.find(id);
        if (!product) throw missing(id);
        return reply.header('etag', etagOf(product)).send(wireOf(product));
      },
    );

    app.post(
      '/v1/products',
      {
        config: write,
        schema: {
          tags: ['catalog'],
          summary: 'Add a product with its variants and prices',
          body: ProductBody,
          response: { 201: ProductSchema },
        },
      },
      async ({ body }, reply) => {
        const product = saved(await products.add(newId('prd'), await checked(body)), body);
        return reply.code(201).header('location', `/v1/products/${product.id}`).header('etag', etagOf(product)).send(wireOf(product));
      },
    );

    app.put(
      '/v1/products/:id',
      {
        config: write,
        schema: {
          tags: ['catalog'],
          summary: 'Replace a product',
          description: 'Variants and prices that are not given are gone afterwards. With If-Match only if nobody changed it meanwhile.',
          params: ProductById,
          headers: IfMatch,
          body: ProductBody,
          response: { 200: ProductSchema },
        },
      },
      async ({ params: { id }, body, headers }, reply) => {
        const match = headers['if-match'];
        const version = match === undefined || match === '*' ? undefined : Number(match.slice(1, -1));
        const result = await products.replace(id, await checked(body), version);
        if (result.outcome === 'missing') throw missing(id);
        if (result.outcome === 'changed') {
          throw new WaybillError('precondition_failed', `product ${id} is at version ${result.version} by now: read it again`);
        }
        const product = saved(result, body);
        return reply.header('etag', etagOf(product)).send(wireOf(product));
      },
    );

    app.get(
      '/v1/categories',
      {
        config: read,
        schema: {
          tags: ['catalog'],
          summary: 'List categories',
          querystring: Type.Object(pageQuery, { additionalProperties: false }),
          response: { 200: CategoryPage },
        },
      },
      async ({ query: { limit, cursor } }) => {
        const after = cursor === undefined ? undefined : decodeCursor(cursor, ['string'])[0];
        return pageOf(await products.categories({ after, limit: limit + 1 }), limit, { item: (row) => row, keyset: ({ id }) => [id] });
      },
    );

    app.post(
      '/v1/categories',
      { config: write, schema: { tags: ['catalog'], summary: 'Add a category', body: NewCategory, response: { 201: Category } } },
      async ({ body }, reply) => {
        const category = { id: newId('cat'), ...body };
        await products.addCategory(category);
        return reply.code(201).send(category);
      },
    );
  };
}

const missing = (id: string) => new WaybillError('not_found', `product ${id} does not exist`);
