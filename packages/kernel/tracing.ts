import {
  type Attributes,
  type Context,
  context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { WaybillError } from './errors.ts';

/** A tracer, and what belongs to it. */
export type TraceExport = {
  tracer: Tracer;
  /** The next span that starts gets this id: it was told to others before it could start. */
  planSpanId(id: string): void;
  close(): Promise<void>;
};

// One per process, as in OpenTelemetry's own API: it is used where no argument could be handed through, and nothing is done without it.
let current: TraceExport | undefined;

export const isTracing = (): boolean => current !== undefined;

/** Called by `startTracing` alone. */
export function setTracing(started: TraceExport | undefined): void {
  current = started;
}

export type SpanOptions = {
  /** Internal work, unless it is said. */
  kind?: 'client' | 'server' | 'producer' | 'consumer';
  /** Ids, names and states only: no personal data, and no values of a statement. */
  attributes?: Attributes;
  /** The other side's `traceparent`, in place of the span that is active here. */
  parent?: string | undefined;
};

const kinds = { client: SpanKind.CLIENT, server: SpanKind.SERVER, producer: SpanKind.PRODUCER, consumer: SpanKind.CONSUMER };
const kindOf = (kind: SpanOptions['kind']): SpanKind => (kind ? kinds[kind] : SpanKind.INTERNAL);

/** Does the work inside a span. Without tracing it only does the work. */
export async function inSpan<T>(name: string, options: SpanOptions, work: () => Promise<T>): Promise<T> {
  const begun = beginSpan(name, options);
  if (!begun) return work();
  try {
    const result = await begun.run(work);
    begun.end();
    return result;
  } catch (error) {
    begun.fail(error);
    throw error;
  }
}

export type BegunSpan = { run<T>(work: () => T): T; set(attributes: Attributes): void; end(): void; fail(error: unknown): void };

/** A span whose end comes elsewhere; undefined without tracing. */
export function beginSpan(name: string, { kind, attributes = {}, parent }: SpanOptions): BegunSpan | undefined {
  if (!current) return undefined;
  const from = parent === undefined ? context.active() : contextOf(parent);
  const span = current.tracer.startSpan(name, { kind: kindOf(kind), attributes }, from);
  const inside = trace.setSpan(from, span);
  return {
    run: (work) => context.with(inside, work),
    set: (more) => void span.setAttributes(more),
    end: () => span.end(),
    fail: (error) => failSpan(span, error),
  };
}

/** A span of work that is over. */
export function recordSpan(
  name: string,
  options: SpanOptions & { startTime: number; endTime?: number; error?: unknown; id?: string },
): void {
  if (!current) return;
  const { kind, attributes = {}, parent, startTime, endTime = Date.now(), error, id } = options;
  if (id !== undefined) current.planSpanId(id);
  const span = current.tracer.startSpan(
    name,
    { kind: kindOf(kind), attributes, startTime },
    parent === undefined ? context.active() : contextOf(parent),
  );
  if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute('error.type', typeOf(error));
  span.end(endTime);
}

/** A message may hold what a person wrote, so a span names the kind of an error only; the log has the rest, under the same trace. */
function failSpan(span: Span, error: unknown): void {
  span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute('error.type', typeOf(error)).end();
}

const typeOf = (error: unknown): string =>
  error instanceof WaybillError ? error.code : error instanceof Error ? error.name : typeof error;

/** The active span as a W3C `traceparent`, for whoever goes on with its work; undefined without one. */
export function currentTraceparent(): string | undefined {
  const span = current && trace.getSpanContext(context.active());
  return span && `00-${span.traceId}-${span.spanId}-${(span.traceFlags & 0xff).toString(16).padStart(2, '0')}`;
}

/** Does work that belongs to a trace begun elsewhere, or earlier. */
export const withTraceparent = <T>(traceparent: string | null | undefined, work: () => T): T =>
  current && traceparent ? context.with(contextOf(traceparent), work) : work();

const traceparentPattern = /^[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})$/;

function contextOf(traceparent: string): Context {
  const [, traceId, spanId, flags] = traceparentPattern.exec(traceparent) ?? [];
  if (!traceId || !spanId || !flags) return ROOT_CONTEXT; // whatever it was, a new trace begins
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true });
}

/** What a log line says of the trace it belongs to. */
export function traceFields(): { trace_id: string; span_id: string } | undefined {
  const span = current && trace.getSpanContext(context.active());
  return span && { trace_id: span.traceId, span_id: span.spanId };
}
