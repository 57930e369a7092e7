import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type BegunSpan, beginSpan, isTracing } from './tracing.ts';

/** Asked every few seconds by machines: they would drown what people and programs ask. */
const untraced = new Set(['/healthz', '/readyz', '/metrics']);

/** A span for each request, named by its route, in the trace of the caller if it brought one. Register it before all other hooks. */
export function traceRequests(app: FastifyInstance): void {
  if (!isTracing()) return;
  const spans = new WeakMap<FastifyRequest, BegunSpan>();
  app.addHook('onRequest', (request, _reply, done) => {
    const route = request.routeOptions.url;
    if (route !== undefined && untraced.has(route)) return done();
    const { traceparent } = request.headers;
    const span = beginSpan(route === undefined ? request.method : `${request.method} ${route}`, {
      kind: 'server',
      parent: typeof traceparent === 'string' ? traceparent : undefined,
      attributes: {
        'http.request.method': request.method,
        ...(route === undefined ? {} : { 'http.route': route }),
        'url.scheme': request.protocol,
        'waybill.request.id': request.id,
      },
    });
    if (!span) return done();
    spans.set(request, span);
    span.run(done);
  });
  // A body is read by the connection's own events, outside of the request's context: what follows is put back into it.
  app.addHook('preValidation', (request, _reply, done) => {
    const span = spans.get(request);
    if (span) span.run(done);
    else done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const span = spans.get(request);
    const { statusCode } = reply;
    span?.set({ 'http.response.status_code': statusCode });
    if (statusCode >= 500) span?.fail(String(statusCode));
    else span?.end();
    done();
  });
}
