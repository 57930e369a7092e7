import { isUtf8 } from 'node:buffer';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type {} from '@fastify/swagger'; // types of schema.hide, tags and summary
import type { Meter } from '@opentelemetry/api';
import Fastify, { type FastifyHttpOptions, type FastifyInstance, type FastifyReply, type FastifyRequest, type RouteOptions } from 'fastify';
import { WaybillError } from './errors.ts';
import { closeEventStreams } from './event-stream.ts';
import { traceRequests } from './http-tracing.ts';
import type { Logger } from './log.ts';
import { asWaybillError, bodyError, problemOf, problemType, sendProblem } from './problems.ts';
import type { Readiness } from './readiness.ts';
import type { Principal } from './tokens.ts';
import { buildValidator, validationFailure } from './validation.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls. Only a public or internal route has none. */
    principal: Principal;
  }
  interface FastifyContextConfig {
    /**
     * What the caller needs, such as `orders:write`. `any`: to be known, no more. `public`: nothing. `internal`: the route
     * checks a service token itself.
     */
    permission?: `${string}:${'read' | 'write'}` | 'any' | 'public' | 'internal';
  }
}

export type HttpOptions = {
  name: string;
  log: Logger;
  meter: Meter;
  /** Rejects with `unauthenticated` when the request carries no valid credential. */
  authenticate(request: FastifyRequest): Principal | Promise<Principal>;
  readiness: Readiness;
  /** Metrics of the process as text; without it there is no /metrics. */
  metrics?: { text(): Promise<string>; allow(request: FastifyRequest): boolean | Promise<boolean> };
  /** Failures of libraries that a caller can act on (Temporal is down); undefined for what it does not know. */
  translate?(error: unknown): WaybillError | undefined;
  /** Take the request id of the proxy in front. Only where nobody but our own processes can call. */
  trustRequestId?: boolean;
  limits?: { bodyBytes?: number; requestMs?: number };
};

let lastRequest = 0;
const processTag = Math.random().toString(36).slice(2, 8);
const requestIdPattern = /^[\w-]{1,64}$/;

/**
 * A listener with everything every process answers the same way: problem documents, validation, request ids, metrics,
 * health, and a close that finishes what it began. Routes are registered afterwards; one without a permission stops the start.
 */
export async function createHttp(options: HttpOptions): Promise<FastifyInstance> {
  const { log, readiness } = options;
  const translate = (error: unknown): WaybillError | undefined => asWaybillError(error) ?? options.translate?.(error);
  const server: FastifyHttpOptions<Server> = {
    bodyLimit: options.limits?.bodyBytes ?? 1_048_576,
    requestTimeout: options.limits?.requestMs ?? 30_000,
    connectionTimeout: 0, // would cut quiet event streams
    keepAliveTimeout: 72_000,
    // A request that arrives on an open connection while we drain is served; it is the last one there.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false, // the gateway in front of split roles has none: both deployments answer alike
    routerOptions: { maxParamLength: 200 },
    genReqId: ({ headers }) => {
      const given = options.trustRequestId ? headers['x-request-id'] : undefined;
      if (typeof given === 'string' && requestIdPattern.test(given)) return given;
      lastRequest = (lastRequest + 1) % Number.MAX_SAFE_INTEGER;
      return `req_${processTag}${lastRequest.toString(36)}`;
    },
    schemaController: { compilersFactory: { buildValidator: buildValidator() } },
    schemaErrorFormatter: (errors, part) => validationFailure(errors, part === 'querystring' ? 'query' : part),
    frameworkErrors: (error, _request, reply) => void sendProblem(reply, translate(error)),
    clientErrorHandler,
  };
  const app = Fastify(server);

  app.decorateRequest('principal');
  parseJsonOnly(app);
  traceRequests(app);
  app.addHook('onRoute', requirePermission);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
    reply.header('cache-control', 'no-store');
    reply.header('x-content-type-options', 'nosniff');
    refuseRepeatedHeaders(request.raw.rawHeaders);
    const { permission } = request.routeOptions.config;
    if (permission === 'public' || permission === 'internal') return;
    const identified = options.authenticate(request);
    const principal = identified instanceof Promise ? await identified : identified;
    request.principal = principal;
    if (
      permission === undefined ||
      permission === 'any' ||
      principal.permissions.includes('*') ||
      principal.permissions.includes(permission)
    )
      return;
    throw new WaybillError('forbidden', `${principal.id} lacks the permission ${permission}`);
  });
  measure(app, options);

  app.setErrorHandler((error, request, reply) => {
    const known = translate(error);
    if (!known) log.error('request failed', { ...describe(request), err: error });
    else if (known.code === 'unavailable') log.debug('request refused', { ...describe(request), err: error });
    return sendProblem(reply, known);
  });
  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, new WaybillError('not_found', `${request.method} ${pathOf(request)} does not exist`)),
  );

  answerHealth(app, options);
  app.addHook('preClose', () => {
    readiness.drain();
    closeEventStreams(app.server);
    // A connection that becomes idle after the close began would otherwise keep the process until its time-out.
    const sweep = setInterval(() => app.server.closeIdleConnections(), 50);
    app.server.once('close', () => clearInterval(sweep));
    if (!app.server.listening) clearInterval(sweep);
  });
  return app;
}

