import createFetchClient, { type Client } from 'openapi-fetch';
import type { components, paths } from './schema.ts';

export { type ApiEvent, readEvents } from './events.ts';
export type { components, paths } from './schema.ts';

export type ApiClient = Client<paths>;
export type Problem = components['schemas']['Problem'];

export type ClientOptions = {
  /** Where the gateway answers, such as http://127.0.0.1:3000. */
  baseUrl: string;
  key: string;
  fetch?: typeof globalThis.fetch;
};

/**
 * A client with the paths, bodies and answers of the OpenAPI document as types:
 * `const { data, error } = await client.GET('/v1/orders/{id}', { params: { path: { id } } })`. `error` is a problem document.
 */
export function createClient(options: ClientOptions): ApiClient {
  return createFetchClient<paths>({
    baseUrl: options.baseUrl,
    headers: { authorization: `Bearer ${options.key}` },
    ...(options.fetch ? { fetch: options.fetch } : {}),
  });
}

/** An answer that was a problem, as an error to throw. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

/** The data of an answer; throws ApiError when it was a problem. */
export function unwrap<T>(answer: { data?: T; error?: Problem }): T {
  if (answer.error) throw new ApiError(answer.error);
  return answer.data as T; // without an error there is data, or an empty answer by its type
}
