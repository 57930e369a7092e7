import { WorkflowFailedError, WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure, CancelledFailure, RetryState, TimeoutFailure, TimeoutType } from '@temporalio/common';
import { expect, test } from 'vitest';
import { errorCodes, isRetryable, WaybillError } from './errors.ts';
import { fromTemporalError, toFailure, wrapActivities } from './temporal-failure.ts';

const inActivity = (failure: Error) =>
  new ActivityFailure('Activity task failed', 'pay', '1', RetryState.MAXIMUM_ATTEMPTS_REACHED, 'me', failure);

test('every code crosses Temporal and comes back with message, fields and hint, retried only where a retry can help', () => {
  for (const code of errorCodes) {
    const error = new WaybillError(code, `it is ${code}`, { errors: [{ field: 'a', message: 'b' }], retryAfter: 3 });
    const failure = toFailure(error);
    expect([failure.type, failure.nonRetryable]).toEqual([code, !isRetryable(code)]);
    for (const wrapped of [
      failure,
      new WorkflowFailedError('Workflow execution failed', inActivity(failure), RetryState.RETRY_POLICY_NOT_SET),
      new WorkflowUpdateFailedError('Workflow Update failed', failure),
    ])
      expect(fromTemporalError(wrapped)).toMatchObject({ code, message: `it is ${code}`, errors: error.errors, retryAfter: 3 });
  }
});

test('a bug stays retryable for the far step, and is no answer to a caller', () => {
  const failure = toFailure(new TypeError('x is not a function'));
  expect([failure.type, failure.nonRetryable]).toEqual(['internal', false]);
  expect(fromTemporalError(inActivity(failure))).toBeUndefined();
  expect(fromTemporalError(new TypeError('x'))).toBeUndefined();
  expect(toFailure('a string').message).toBe('a string');
});

test('a lost database connection is unavailable', () => {
  expect(toFailure(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }))).toMatchObject({
    type: 'unavailable',
    nonRetryable: false,
  });
});

test('Temporal out of reach, time-outs and missing workflows have codes of their own', () => {
  const grpc = (code: number) => Object.assign(new Error('rpc'), { code, details: 'x', metadata: {} });
  for (const code of [4, 8, 14]) expect(fromTemporalError(grpc(code))).toMatchObject({ code: 'unavailable', retryAfter: 1 });
  expect(fromTemporalError(grpc(3))).toBeUndefined();
  expect(fromTemporalError(inActivity(new TimeoutFailure('late', undefined, TimeoutType.START_TO_CLOSE)))).toMatchObject({
    code: 'unavailable',
  });
  expect(fromTemporalError(new WorkflowNotFoundError('gone', 'order/1', undefined))).toMatchObject({ code: 'not_found' });
});

test('wrapped activities keep results, translate what they throw, and let cancellation pass', async () => {
  const activities = wrapActivities({
    fine: async (input: { n: number }) => input.n + 1,
    refused: async (_: object): Promise<never> => {
      throw new WaybillError('conflict', 'no');
    },
    chosen: async (_: object): Promise<never> => {
      throw ApplicationFailure.nonRetryable('mine', 'custom');
    },
    cancelled: async (_: object): Promise<never> => {
      throw new CancelledFailure('stop');
    },
  });
  expect(await activities.fine({ n: 1 })).toBe(2);
  await expect(activities.refused({})).rejects.toMatchObject({ type: 'conflict', nonRetryable: true });
  await expect(activities.chosen({})).rejects.toMatchObject({ type: 'custom' });
  await expect(activities.cancelled({})).rejects.toBeInstanceOf(CancelledFailure);
});
