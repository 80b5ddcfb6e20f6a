/**
 * A socket of node:net or node:tls as a Connection, and what listening and dialing have in common for both. This is
 * the edge: it decides nothing, and its time is the real one.
 */
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Connection, ConnectionEvents, Endpoint, Listener } from '../ports/transport.js';
import type { Address } from '../protocol/bytes.js';

/** What the TLS handshake says; nothing of it on plain TCP. */
export interface ChannelFacts {
  readonly channel: Uint8Array;
  readonly certified: Address | undefined;
}

const PLAIN: ChannelFacts = { channel: new Uint8Array(0), certified: undefined };
const MAPPED_IPV4 = /^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i;

export class SocketConnection implements Connection {
  readonly remote: Endpoint;
  readonly inbound: boolean;
  readonly channel: Uint8Array;
  readonly certified: Address | undefined;
  readonly #socket: Socket;
  #reason = 'the other side closed the connection';
  #corked = false;

  constructor(socket: Socket, inbound: boolean, facts: ChannelFacts = PLAIN) {
    this.#socket = socket;
    this.inbound = inbound;
    this.channel = facts.channel;
    this.certified = facts.certified;
    this.remote = {
      host: (socket.remoteAddress ?? '').replace(MAPPED_IPV4, ''),
      port: socket.remotePort ?? 0,
    };
    socket.on('error', (error) => {
      this.#reason = error.message;
    });
  }

  get queuedBytes(): number {
    return this.#socket.writableLength;
  }

  open(events: ConnectionEvents): void {
    const socket = this.#socket;
    // It may have closed between being accepted or dialed and now.
    if (socket.closed) queueMicrotask(() => events.close(this.#reason));
    else socket.once('close', () => events.close(this.#reason));
    socket.on('data', (bytes: Buffer) => events.data(bytes));
  }

  /** What is sent in one turn of the event loop leaves in one piece. */
  send(bytes: Uint8Array): void {
    if (!this.#socket.writable) return;
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => this.#uncork());
    }
    this.#socket.write(bytes);
  }

  end(): void {
    this.#reason = 'we closed the connection';
    this.#uncork();
    this.#socket.end();
  }

  destroy(): void {
    this.#reason = 'we closed the connection';
    this.#socket.destroy();
  }

  #uncork(): void {
    if (!this.#corked) return;
    this.#corked = false;
    this.#socket.uncork();
  }
}

/**
 * Closing the listener ends what came in through it as well, or a TLS handshake under way would keep it open.
 * @throws what listening fails with: EADDRINUSE, EADDRNOTAVAIL, EACCES
 */
export function listenOn(server: Server, at: Endpoint): Promise<Listener> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const close = () =>
    new Promise<void>((closed) => {
      server.close(() => closed());
      for (const socket of sockets) socket.destroy();
    });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: at.host, port: at.port }, () => {
      server.off('error', reject);
      // A connection that could not be accepted (no file descriptor left) concerns nobody but who opened it.
      server.on('error', () => {});
      const { port } = server.address() as AddressInfo;
      resolve({ port, close });
    });
  });
}

/** Waits until `event` says that the socket is usable. @throws if it fails, or not within `timeoutMs` */
export function connected(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  timeoutMs: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.destroy(new Error(`no answer within ${timeoutMs} ms`));
    }, timeoutMs);
    const failed = (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      // Where a name has several addresses and all fail, the error has a code and no message.
      reject(error.message === '' ? new Error(error.code) : error);
    };
    const closed = () => failed(new Error('the connection was closed'));
    socket.once('error', failed);
    socket.once('close', closed);
    socket.once(event, () => {
      clearTimeout(timer);
      socket.off('error', failed);
      socket.off('close', closed);
      resolve();
    });
  });
}