const describe = (request: FastifyRequest) => ({
  requestId: request.id,
  method: request.method,
  route: request.routeOptions.url ?? 'unknown',
});

const pathOf = ({ url }: FastifyRequest): string => (url.split('?')[0] ?? '').slice(0, 200);

function requirePermission(route: RouteOptions): void {
  if (route.config?.permission === undefined)
    throw new Error(`the route ${String(route.method)} ${route.url} declares no permission; use 'public' if it needs none`);
  // A route that names no query fields takes none: a misspelt dryRun must not become a real cancellation.
  if (route.config.permission.includes(':'))
    route.schema = { querystring: { type: 'object', properties: {}, additionalProperties: false }, ...route.schema };
}

function parseJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    // Decoding would replace broken bytes silently, and the caller's text would come back changed.
    if (!isUtf8(body)) return done(bodyError('is not valid UTF-8'));
    return parse(request, body.toString('utf8'), done);
  });
}

const single = new Set(['authorization', 'content-type', 'idempotency-key', 'if-match', 'prefer', 'last-event-id']);
const singleLengths = new Set([...single].map(({ length }) => length));

/** Node keeps the first of some repeated headers and joins others: two keys must not become one nobody meant. */
function refuseRepeatedHeaders(raw: readonly string[]): void {
  let seen: string[] | undefined;
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] ?? '';
    if (!singleLengths.has(name.length)) continue;
    const lower = name.toLowerCase();
    if (!single.has(lower)) continue;
    if (seen?.includes(lower))
      throw new WaybillError('invalid', `the header ${lower} is given more than once`, {
        errors: [{ field: lower, message: 'is given more than once' }],
      });
    seen = seen ? [...seen, lower] : [lower];
  }
}

function measure(app: FastifyInstance, { meter, log }: HttpOptions): void {
  const duration = meter.createHistogram('http_server_request_duration_seconds', {
    description: 'Time from the first byte of a request to the last of its answer',
    advice: { explicitBucketBoundaries: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] },
  });
  app.addHook('onResponse', (request: FastifyRequest, reply: FastifyReply, done) => {
    const route = request.routeOptions.url ?? 'unknown';
    // An event stream lasts as long as its reader likes: it says nothing about our speed.
    if (!String(reply.getHeader('content-type')).startsWith('text/event-stream'))
      duration.record(reply.elapsedTime / 1_000, { route, method: request.method, status: reply.statusCode });
    log.debug('request', {
      requestId: request.id,
      method: request.method,
      route,
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime * 10) / 10,
    });
    done();
  });
}

function answerHealth(app: FastifyInstance, { readiness, metrics }: HttpOptions): void {
  const open = { config: { permission: 'public' }, schema: { hide: true } } as const;
  app.get('/healthz', open, () => ({ ok: true }));
  app.get('/readyz', open, async (_request, reply) => {
    const report = await readiness.report();
    return reply.code(report.ready ? 200 : 503).send(report);
  });
  if (!metrics) return;
  app.get('/metrics', open, async (request, reply) => {
    if (!(await metrics.allow(request))) throw new WaybillError('unauthenticated', 'metrics are open to this machine only');
    return reply.type('text/plain; version=0.0.4; charset=utf-8').send(await metrics.text());
  });
}

/** What is not even HTTP gets a problem document too, on a connection that ends with it. */
function clientErrorHandler(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, failure] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ['431 Request Header Fields Too Large', new WaybillError('too_large', 'the headers are too large')]
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', new WaybillError('invalid', 'the request did not arrive in time')]
        : ['400 Bad Request', new WaybillError('invalid', 'the request is not valid HTTP')];
  const body = JSON.stringify({ ...problemOf(failure, 'none'), status: Number.parseInt(status, 10) });
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: ${problemType}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

/** Stops listening, lets requests in progress finish for up to `graceMs`, then cuts what is left. */
export async function closeHttp(app: FastifyInstance, graceMs: number): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), graceMs);
  await app.close().finally(() => clearTimeout(timer));
}
