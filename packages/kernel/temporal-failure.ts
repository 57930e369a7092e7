import {
  isGrpcCancelledError,
  isGrpcDeadlineError,
  isGrpcServiceError,
  NamespaceNotFoundError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { ApplicationFailure, TemporalFailure, TimeoutFailure } from '@temporalio/common';
import type { Calls } from './calls.ts';
import { databaseFailure } from './database.ts';
import { type FieldError, isErrorCode, isRetryable, WaybillError } from './errors.ts';
import type { Logger } from './log.ts';

/** What an ApplicationFailure of ours carries beside its message and its type (the error code). */
type FailureDetails = { errors?: readonly FieldError[]; retryAfter?: number };

/**
 * The form in which an error crosses Temporal: its type is the code. Only what a retry can help is retryable; a bug is too
 * (type `internal`), so that a far step survives until the fix is deployed.
 */
export function toFailure(error: unknown): ApplicationFailure {
  if (error instanceof ApplicationFailure) return error;
  const known = error instanceof WaybillError ? error : databaseFailure(error);
  if (!known) {
    const cause = error instanceof Error ? error : new Error(String(error));
    return ApplicationFailure.create({ message: cause.message, type: 'internal', nonRetryable: false, cause });
  }
  const details: FailureDetails = {
    ...(known.errors.length > 0 ? { errors: known.errors } : {}),
    ...(known.retryAfter === undefined ? {} : { retryAfter: known.retryAfter }),
  };
  const failure = ApplicationFailure.create({
    message: known.message,
    type: known.code,
    nonRetryable: !isRetryable(known.code),
    ...(Object.keys(details).length > 0 ? { details: [details] } : {}),
  });
  if (known.stack) failure.stack = known.stack;
  return failure;
}

/** Calls as activities: what they throw crosses Temporal by its code. A bug is logged where it happened. */
export function wrapActivities<C extends Calls>(calls: C, log?: Logger): C {
  const wrapped = Object.entries(calls).map(([name, call]) => {
    const activity = async (input: never): Promise<unknown> => {
      try {
        return await call(input);
      } catch (error) {
        if (error instanceof TemporalFailure && !(error instanceof ApplicationFailure)) throw error; // cancelled: Temporal's own
        const failure = toFailure(error);
        if (failure.type === 'internal') log?.error('activity failed', { activity: name, err: error });
        throw failure;
      }
    };
    return [name, activity];
  });
  return Object.fromEntries(wrapped) as C; // the same names, each with the same signature
}

const status = { CANCELLED: 1, UNKNOWN: 2, DEADLINE_EXCEEDED: 4, RESOURCE_EXHAUSTED: 8, ABORTED: 10, INTERNAL: 13, UNAVAILABLE: 14 };
const outOfReach = new Set(Object.values(status));

/**
 * What an error of the Temporal client, or out of a workflow or activity, means to a caller. Undefined: a bug.
 * Temporal out of reach and time-outs are `unavailable`; a failure of ours comes back with its code.
 */
export function fromTemporalError(error: unknown): WaybillError | undefined {
  if (error instanceof WaybillError) return error;
  if (error instanceof WorkflowNotFoundError) return new WaybillError('not_found', 'this workflow is not running', { cause: error });
  if (error instanceof NamespaceNotFoundError) return unavailable('the Temporal namespace does not exist yet', error);
  if (error instanceof WorkflowExecutionAlreadyStartedError)
    return new WaybillError('conflict', 'this workflow has been started already', { cause: error });
  const failure = innermost(error);
  if (failure) return fromFailure(failure, error);
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError || isGrpcDeadlineError(error) || isGrpcCancelledError(error))
    return unavailable('Temporal did not answer in time', error);
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (at instanceof TimeoutFailure) return unavailable('the step did not end in time', error);
    if (isGrpcServiceError(at) && outOfReach.has(at.code)) return unavailable('Temporal cannot be reached right now', error);
  }
  return undefined;
}

const unavailable = (message: string, cause: unknown) => new WaybillError('unavailable', message, { cause, retryAfter: 1 });

/** The first failure of ours in the chain of causes: activity and update errors wrap it. */
function innermost(error: unknown): ApplicationFailure | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (at instanceof ApplicationFailure && isErrorCode(at.type)) return at;
  }
  return undefined;
}

function fromFailure(failure: ApplicationFailure, cause: unknown): WaybillError | undefined {
  if (!isErrorCode(failure.type)) return undefined;
  const details = (failure.details?.[0] ?? {}) as FailureDetails; // written by toFailure
  return new WaybillError(failure.type, failure.message, {
    cause,
    ...(details.errors ? { errors: details.errors } : {}),
    ...(details.retryAfter === undefined ? {} : { retryAfter: details.retryAfter }),
  });
}
