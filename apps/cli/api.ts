import { type ErrorCode, type FieldError, isErrorCode } from '@waybill/kernel/errors';
import { EventSourceParserStream } from 'eventsource-parser/stream';
import { CommandError } from './failure.ts';

export type Money = { amount: number; currency: string };

/** The parts of an order that the command shows. Fields are as on the wire (DESIGN, wire shapes). */
export type Order = {
  id: string;
  number: string | number;
  status: string;
  paymentStatus: string;
  version: number;
  placedAt: string;
  customerId?: string | null;
  total: Money;
  totals: { code: string; amount: Money }[];
  lines: { id: string; sku: string; name: string; quantity: number; unitPrice: Money; total: Money }[];
  fulfillments: {
    id: string;
    status: string;
    locationId: string | null;
    lines: { lineId: string; quantity: number }[];
    shipmentId?: string;
  }[];
  waitingFor?: { kind: string; since: string; deadline?: string; choices?: string[] } | null;
  actions?: string[];
};

export type TimelineItem = {
  sequence: number;
  type: string;
  at: string;
  actor: string;
  reason?: string | null;
  data: Record<string, unknown>;
};

export type Page<T> = { items: T[]; nextCursor?: string };
export type Request = { method: 'GET' | 'POST'; path: string; body?: unknown; headers?: Record<string, string> };

export type Api = {
  url: string;
  /** Sends one request. Throws CommandError with the problem's code, fields and a way out. */
  send<T>(request: Request): Promise<T>;
  /** An order's events from `after` on, as they happen. Ends when the server ends the stream; the caller comes back. */
  events(orderId: string, after: number, signal: AbortSignal): AsyncGenerator<TimelineItem>;
};

/** A typed door to the HTTP API of a running installation. */
export function createApi(options: { url: string; key: string; timeoutMs?: number }): Api {
  const authorization = `Bearer ${options.key}`;

  async function call(request: Request, accept: string, signal: AbortSignal): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(`${options.url}${request.path}`, {
        method: request.method,
        signal,
        headers: { authorization, accept, ...(request.body !== undefined && { 'content-type': 'application/json' }), ...request.headers },
        ...(request.body !== undefined && { body: JSON.stringify(request.body) }),
      });
    } catch (cause) {
      if (signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError')
        throw notAnswering('did not answer in time', cause);
      if (signal.aborted) throw cause;
      throw notAnswering('does not answer', cause);
    }
    if (!response.ok) throw await problemFrom(response);
    return response;
  }

  const notAnswering = (what: string, cause: unknown) =>
    new CommandError('unavailable', `the API at ${options.url} ${what}`, {
      fix: 'start it with "waybill local start -d", look with "waybill local status", or set API_URL to where it is',
      cause,
    });

  return {
    url: options.url,
    async send<T>(request: Request) {
      const response = await call(request, 'application/json', AbortSignal.timeout(options.timeoutMs ?? 30_000));
      const text = await response.text();
      return (text === '' ? undefined : JSON.parse(text)) as T; // the server's schemas keep the shape
    },
    async *events(orderId, after, signal) {
      const request: Request = {
        method: 'GET',
        path: `/v1/orders/${encodeURIComponent(orderId)}/stream`,
        headers: { 'last-event-id': String(after) },
      };
      const response = await call(request, 'text/event-stream', signal);
      if (!response.body) return;
      const events = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
      for await (const { data } of events) {
        const item = JSON.parse(data) as TimelineItem; // the stream carries timeline items only
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
