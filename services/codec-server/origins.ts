import { WaybillError } from '@waybill/kernel/errors';
import type { FastifyInstance } from 'fastify';
import type { CodecServerSettings } from './settings.ts';

const headers = 'content-type, x-namespace, authorization, authorization-extras';

/**
 * Lets the pages of exact origins read our answers and send the cookie, and refuses the requests of all other pages: ports are
 * not part of a site, so a page of any other server on the same host would carry the cookie too.
 */
export function allowOrigins(app: FastifyInstance, settings: CodecServerSettings): void {
  const allowed = new Set(settings.CODEC_ORIGINS.map((origin) => new URL(origin).origin));
  const own = new URL(settings.CODEC_URL).origin;

  // On the way out, so that a refusal can be read too: without these headers a browser hides even the status.
  app.addHook('onSend', async (request, reply) => {
    const { origin } = request.headers;
    reply.header('vary', 'origin');
    if (origin === undefined || !allowed.has(origin)) return;
    reply.header('access-control-allow-origin', origin);
    reply.header('access-control-allow-credentials', 'true');
  });

  app.addHook('onRequest', async ({ headers: { origin, host } }) => {
    if (origin === undefined || allowed.has(origin) || origin === own || origin === `http://${host}` || origin === `https://${host}`)
      return;
    throw new WaybillError('forbidden', `pages of ${origin.slice(0, 200)} may not use this server: add the origin to CODEC_ORIGINS`);
  });

  for (const path of ['/decode', '/encode']) {
    app.options(path, { config: { permission: 'public' } }, async (_request, reply) =>
      reply
        .code(204)
        .header('access-control-allow-methods', 'POST')
        .header('access-control-allow-headers', headers)
        .header('access-control-max-age', '600')
        .send(),
    );
  }
}
