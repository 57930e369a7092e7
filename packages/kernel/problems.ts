import type { FastifyReply } from 'fastify';
import { databaseFailure } from './database.ts';
import { type ErrorCode, type FieldError, httpStatusOf, titleOf, WaybillError } from './errors.ts';

/** RFC 9457. `internal` is the code of a bug: it says nothing about its cause, which is in the log under the request id. */
export type Problem = {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ErrorCode | 'internal';
  errors?: readonly FieldError[];
  requestId: string;
};

export const problemType = 'application/problem+json; charset=utf-8';

/** The form a failure takes for the caller; undefined for a bug. */
export function asWaybillError(error: unknown): WaybillError | undefined {
  return error instanceof WaybillError ? error : (fromFastify(error) ?? databaseFailure(error));
}

export function problemOf(error: WaybillError | undefined, requestId: string): Problem {
  if (!error) {
    return {
      type: 'urn:waybill:problem:internal',
      title: 'Something went wrong on our side',
      status: 500,
      detail: `the request failed and was logged as ${requestId}`,
      code: 'internal',
      requestId,
    };
  }
  return {
    type: `urn:waybill:problem:${error.code}`,
    title: titleOf(error.code),
    status: httpStatusOf(error.code),
    detail: error.message,
    code: error.code,
    ...(error.errors.length > 0 ? { errors: error.errors } : {}),
    requestId,
  };
}

/** Answers with the problem document of a failure, past any response schema of the route. */
export function sendProblem(reply: FastifyReply, error: WaybillError | undefined): FastifyReply {
  const problem = problemOf(error, reply.request.id);
  if (error?.retryAfter !== undefined) reply.header('retry-after', Math.ceil(error.retryAfter));
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer');
  return reply
    .code(problem.status)
    .headers({ 'content-type': problemType, 'x-request-id': problem.requestId })
    .send(JSON.stringify(problem));
}

/** Fastify's own refusals. Their messages are fixed texts about the request, but ours say what to do. */
function fromFastify(error: unknown): WaybillError | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const status = 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 0;
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new WaybillError('too_large', 'the body is larger than this endpoint takes');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new WaybillError('unsupported_media_type', 'send the body as application/json');
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return bodyError('is empty, although its content type says JSON');
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return bodyError('is not valid JSON');
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return bodyError('is not as long as its Content-Length says');
    case 'FST_ERR_BAD_URL':
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new WaybillError('invalid', 'the path of the URL is not valid');
  }
  // Fastify's parsers mark a body they refuse (a forbidden key such as __proto__, an aborted upload) with a plain 400.
  if (error instanceof SyntaxError && status === 400) return bodyError('is not valid JSON');
  if (status === 400 && code.startsWith('FST_ERR_CTP')) return bodyError('cannot be read');
  return undefined;
}

export function bodyError(message: string): WaybillError {
  return new WaybillError('invalid', `the body ${message}`, { errors: [{ field: 'body', message }] });
}
