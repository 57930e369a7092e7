import { createAuthentication, gatewayRoutes, type PublicService } from '@waybill/gateway/service';
import { WaybillError } from '@waybill/kernel/errors';
import { createHttp } from '@waybill/kernel/http';
import { internalRoutes } from '@waybill/kernel/internal-routes';
import type { Logger } from '@waybill/kernel/log';
import type { Metrics } from '@waybill/kernel/metrics';
import type { Readiness } from '@waybill/kernel/readiness';
import { Secret } from '@waybill/kernel/secret';
import { fromTemporalError } from '@waybill/kernel/temporal-failure';
import { bearerOf, type Tokens } from '@waybill/kernel/tokens';
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify';
import type { Module } from './modules.ts';
import { type Role, rolesOf, serviceNames } from './roles.ts';
import { type ServerSettings, serviceUrlOf } from './settings.ts';

type Options = {
  settings: ServerSettings;
  modules: readonly Module[];
  log: Logger;
  metrics: Metrics;
  readiness: Readiness;
  tokens: Tokens;
};

const shared = ({ log, metrics, readiness }: Options) => ({ log, meter: metrics.meter, readiness, translate: fromTemporalError });

/** Until a service's database is there with a known schema, its routes say so rather than fail in the middle. */
function whenReady(module: Module, routes: FastifyPluginAsync): FastifyPluginAsync {
  return async (app) => {
    app.addHook('onRequest', (_request, _reply, done) => {
      if (module.ready) done();
      else done(new WaybillError('unavailable', `the ${module.name} service is waiting for its database`, { retryAfter: 2 }));
    });
    await app.register(routes);
  };
}

async function registerApis(app: FastifyInstance, modules: readonly Module[]): Promise<void> {
  for (const module of modules) if (module.api && module.parts.routes) await app.register(whenReady(module, module.parts.routes));
}

/** The public entrance: one key, the routes of this process, and a proxy to those of others. */
export async function openGateway(options: Options & { roles: readonly Role[]; document: string }): Promise<FastifyInstance> {
  const { settings, roles, tokens, log } = options;
  const key = settings['ADMIN_API_KEY'];
  if (!(key instanceof Secret)) throw new Error('a process with the gateway was given settings without ADMIN_API_KEY');
  const authenticate = createAuthentication({ adminKey: key });
  const elsewhere = serviceNames.filter((name) => !rolesOf(roles, name).api);
  const upstreams: Partial<Record<PublicService, string>> = Object.fromEntries(
    elsewhere.map((name) => [name, serviceUrlOf(settings, name, `the gateway passes requests on to the ${name} service`)]),
  );
  const app = await createHttp({
    ...shared(options),
    name: 'gateway',
    authenticate,
    metrics: { text: options.metrics.text, allow: (request) => isFromThisMachine(request) || Boolean(authenticate(request)) },
  });
  await registerApis(app, options.modules);
  await app.register(gatewayRoutes({ document: options.document, upstreams, tokens, log }));
  return app;
}

/** Where other processes of ours call: with a caller's token the public routes, with a service's token the internal ones. */
export async function openInternal(options: Options): Promise<FastifyInstance> {
  const { tokens } = options;
  const app = await createHttp({
    ...shared(options),
    name: 'internal',
    authenticate: ({ headers }) => tokens.verifyCaller(bearerOf(headers.authorization)),
    trustRequestId: true,
    metrics: { text: options.metrics.text, allow: () => true },
  });
  await registerApis(app, options.modules);
  for (const module of options.modules) {
    const { name, api, parts } = module;
    if (api && parts.calls) await app.register(whenReady(module, internalRoutes({ service: name, calls: parts.calls, tokens })));
  }
  return app;
}

/** A proxy on this machine makes everybody look local, but it says for whom it asks. */
function isFromThisMachine({ ip, headers }: FastifyRequest): boolean {
  const forwarded = headers['x-forwarded-for'] !== undefined || headers['forwarded'] !== undefined;
  return !forwarded && (ip === '::1' || ip.startsWith('127.') || ip.startsWith('::ffff:127.'));
}
