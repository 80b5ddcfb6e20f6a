/** Plain TCP. Nobody on the way is kept from reading or changing what passes: for trusted networks, and loopback. */
import { connect, createServer } from 'node:net';
import type { Connection, Endpoint, Listener, Transport } from '../ports/transport.js';
import { connected, listenOn, SocketConnection } from './socket-connection.js';

export class TcpTransport implements Transport {
  listen(at: Endpoint, accept: (connection: Connection) => void): Promise<Listener> {
    // A vote must not wait for the acknowledgement of the one before: no Nagle.
    const server = createServer({ noDelay: true }, (socket) => accept(new SocketConnection(socket, true)));
    return listenOn(server, at);
  }

  async dial({ host, port }: Endpoint, timeoutMs: number): Promise<Connection> {
    const socket = connect({ host, port, noDelay: true });
    await connected(socket, 'connect', timeoutMs);
    return new SocketConnection(socket, false);
  }
}
