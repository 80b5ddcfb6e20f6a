/**
 * The HTTP API of a node: every route at `/` and under `/{address of the node}/`, with or without a trailing slash.
 * It sees nothing of the node but its public face. Tested without a socket, through `inject()`.
 */
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import type { NodeFace } from '../node/face.js';
import type { Address } from '../protocol/bytes.js';
import { sourceOf } from '../protocol/source.js';
import { BlockTexts } from './block-texts.js';
import { parseBody } from './body.js';
import { notKept } from './caching.js';
import { ApiError, PROBLEM_JSON, problemOfError, rawProblem } from './errors.js';
import { FinalEvents } from './final-events.js';
import { type After, FinalWaiters } from './final-waiters.js';
import { localHostGuard } from './hosts.js';
import { type ApiLimits, DEFAULT_LIMITS } from './limits.js';
import { RateLimit } from './rate-limit.js';
import type { OnFailure, Route, RouteContext } from './route.js';
import { routes } from './routes/index.js';
import { ajvOptions, violationError } from './validation.js';

export interface ApiOptions {
  /** The bearer token for transfers that the node signs; without one it signs none. */
  readonly token?: string;
  readonly limits?: Partial<ApiLimits>;
  /** Answers only requests whose Host is localhost or an IP address: for a node that listens on loopback. */
  readonly localHostsOnly?: boolean;
  /** Told of failures of the node's own, of which the caller sees only INTERNAL. */
  readonly onFailure?: OnFailure;
  /** Milliseconds that never jump, for the rates of requests; performance.now unless told otherwise. */
  readonly nowMs?: () => number;
  /** How waiting requests time out; setTimeout unless told otherwise. */
  readonly after?: After;
}

/** A whole request must have arrived within this time of its first byte. */
const REQUEST_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 10_000;
/** How often the two are looked at: node would do so every half a minute. */
const CHECK_EVERY_MS = 2_500;
const RETRY_AFTER_SECONDS = 1;
/** Nothing moved on a connection for so long: longer than a request may wait, or a listener hears no heartbeat. */
const STANDSTILL_MS = 90_000;

/** The API over a node, not listening yet: see startHttp, or use `inject()`. */
export function createApi(face: NodeFace, options: ApiOptions = {}): FastifyInstance {
  const limits: ApiLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const after = options.after ?? realAfter;
  const onFailure = options.onFailure ?? (() => {});
  const context: RouteContext = {
    face,
    onFailure,
    limits,
    token: options.token,
    waiters: new FinalWaiters(face, limits.waiters, after),
    events: new FinalEvents(face, limits, after),
    blockTexts: new BlockTexts(face, limits.blockCacheBytes),
  };
  const app: FastifyInstance = Fastify({
    logger: false,
    routerOptions: { ignoreTrailingSlash: true },
    rewriteUrl: withoutPrefix(face.address),
    frameworkErrors: (error, _, reply) => answerProblem(reply, error),
    ajv: ajvOptions,
    schemaErrorFormatter: violationError,
    bodyLimit: limits.bodyBytes,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionTimeout: STANDSTILL_MS,
    forceCloseConnections: true,
    http: { connectionsCheckingInterval: CHECK_EVERY_MS },
    clientErrorHandler: (error, socket) => {
      if (socket.writable && error.code !== 'ECONNRESET') socket.write(rawProblem(error.code));
      socket.destroySoon();
    },
  });
  // Answers are written as they are: a serialiser made from a schema would silently drop what the schema forgot.
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  takeJsonOnly(app, limits);
  answerErrors(app, onFailure);
  limitRates(app, new RateLimit(limits, options.nowMs ?? (() => performance.now())));
  boundUnread(app, limits);
  addGuards(app, options.localHostsOnly ?? false);
  addRoutes(app, routes(context));
  app.addHook('preClose', async () => {
    context.waiters.endAll();
    context.events.endAll();
  });
  return app;
}

