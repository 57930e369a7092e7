import { fileURLToPath } from 'node:url';
import type { WorkflowClientInterceptor } from '@temporalio/client';
import type { Headers } from '@temporalio/common';
import type { ActivityInterceptorsFactory, InjectedSinks } from '@temporalio/worker';
import { currentTraceparent, inSpan, recordSpan } from './tracing.ts';
import { headerOf, type TracingSinks, withHeader } from './workflow-tracing.ts';

/** Bundled into every workflow. */
export const workflowInterceptorsPath = fileURLToPath(new URL('./workflow-tracing.ts', import.meta.url));

const call = <T>(name: string, workflowId: string | undefined, work: (headers: (given: Headers) => Headers) => Promise<T>): Promise<T> =>
  inSpan(name, { kind: 'client', attributes: { 'rpc.system.name': 'temporal', temporalWorkflowId: workflowId } }, () => work(carried));

function carried(given: Headers): Headers {
  const traceparent = currentTraceparent();
  return traceparent === undefined ? given : withHeader(given, traceparent);
}

/** A span for each workflow that is started and each command or fact sent to one; the trace goes along in a header. */
export const clientTracing: WorkflowClientInterceptor = {
  startWithDetails: (input, next) =>
    call(`StartWorkflow:${input.workflowType}`, input.options.workflowId, (headers) => next({ ...input, headers: headers(input.headers) })),
  signal: (input, next) =>
    call(`SignalWorkflow:${input.signalName}`, input.workflowExecution.workflowId, (headers) =>
      next({ ...input, headers: headers(input.headers) }),
    ),
  startUpdate: (input, next) =>
    call(`UpdateWorkflow:${input.updateName}`, input.workflowExecution.workflowId, (headers) =>
      next({ ...input, headers: headers(input.headers) }),
    ),
  startUpdateWithStart: (input, next) =>
    call(`UpdateWithStartWorkflow:${input.updateName}`, input.workflowStartOptions.workflowId, (headers) =>
      next({ ...input, workflowStartHeaders: headers(input.workflowStartHeaders), updateHeaders: headers(input.updateHeaders) }),
    ),
};

/** A span for each attempt at an activity, near or far, inside the workflow's. */
export const activityTracing: ActivityInterceptorsFactory = ({ info }) => ({
  inbound: {
    execute: (input, next) =>
      inSpan(
        `RunActivity:${info.activityType}`,
        {
          parent: headerOf(input.headers),
          attributes: {
            temporalWorkflowId: info.workflowExecution?.workflowId,
            temporalActivityId: info.activityId,
            'waybill.step.way': info.isLocal ? 'near' : 'far',
            'waybill.step.attempt': info.attempt,
          },
        },
        () => next(input),
      ),
  },
});

/** The workflow's own span, told when it ends: only then is there something to tell, and a replay does not tell it again. */
export const workflowTracing: InjectedSinks<TracingSinks> = {
  tracing: {
    ended: {
      fn({ workflowType, workflowId, runId }, { traceparent, spanId, startedAt, endedAt, error }) {
        recordSpan(`RunWorkflow:${workflowType}`, {
          parent: traceparent,
          id: spanId,
          startTime: startedAt,
          endTime: endedAt,
          attributes: { temporalWorkflowId: workflowId, temporalRunId: runId },
          ...(error === null ? {} : { error: new Error(error) }),
        });
      },
      callDuringReplay: false,
    },
  },
};
