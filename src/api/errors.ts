/**
 * Refusals over HTTP, as RFC 9457 problem details. What the protocol refuses carries the protocol's code and status;
 * what only HTTP knows (routes, bodies, tokens) has the codes below. Never shows the inside of a failure of our own.
 */
import { STATUS_CODES } from 'node:http';
import { ERRORS, type ErrorCode, ProtocolError } from '../protocol/errors.js';

export const API_ERRORS = {
  BAD_REQUEST: { status: 400, advice: 'Send what docs/api.md says for this route.' },
  UNAUTHORIZED: {
    status: 401,
    advice: "Send `Authorization: Bearer` with the content of the node's http.token_file, or sign yourself.",
  },
  FORBIDDEN_HOST: {
    status: 403,
    advice: 'Call a node that listens on loopback as localhost or by its IP address.',
  },
  NOT_FOUND: { status: 404, advice: 'Check the address, number or id; docs/api.md lists the routes.' },
  METHOD_NOT_ALLOWED: { status: 405, advice: 'Use a method that the Allow header names.' },
  TIMEOUT: { status: 408, advice: 'Send the whole request at once.' },
  BODY_TOO_LARGE: { status: 413, advice: 'Send less at once.' },
  URI_TOO_LONG: { status: 414, advice: 'Send what docs/api.md says for this route.' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, advice: 'Send `Content-Type: application/json`.' },
  IDEMPOTENCY_CONFLICT: { status: 422, advice: 'Use a new Idempotency-Key for a new order.' },
  TOO_MANY_REQUESTS: {
    status: 429,
    advice: 'Wait as long as Retry-After says; send many at once to POST /txns.',
  },
  HEADERS_TOO_LARGE: { status: 431, advice: 'Send fewer or shorter headers.' },
  INTERNAL: { status: 500, advice: "The fault is the node's; its log says more." },
  NOT_READY: { status: 503, advice: 'Try again later, or ask another node.' },
  TOO_BUSY: { status: 503, advice: 'Try again later, or ask another node.' },
} as const satisfies Record<string, { status: number; advice: string }>;

export type ApiErrorCode = keyof typeof API_ERRORS;

/** What a caller of the API did wrong, or cannot have now. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ApiErrorCode;
  /** Members that the problem details carry besides the usual ones. */
  readonly extra: Readonly<Record<string, unknown>>;

  constructor(code: ApiErrorCode, message: string, extra: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.code = code;
    this.extra = extra;
  }
}

/** The body of an `application/problem+json` answer. */
export interface Problem {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode | ApiErrorCode;
  readonly advice: string;
}

export const PROBLEM_JSON = 'application/problem+json';

const ALL_ERRORS = { ...ERRORS, ...API_ERRORS };

export function problemOf(code: ErrorCode | ApiErrorCode, detail: string): Problem {
  const { status, advice } = ALL_ERRORS[code];
  return { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail, code, advice };
}

/** The problem that a thrown value is answered with; anything unknown is INTERNAL and says nothing of itself. */
export function problemOfError(error: unknown): Problem {
  if (error instanceof ApiError) return { ...problemOf(error.code, error.message), ...error.extra };
  if (error instanceof ProtocolError) return problemOf(error.code, error.message);
  const status = statusOf(error);
  const code = CODE_OF_STATUS.get(status);
  if (code === undefined) return problemOf('INTERNAL', 'the node failed to answer');
  return problemOf(code, (error as Error).message);
}

/** The codes for what fastify itself refuses before a route is reached. */
const CODE_OF_STATUS: ReadonlyMap<number, ApiErrorCode> = new Map([
  [400, 'BAD_REQUEST'],
  [404, 'NOT_FOUND'],
  [405, 'METHOD_NOT_ALLOWED'],
  [408, 'TIMEOUT'],
  [413, 'BODY_TOO_LARGE'],
  [414, 'URI_TOO_LONG'],
  [415, 'UNSUPPORTED_MEDIA_TYPE'],
]);

/**
 * What is no HTTP, or did not arrive in time, reaches no route: the whole answer, for the bare connection.
 * @param errorCode of node's HTTP parser or server
 */
export function rawProblem(errorCode: string): string {
  const problem =
    errorCode === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? problemOf('TIMEOUT', 'the request did not arrive in time')
      : errorCode === 'HPE_HEADER_OVERFLOW'
        ? problemOf('HEADERS_TOO_LARGE', 'the headers are too large')
        : problemOf('BAD_REQUEST', 'this is no HTTP');
  const body = JSON.stringify(problem);
  return [
    `HTTP/1.1 ${problem.status} ${problem.title}`,
    'Connection: close',
    `Content-Type: ${PROBLEM_JSON}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');
}

function statusOf(error: unknown): number {
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  return typeof status === 'number' ? status : 500;
}
