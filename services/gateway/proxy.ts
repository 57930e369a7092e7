import { PassThrough, pipeline, type Readable } from 'node:stream';
import replyFrom from '@fastify/reply-from';
import { WaybillError } from '@waybill/kernel/errors';
import { trackStream } from '@waybill/kernel/event-stream';
import type { Logger } from '@waybill/kernel/log';
import { sendProblem } from '@waybill/kernel/problems';
import type { Tokens } from '@waybill/kernel/tokens';
import { beginSpan, currentTraceparent } from '@waybill/kernel/tracing';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { type PublicService, publicPaths } from './paths.ts';

const answerTimeoutMs = 60_000;
const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

/**
 * Passes a service's public paths on to the process that has it, with a token that says who calls. Bodies are read whole
 * first (they are small by our limit) and passed on byte for byte; answers and event streams flow through.
 */
export function proxyRoutes(options: { service: PublicService; upstream: string; tokens: Tokens; log: Logger }): FastifyPluginAsync {
  const { service, tokens } = options;
  return async (app) => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    await app.register(replyFrom, {
      base: options.upstream,
      disableRequestLogging: true,
      undici: { connections: 128, headersTimeout: answerTimeoutMs, bodyTimeout: 0, connect: { timeout: 2_000 } },
    });

    async function pass(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
      refuseDotSegments(request.url);
      const token = await tokens.mintCaller(request.principal);
      const body = Buffer.isBuffer(request.body) ? request.body : undefined;
      const contentType = request.headers['content-type'];
      const span = beginSpan(`${request.method} ${service}`, {
        kind: 'client',
        attributes: { 'http.request.method': request.method, 'peer.service': service },
      });
      const traceparent = span?.run(currentTraceparent);
      return reply.from(undefined, {
        ...(body && contentType ? { body, contentType } : {}),
        retryDelay: () => null, // whether a repeat is safe is for the caller to say
        rewriteRequestHeaders: (_request, headers) => ({
          ...headers,
          authorization: `Bearer ${token}`,
          'x-request-id': request.id,
          'x-forwarded-for': request.ip,
          ...(traceparent ? { traceparent } : {}),
        }),
        rewriteHeaders: ({ connection: _connection, 'keep-alive': _keepAlive, ...headers }) => headers,
        onResponse: (_request, _reply, upstream) => {
          span?.end();
          void reply.send(passOn(app.server, reply, (upstream as { stream: Readable }).stream)); // its type claims a whole reply
        },
        onError: (_reply, { error }) => {
          span?.fail(error);
          options.log.debug('upstream failed', { service, requestId: request.id, err: error });
          void sendProblem(reply, new WaybillError('unavailable', `the ${service} service does not answer right now`, { retryAfter: 1 }));
        },
      });
    }

    for (const path of publicPaths[service]) {
      for (const url of [path, `${path}/*`]) {
        app.route({ method: methods, url, config: { permission: 'any' }, schema: { hide: true }, exposeHeadRoute: false, handler: pass });
      }
    }
  };
}

/** `..` in whatever spelling would be resolved after the path was matched, and could leave it. */
function refuseDotSegments(url: string): void {
  const path = (url.split('?')[0] ?? '').replaceAll(/%2e/gi, '.').replaceAll(/%2f|%5c|\\/gi, '/');
  if (path.split('/').some((segment) => segment === '.' || segment === '..'))
    throw new WaybillError('invalid', 'the path must not contain . or .. segments');
}

/** An event stream has no end of its own: it must end when this listener drains. */
function passOn(server: object, reply: FastifyReply, stream: Readable): Readable {
  if (!String(reply.getHeader('content-type')).startsWith('text/event-stream')) return stream;
  const body = new PassThrough();
  const forget = trackStream(server, { close: () => body.end() });
  pipeline(stream, body, forget); // either side going away ends the other
  return body;
}
