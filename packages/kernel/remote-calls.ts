import type { Calls, CallsDefinition } from './calls.ts';
import { type FieldError, isErrorCode, WaybillError } from './errors.ts';
import { currentTraceparent, inSpan } from './tracing.ts';

/** What we read of a problem document. It comes from our own process, or from a proxy that has another idea of one. */
type ProblemDocument = { code?: unknown; detail?: unknown; errors?: readonly FieldError[] };

/**
 * Another service's calls over HTTP: `POST <baseUrl>/internal/<service>/<call>`. What it throws comes back as the same
 * WaybillError, field errors included; a service that is out of reach or does not answer in time is `unavailable`.
 */
export function remoteCalls<C extends Calls>(
  definition: CallsDefinition<C>,
  options: { baseUrl: string; token: () => Promise<string>; timeoutMs: number },
): C {
  const { service, names } = definition;
  const call = async (name: string, input: unknown): Promise<unknown> => {
    const url = new URL(`/internal/${service}/${name}`, options.baseUrl);
    const body = JSON.stringify(input ?? null);
    const token = await options.token();
    const { response, text } = await send(service, url, body, token, options.timeoutMs);
    if (!response.ok) throw failureOf(service, name, response, text);
    return resultOf(service, name, text);
  };
  return Object.fromEntries(
    names.map((name) => [name, (input: unknown) => traced(service, name, () => call(name, input))]),
  ) as unknown as C; // one function per name of C
}

const traced = (service: string, name: string, work: () => Promise<unknown>): Promise<unknown> =>
  inSpan(
    `POST /internal/${service}/${name}`,
    { kind: 'client', attributes: { 'http.request.method': 'POST', 'url.template': `/internal/${service}/${name}` } },
    work,
  );

async function send(
  service: string,
  url: URL,
  body: string,
  token: string,
  timeoutMs: number,
): Promise<{ response: Response; text: string }> {
  const traceparent = currentTraceparent();
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, ...(traceparent ? { traceparent } : {}) },
      body,
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { response, text: await response.text() };
  } catch (cause) {
    const late = cause instanceof DOMException && cause.name === 'TimeoutError';
    throw unavailable(late ? `${service} did not answer within ${timeoutMs} ms` : `${service} cannot be reached right now`, cause);
  }
}

function failureOf(service: string, name: string, response: Response, text: string): Error {
  const problem = parse(text) as ProblemDocument | undefined;
  const detail = typeof problem?.detail === 'string' ? problem.detail : `${service} answered ${response.status}`;
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  const hint = Number.isFinite(retryAfter) ? { retryAfter } : {};
  // A token that is refused is trouble between our own processes (a key being rotated, clocks apart), never the caller's fault.
  if (response.status === 401 || response.status === 403) return unavailable(`${service} refused our service token`, new Error(detail));
  if (problem && isErrorCode(problem.code))
    return new WaybillError(problem.code, detail, { ...hint, ...(Array.isArray(problem.errors) ? { errors: problem.errors } : {}) });
  // A proxy between us and a service that is being replaced answers in its own words.
  if (response.status >= 502) return unavailable(`${service} cannot be reached right now`, new Error(detail));
  return new Error(`the call ${service}.${name} failed: ${detail}`);
}

function resultOf(service: string, name: string, text: string): unknown {
  const answer = parse(text);
  if (typeof answer === 'object' && answer !== null && 'result' in answer) return answer.result;
  throw new Error(`the call ${service}.${name} answered something that is not a result`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const unavailable = (message: string, cause: unknown) => new WaybillError('unavailable', message, { cause, retryAfter: 1 });
