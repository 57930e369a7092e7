/** The closed set of failures a caller can act on, and what each becomes at every edge. Anything else thrown is a bug. */
const codes = {
  invalid: { http: 400, exit: 2, retryable: false, title: 'The request is not valid' },
  unauthenticated: { http: 401, exit: 3, retryable: false, title: 'A valid key is required' },
  forbidden: { http: 403, exit: 3, retryable: false, title: 'This is not allowed with this key' },
  not_found: { http: 404, exit: 4, retryable: false, title: 'There is no such thing' },
  conflict: { http: 409, exit: 5, retryable: false, title: 'The current state does not allow this' },
  precondition_failed: { http: 412, exit: 5, retryable: false, title: 'It has changed since it was read' },
  too_large: { http: 413, exit: 2, retryable: false, title: 'The request is too large' },
  unsupported_media_type: { http: 415, exit: 2, retryable: false, title: 'The content type is not supported' },
  unsupported: { http: 422, exit: 2, retryable: false, title: 'This is not supported' },
  rate_limited: { http: 429, exit: 6, retryable: true, title: 'Too many requests' },
  unavailable: { http: 503, exit: 6, retryable: true, title: 'This cannot be done right now' },
} as const;

export type ErrorCode = keyof typeof codes;
export const errorCodes = Object.keys(codes) as [ErrorCode, ...ErrorCode[]]; // Object.keys forgets the literal keys

/** One bad field: `field` is a path such as `lines[0].quantity`. */
export type FieldError = { field: string; message: string };

export type WaybillErrorOptions = ErrorOptions & {
  errors?: readonly FieldError[];
  /** Seconds after which a retry makes sense; becomes `Retry-After`. */
  retryAfter?: number;
};

/** A failure a caller can act on. The message names the thing, its value and the way out; it is shown to people as it is. */
export class WaybillError extends Error {
  override readonly name = 'WaybillError';
  readonly code: ErrorCode;
  readonly errors: readonly FieldError[];
  readonly retryAfter: number | undefined;

  constructor(code: ErrorCode, message: string, options: WaybillErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.errors = options.errors ?? [];
    this.retryAfter = options.retryAfter;
  }
}

export const isErrorCode = (value: unknown): value is ErrorCode => typeof value === 'string' && Object.hasOwn(codes, value);
export const httpStatusOf = (code: ErrorCode): number => codes[code].http;
export const titleOf = (code: ErrorCode): string => codes[code].title;
export const exitCodeOf = (code: ErrorCode): number => codes[code].exit;
export const isRetryable = (code: ErrorCode): boolean => codes[code].retryable;

/** A bad field of a request: the shape that every validation beyond the schema answers with. */
export function invalidField(field: string, message: string): WaybillError {
  return new WaybillError('invalid', `${field}: ${message}`, { errors: [{ field, message }] });
}

/** Named in the wire shapes and not built yet: refused by field, so that a client never believes it was obeyed. */
export function unsupportedField(field: string, message: string): WaybillError {
  return new WaybillError('unsupported', `${field}: ${message}`, { errors: [{ field, message }] });
}
