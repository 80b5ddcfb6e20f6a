/** One request to a node: JSON there and back, and every failure a CcoinError. */
import { CcoinError } from './error.js';
import type { ProblemJson } from './types.js';

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>> | undefined;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

export type Fetch = typeof globalThis.fetch;

/** The answer's JSON; it is the node's word, not checked for its shape. */
export async function requestJson<T>(fetch: Fetch, baseUrl: string, request: HttpRequest): Promise<T> {
  const { method, path, query, body, headers, timeoutMs } = request;
  const url = `${baseUrl}${path}${queryString(query)}`;
  const init: RequestInit = { method, signal: AbortSignal.timeout(timeoutMs), headers: { ...headers } };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { ...headers, 'content-type': 'application/json' };
  }
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, init);
    text = await response.text();
  } catch (error) {
    throw unreachable(baseUrl, error, timeoutMs);
  }
  const answer = parse(text, baseUrl);
  if (!response.ok) throw refusal(answer, response.status, baseUrl);
  return answer as T;
}

/** Opens a stream of server-sent events; its end is the caller's, by `signal`. */
export async function openEvents(
  fetch: Fetch,
  baseUrl: string,
  path: string,
  signal?: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const response = await fetch(`${baseUrl}${path}`, signal === undefined ? {} : { signal }).catch((error) => {
    throw unreachable(baseUrl, error);
  });
  if (!response.ok) throw refusal(parse(await response.text(), baseUrl), response.status, baseUrl);
  if (response.body === null) throw CcoinError.of('BAD_ANSWER', `${baseUrl} answered with nothing`);
  return response.body;
}

function queryString(query: HttpRequest['query']): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined) parameters.set(name, String(value));
  }
  return parameters.size === 0 ? '' : `?${parameters}`;
}

function parse(text: string, baseUrl: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw CcoinError.of(
      'BAD_ANSWER',
      `what listens at ${baseUrl} is no ccoin node: it does not answer in JSON`,
      'Give the HTTP address of a node, such as http://127.0.0.1:8080.',
      error,
    );
  }
}

function refusal(answer: unknown, status: number, baseUrl: string): CcoinError {
  const { code, detail, advice } = (answer ?? {}) as Partial<ProblemJson>;
  if (typeof code !== 'string' || typeof detail !== 'string')
    return new CcoinError(`${baseUrl} answered with HTTP status ${status}`, {
      code: 'BAD_ANSWER',
      status,
      advice: '',
    });
  return new CcoinError(detail, { code, status, advice: typeof advice === 'string' ? advice : '' });
}

function unreachable(baseUrl: string, error: unknown, timeoutMs?: number): CcoinError {
  const { name, message, cause } = error as Error;
  const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : message;
  const why = name === 'TimeoutError' ? `no answer within ${timeoutMs} ms` : reason;
  const advice = 'Check that the node runs and that this is its HTTP address.';
  return CcoinError.of('UNREACHABLE', `no node can be reached at ${baseUrl} (${why})`, advice, error);
}
