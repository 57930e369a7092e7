// Loaded inside the workflow sandbox, as interceptors of every workflow; types of it are used outside.
import { defaultPayloadConverter, type Headers, type Payload } from '@temporalio/common';
import { proxySinks, type Sinks, type WorkflowInterceptorsFactory, workflowInfo } from '@temporalio/workflow';

/** In headers of starts, signals and activities; ids only, so it needs no sealing. */
export const traceHeader = 'traceparent';

/** A workflow that has ended, as a span: its id is what its activities named as their parent. */
export type EndedRun = { traceparent: string; spanId: string; startedAt: number; endedAt: number; error: string | null };

export interface TracingSinks extends Sinks {
  tracing: { ended(run: EndedRun): void };
}

export function headerOf(headers: Headers): string | undefined {
  const payload = headers[traceHeader];
  return payload ? defaultPayloadConverter.fromPayload<string>(payload) : undefined;
}

export const withHeader = (headers: Headers, traceparent: string): Headers => ({
  ...headers,
  [traceHeader]: defaultPayloadConverter.toPayload(traceparent),
});

/** The span id of a run: nothing random, or the workflow's own random numbers would change. */
const spanIdOf = (runId: string): string => runId.replaceAll('-', '').slice(-16);

/** Hands the trace of a workflow's start on to its activities. Without one, it changes nothing. */
export const interceptors: WorkflowInterceptorsFactory = () => {
  let own: Payload | undefined;
  const carry = <I extends { headers: Headers }>(input: I): I =>
    own ? { ...input, headers: { ...input.headers, [traceHeader]: own } } : input;
  return {
    inbound: [
      {
        execute(input, next) {
          const traceparent = headerOf(input.headers);
          if (traceparent === undefined) return next(input);
          const { runId, runStartTime } = workflowInfo();
          const spanId = spanIdOf(runId);
          own = defaultPayloadConverter.toPayload(traceparent.replace(/-[\da-f]{16}-/, `-${spanId}-`));
          const ended = (error: string | null): void => {
            if (workflowInfo().unsafe.isReplaying) return;
            proxySinks<TracingSinks>().tracing.ended({
              traceparent,
              spanId,
              startedAt: runStartTime.getTime(),
              endedAt: Date.now(),
              error,
            });
          };
          return next(input).then(
            (result) => {
              ended(null);
              return result;
            },
            (error: unknown) => {
              ended(error instanceof Error ? error.name : 'error');
              throw error;
            },
          );
        },
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) => next(carry(input)),
        scheduleLocalActivity: (input, next) => next(carry(input)),
      },
    ],
  };
};
