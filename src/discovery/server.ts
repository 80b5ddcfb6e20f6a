/**
 * The discovery service's HTTP face: commands on POST /, GET /members and GET /health. Everything that comes in is
 * bounded and untrusted; what goes out is hints, which nodes check by their own handshake.
 */
import type { AddressInfo, Socket } from 'node:net';
import { type FastifyInstance, type FastifyReply, fastify } from 'fastify';
import type { Clock } from '../ports/clock.js';
import type { Store } from '../ports/store.js';
import { isHash } from '../protocol/bytes.js';
import { sourceOf } from '../protocol/source.js';
import { JsonError, parseJson } from '../protocol/strict-json.js';
import { DISCOVERY_ERRORS, DiscoveryError, type DiscoveryErrorCode } from './errors.js';
import { readCommand } from './messages.js';
import { Registry } from './registry.js';

/** An `add` with a key of 4096 bits has some 1,700 bytes. */
export const MAX_BODY_BYTES = 16_384;
/** Against callers that send slowly, or hold connections and send nothing. */
const REQUEST_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 5_000;
/** How often the two are looked at. */
const CHECK_EVERY_MS = 2_500;
const MAX_CONNECTIONS = 1024;

export interface DiscoveryServer {
  /** The port in fact listened on. */
  readonly port: number;
  /** Hangs up on everybody. The store stays open. */
  close(): Promise<void>;
}

/** Hears of a failure of the service's own, of which the caller sees only INTERNAL. */
export type OnFailure = (error: unknown) => void;

/**
 * @param at port 0 takes a free one
 * @throws if the address is taken or not ours
 */
export async function startDiscoveryServer(
  at: { readonly host: string; readonly port: number },
  ports: { readonly store: Store; readonly clock: Clock },
  onFailure?: OnFailure,
): Promise<DiscoveryServer> {
  const server = discoveryServer(await Registry.open(ports.store, ports.clock), onFailure);
  await server.listen(at);
  const { port } = server.server.address() as AddressInfo;
  return { port, close: () => server.close() };
}

/** The server, not listening: tests call it by `inject`. */
export function discoveryServer(registry: Registry, onFailure: OnFailure = () => {}): FastifyInstance {
  const server = fastify({
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: { connectionsCheckingInterval: CHECK_EVERY_MS },
    keepAliveTimeout: KEEP_ALIVE_MS,
    frameworkErrors: (error, _, reply) => answerError(reply, error),
    clientErrorHandler: (error, socket) => answerUnread(error.code, socket),
    // Ends callers that connected and say nothing, which closing the idle ones alone would wait for.
    forceCloseConnections: true,
  });
  server.server.maxConnections = MAX_CONNECTIONS;

  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, parseJson(body as string, { comments: false }));
    } catch (error) {
      done(error as Error);
    }
  });

  server.post('/', async (request) => {
    const command = readCommand((request.body as ReturnType<typeof parseJson> | undefined) ?? null);
    if (command.command === 'get_all') return registry.members(command.network);
    await registry.apply(command, sourceOf(request.ip));
    return true;
  });

  server.get('/members', async (request) => {
    const { network } = request.query as { network?: unknown };
    if (network === undefined) return registry.all();
    if (!isHash(network)) {
      throw new DiscoveryError('MALFORMED', 'network must be a genesis id of 64 lower-case hex digits');
    }
    return registry.all().filter((member) => member.network === network);
  });

  server.get('/health', async () => {
    const members = registry.all();
    const networks = new Set(members.map(({ network }) => network)).size;
    return { status: 'ok', networks, members: members.length };
  });

  server.setNotFoundHandler((request, reply) =>
    problem(reply, 'NOT_FOUND', `there is no ${request.method} ${request.url.slice(0, 100)}`),
  );
  server.setErrorHandler((error, _request, reply) => {
    const { code, detail } = explain(error);
    if (code === 'INTERNAL') onFailure(error);
    return problem(reply, code, detail);
  });
  return server;
}

/** What went wrong, for the caller: our own failures without their details. */
function explain(error: unknown): { code: DiscoveryErrorCode; detail: string } {
  if (error instanceof DiscoveryError) return { code: error.code, detail: error.message };
  if (error instanceof JsonError)
    return { code: 'MALFORMED', detail: `the request is no JSON: ${error.message}` };
  const { statusCode = 500, message } = error as { statusCode?: number; message: string };
  if (statusCode === 413)
    return { code: 'TOO_LARGE', detail: `a request has at most ${MAX_BODY_BYTES} bytes` };
  if (statusCode < 500) return { code: 'MALFORMED', detail: message };
  return { code: 'INTERNAL', detail: 'the service could not do it; its operator finds more in its output' };
}

/** What is no HTTP at all, or did not come in time, reaches no route: answered on the bare socket. */
function answerUnread(errorCode: string, socket: Socket): void {
  if (socket.writable && errorCode !== 'ECONNRESET') {
    const { status, title } = DISCOVERY_ERRORS.MALFORMED;
    const detail =
      errorCode === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'the request came too slowly' : 'this is no HTTP';
    const body = JSON.stringify({ type: 'about:blank', title, status, detail, code: 'MALFORMED' });
    socket.write(
      `HTTP/1.1 ${status} Bad Request\r\nConnection: close\r\nContent-Type: application/problem+json\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  }
  socket.destroySoon();
}

/** For what fastify refuses before there is a route: a URL that is none. */
function answerError(reply: FastifyReply, error: unknown): void {
  const { code, detail } = explain(error);
  problem(reply, code, detail);
}

/** RFC 9457. */
function problem(reply: FastifyReply, code: DiscoveryErrorCode, detail: string): FastifyReply {
  const { status, title } = DISCOVERY_ERRORS[code];
  return reply
    .code(status)
    .type('application/problem+json')
    .send(JSON.stringify({ type: 'about:blank', title, status, detail, code }));
}
