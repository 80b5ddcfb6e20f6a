/** The API on a socket. */
import type { AddressInfo, Server } from 'node:net';
import type { NodeFace } from '../node/face.js';
import { sourceOf } from '../protocol/source.js';
import { createApi } from './api.js';
import { isLoopback } from './hosts.js';
import type { OnFailure } from './route.js';
import { loadOrCreateToken } from './token.js';

export interface HttpOptions {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** Where the bearer token is kept; without it the node signs no transfers for others. */
  readonly tokenFile?: string;
  /** Told of failures of the node's own, for its log. */
  readonly onFailure?: OnFailure;
  /** How many connections one address may hold; half of all unless told otherwise. */
  readonly connectionsPerAddress?: number;
}

export interface HttpServer {
  /** The port in fact listened on. */
  readonly port: number;
  /** Ends what waits, closes all connections; resolves when nothing is served any more. */
  close(): Promise<void>;
}

/** Connections at once; further ones are closed as they come. */
const MAX_CONNECTIONS = 2_048;
/** Of one address: half, so that nobody alone keeps the others out. */
const MAX_CONNECTIONS_PER_ADDRESS = 1_024;

/**
 * Serves the API until closed.
 * @throws Error, in one sentence, if the port is taken, the address is not ours, or the token file cannot be used
 */
export async function startHttp(face: NodeFace, options: HttpOptions): Promise<HttpServer> {
  const { host, port, tokenFile, onFailure } = options;
  const token = tokenFile === undefined ? undefined : await loadOrCreateToken(tokenFile);
  const app = createApi(face, {
    localHostsOnly: isLoopback(host),
    ...(token === undefined ? {} : { token }),
    ...(onFailure === undefined ? {} : { onFailure }),
  });
  app.server.maxConnections = MAX_CONNECTIONS;
  limitBySource(app.server, options.connectionsPerAddress ?? MAX_CONNECTIONS_PER_ADDRESS);
  try {
    await app.listen({ host, port });
  } catch (error) {
    await app.close();
    throw new Error(listenFailure(error as NodeJS.ErrnoException, host, port), { cause: error });
  }
  return { port: (app.server.address() as AddressInfo).port, close: () => app.close() };
}

function limitBySource(server: Server, max: number): void {
  const open = new Map<string, number>();
  server.on('connection', (socket) => {
    const source = sourceOf(socket.remoteAddress ?? '');
    const count = (open.get(source) ?? 0) + 1;
    open.set(source, count);
    socket.once('close', () => {
      const left = (open.get(source) ?? 1) - 1;
      if (left === 0) open.delete(source);
      else open.set(source, left);
    });
    if (count > max) socket.destroy();
  });
}

function listenFailure(error: NodeJS.ErrnoException, host: string, port: number): string {
  const where = `the HTTP API cannot listen on ${host}:${port}`;
  switch (error.code) {
    case 'EADDRINUSE':
      return `${where}: the port is taken by another program (choose another with --http-port or http.port)`;
    case 'EACCES':
      return `${where}: ports below 1024 need more rights (choose another with --http-port or http.port)`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${where}: this machine has no such address (see http.host)`;
    default:
      return `${where}: ${error.message}`;
  }
}