/** The same routes stand under the node's own address: `/{address}/blk/1` is `/blk/1`. */
function withoutPrefix(address: Address): (request: { readonly url?: string }) => string {
  const prefix = `/${address}`;
  return ({ url = '/' }) => {
    if (!url.startsWith(prefix)) return url;
    const rest = url.slice(prefix.length);
    if (rest === '' || rest.startsWith('?')) return `/${rest}`;
    return rest.startsWith('/') ? rest : url;
  };
}

function takeJsonOnly(app: FastifyInstance, { jsonDepth }: ApiLimits): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_, bytes: Buffer, done) => {
    try {
      done(null, parseBody(bytes, jsonDepth));
    } catch (error) {
      done(error as Error);
    }
  });
}

function answerErrors(app: FastifyInstance, onFailure: OnFailure): void {
  app.setErrorHandler((error, request, reply) => {
    const { status } = answerProblem(reply, error);
    if (status === 500) onFailure(error, `${request.method} ${request.originalUrl}`);
  });
  app.setNotFoundHandler(() => {
    throw new Error('unknown routes are answered before their bodies are read');
  });
}

function answerProblem(reply: FastifyReply, error: unknown): { status: number } {
  const problem = problemOfError(error);
  if (problem.code === 'UNAUTHORIZED') reply.header('www-authenticate', 'Bearer realm="ccoin"');
  notKept(reply);
  reply.code(problem.status).type(PROBLEM_JSON);
  reply.send(problem);
  return problem;
}

/** Before anything else is done for a request. */
function limitRates(app: FastifyInstance, rates: RateLimit): void {
  app.addHook('onRequest', (request, reply, done) => {
    // A caller that has hung up already has no address any more.
    if (rates.take(sourceOf(request.raw.socket.remoteAddress ?? ''))) return done();
    reply.header('retry-after', RETRY_AFTER_SECONDS);
    throw new ApiError('TOO_MANY_REQUESTS', 'your address sends more requests than one may');
  });
}

/** A caller that asks for much and reads nothing holds its answers in our memory: together they have a bound. */
function boundUnread(app: FastifyInstance, { unreadBytes, smallBytes }: ApiLimits): void {
  let bytes = 0;
  app.addHook('onSend', (_, reply, payload, done) => {
    if (!(typeof payload === 'string' || payload instanceof Uint8Array) || payload.length <= smallBytes)
      return done();
    const { length } = payload;
    if (bytes + length > unreadBytes)
      throw new ApiError('TOO_BUSY', 'callers have not read the large answers that they asked for');
    bytes += length;
    // The system has all of it, or the caller is gone.
    reply.raw.once('close', () => {
      bytes -= length;
    });
    done();
  });
}

/**
 * What is decided from a request's first lines, before its body is read. This hook and the others that every request
 * passes are plain calls: four promises would cost as much as a small answer.
 */
function addGuards(app: FastifyInstance, localHostsOnly: boolean): void {
  const isLocal = localHostGuard();
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-content-type-options', 'nosniff');
    notKept(reply);
    if (localHostsOnly && !isLocal(request.headers.host))
      throw new ApiError('FORBIDDEN_HOST', 'this node answers only as localhost or by its IP address');
    if (request.is404)
      throw new ApiError('NOT_FOUND', `there is no route ${request.method} ${request.originalUrl}`);
    done();
  });
}

function addRoutes(app: FastifyInstance, table: readonly Route[]): void {
  for (const route of table) app.route(route);
  for (const url of new Set(table.map((route) => route.url))) {
    const allowed = app.supportedMethods.filter((method) => app.hasRoute({ method, url }));
    app.route({
      method: app.supportedMethods.filter((method) => !allowed.includes(method)),
      url,
      // Before the body is read: nobody will want it.
      onRequest: async (request, reply) => {
        reply.header('allow', allowed.join(', '));
        throw new ApiError(
          'METHOD_NOT_ALLOWED',
          `${request.originalUrl} knows only ${allowed.join(' and ')}`,
        );
      },
      handler: () => undefined,
    });
  }
}

const realAfter: After = (delayMs, fire) => {
  const timer = setTimeout(fire, delayMs);
  return () => clearTimeout(timer);
};
