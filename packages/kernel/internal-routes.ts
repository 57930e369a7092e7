import type {} from '@fastify/swagger'; // types of schema.hide
import type { FastifyPluginAsync } from 'fastify';
import type { Calls } from './calls.ts';
import { WaybillError } from './errors.ts';
import { bearerOf, type Tokens } from './tokens.ts';

const maxInputBytes = 4_194_304;

/**
 * A service's calls for other processes: `POST /internal/<service>/<call>`, the input as JSON, the output as
 * `{ "result": … }`. Only a service token opens them; a caller's key or token never does.
 */
export function internalRoutes(options: { service: string; calls: Calls; tokens: Tokens }): FastifyPluginAsync {
  return async (app) => {
    app.addHook('onRequest', async (request) => {
      await options.tokens.verifyService(bearerOf(request.headers.authorization));
    });
    for (const [name, call] of Object.entries(options.calls)) {
      app.post(
        `/internal/${options.service}/${name}`,
        { config: { permission: 'internal' }, bodyLimit: maxInputBytes, schema: { hide: true } },
        async (request) => {
          if (request.body === undefined) throw new WaybillError('invalid', 'the body is missing');
          // The other side is our own code under the same contract, so the input needs no second validation.
          return { result: (await call(request.body as never)) ?? null };
        },
      );
    }
  };
}
