/** Which service answers below which public path. Internal routes are on no list, so nothing can reach them from here. */
export const publicPaths = {
  catalog: ['/v1/products', '/v1/categories', '/v1/quotes'],
  inventory: ['/v1/locations', '/v1/stock'],
  orders: ['/v1/orders', '/v1/tasks', '/v1/reconciliations'],
  billing: ['/v1/payments', '/v1/fraud'],
  shipping: ['/v1/shipments'],
} as const satisfies Record<string, readonly `/v1/${string}`[]>;

export type PublicService = keyof typeof publicPaths;
