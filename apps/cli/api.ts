import { type ApiClient, type components, createClient, readEvents } from '@waybill/client';
import { type ErrorCode, type FieldError, isErrorCode } from '@waybill/kernel/errors';
import { CommandError } from './failure.ts';

export type Order = components['schemas']['Order'];
export type PlaceOrder = components['schemas']['PlaceOrder'];
export type TimelineItem = components['schemas']['OrderEvent'];

export type Api = {
  /** The typed client; instead of answering with an error it throws CommandError with the problem's code, fields and a way out. */
  client: ApiClient;
  /** An order's events from `after` on, as they happen. Ends when the server ends the stream; the caller comes back. */
  events(orderId: string, after: number, signal: AbortSignal): AsyncGenerator<TimelineItem>;
};

/** A door to the HTTP API of a running installation. */
export function createApi(options: { url: string; key: string; timeoutMs?: number }): Api {
  const { url, key, timeoutMs = 30_000 } = options;

  const guarded: typeof fetch = async (input, init) => {
    const streams = (init?.headers as Record<string, string> | undefined)?.['accept'] === 'text/event-stream'; // as readEvents writes them
    const signals = [init?.signal, ...(streams ? [] : [AbortSignal.timeout(timeoutMs)])].filter((signal) => signal instanceof AbortSignal);
    const signal = AbortSignal.any(signals);
    let response: Response;
    try {
      response = await fetch(input, { ...init, signal });
    } catch (cause) {
      if (init?.signal?.aborted) throw cause;
      throw notAnswering(signal.aborted ? 'did not answer in time' : 'does not answer', cause);
    }
    if (!response.ok) throw await problemFrom(response);
    return response;
  };

  const notAnswering = (what: string, cause: unknown) =>
    new CommandError('unavailable', `the API at ${url} ${what}`, {
      fix: 'start it with "waybill local start -d", look with "waybill local status", or set API_URL to where it is',
      cause,
    });

  return {
    client: createClient({ baseUrl: url, key, fetch: guarded }),
    async *events(orderId, after, signal) {
      const path = `/v1/orders/${encodeURIComponent(orderId)}/stream`;
      for await (const { data } of readEvents({ baseUrl: url, key, path, lastEventId: String(after), signal, fetch: guarded })) {
        const item = data as TimelineItem; // the stream carries timeline items only
        if (item.sequence > after) yield item;
      }
    },
  };
}

type Problem = { detail?: string; title?: string; code?: string; errors?: FieldError[]; requestId?: string };

async function problemFrom(response: Response): Promise<CommandError> {
  const problem: Problem = await response.json().then(
    (value) => value as Problem, // checked field by field below
    () => ({}),
  );
  const code = isErrorCode(problem.code) ? problem.code : undefined;
  const detail = problem.detail ?? problem.title ?? `the API answered ${response.status} ${response.statusText}`;
  const fix = code ? ways[code] : `look into the server's log ("waybill local logs server") for request ${problem.requestId ?? 'ids'}`;
  return new CommandError(code ?? 'unavailable', detail, { errors: problem.errors ?? [], ...(fix && { fix }) });
}

const ways: Partial<Record<ErrorCode, string>> = {
  invalid: 'correct the fields named above and send it again',
  unauthenticated: 'check the key: "waybill config printvalue ADMIN_API_KEY" must print the one this server was started with',
  forbidden: 'use a key that is allowed to do this',
  not_found: 'check the id; "waybill orders list" shows what there is',
  conflict: 'look at what it is now with "waybill orders show ID"',
  precondition_failed: 'read it again, then repeat the change',
  too_large: 'send less at once',
  unsupported: 'leave the named field out',
  rate_limited: 'wait a moment and try again',
  unavailable: 'try again in a moment; "waybill local status" says what is missing',
};
