import { setting } from '@waybill/kernel/config';
import type { Logger } from '@waybill/kernel/log';
import type { Tokens } from '@waybill/kernel/tokens';
import type { FastifyPluginAsync } from 'fastify';
import { createAuthentication } from './authentication.ts';
import { documentationRoutes } from './documentation.ts';
import { type PublicService, publicPaths } from './paths.ts';
import { proxyRoutes } from './proxy.ts';

export { createAuthentication, type PublicService, publicPaths };

export const gatewaySettings = {
  ADMIN_API_KEY: setting.secret({ description: 'The key that the gateway accepts, with all permissions.' }),
};

/** The public routes of a gateway, beside those of the services in its own process. `upstreams` are the others. */
export function gatewayRoutes(options: {
  document: string;
  upstreams: Partial<Record<PublicService, string>>;
  tokens: Tokens;
  log: Logger;
}): FastifyPluginAsync {
  return async (app) => {
    await app.register(documentationRoutes(options.document));
    for (const [service, upstream] of Object.entries(options.upstreams) as [PublicService, string][]) {
      await app.register(proxyRoutes({ service, upstream, tokens: options.tokens, log: options.log })); // keys of the record
    }
  };
}
