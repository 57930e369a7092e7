import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { fromTemporalError } from '@waybill/kernel/temporal-failure';
import type { Reconcile } from '../reconcile.ts';
import { ReconciliationBody, ReconciliationSchema } from './schemas.ts';

/** For whoever looks after the installation: after a restore, or when the books are in doubt. */
export function reconciliationRoutes({ reconcile }: { reconcile: Reconcile }): FastifyPluginAsyncTypebox {
  return async (app) => {
    const schema = {
      tags: ['reconciliations'],
      summary: 'Compare the books of all services, Temporal and the payment provider',
      body: ReconciliationBody,
      response: { 200: ReconciliationSchema },
    };
    app.post('/v1/reconciliations', { config: { permission: 'reconciliations:write' }, schema }, async ({ body }) => {
      const { differences, ...rest } = await reconcile(body.since).catch((error: unknown) => {
        throw fromTemporalError(error) ?? error;
      });
      return { ...rest, differences: differences.map(({ orderId, ...one }) => ({ ...one, ...(orderId === null ? {} : { orderId }) })) };
    });
  };
}
