/**
 * Mutual TLS 1.3 (section 7). Certificates are self-signed, so no authority is asked about them: what counts is that
 * the certificate's key is the account's, which the handshake compares, and that its signatures cover the channel.
 */
import type { Socket } from 'node:net';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import type { Connection, Endpoint, Listener, Transport } from '../ports/transport.js';
import { addressOf, assertPublicKey } from '../protocol/keys.js';
import { LIMITS } from './limits.js';
import { type ChannelFacts, connected, listenOn, SocketConnection } from './socket-connection.js';

const EXPORTER_LABEL = 'EXPORTER-ccoin';
const EXPORTER_BYTES = 32;

/** Both PEM; the key is the account's own. */
export interface TlsCredentials {
  readonly certificate: string;
  readonly privateKey: string;
}

export class TlsTransport implements Transport {
  readonly #options;

  constructor({ certificate, privateKey }: TlsCredentials) {
    this.#options = {
      key: privateKey,
      cert: certificate,
      minVersion: 'TLSv1.3',
      maxVersion: 'TLSv1.3',
      // Nobody vouches for a self-signed certificate; see factsOf.
      rejectUnauthorized: false,
    } as const;
  }

  listen(at: Endpoint, accept: (connection: Connection) => void): Promise<Listener> {
    const server = createServer(
      { ...this.#options, requestCert: true, noDelay: true, handshakeTimeout: LIMITS.handshakeMs },
      (socket) => {
        const facts = factsOf(socket);
        if (facts === undefined) socket.destroy();
        else accept(new SocketConnection(socket, true, facts));
      },
    );
    server.on('tlsClientError', (_, socket) => socket.destroy());
    boundHandshakes(server);
    return listenOn(server, at);
  }

  async dial({ host, port }: Endpoint, timeoutMs: number): Promise<Connection> {
    const socket = connect({ ...this.#options, host, port });
    socket.setNoDelay(true);
    await connected(socket, 'secureConnect', timeoutMs);
    const facts = factsOf(socket);
    if (facts === undefined) {
      socket.destroy();
      throw new Error('the certificate of the other side is of no acceptable RSA key');
    }
    return new SocketConnection(socket, false, facts);
  }
}

/** Undefined if there is no certificate, or none of a key that an account may have. */
function factsOf(socket: TLSSocket): ChannelFacts | undefined {
  try {
    const key = socket.getPeerX509Certificate()?.publicKey;
    if (key?.asymmetricKeyType !== 'rsa') return undefined;
    const publicKey = key.export({ type: 'pkcs1', format: 'der' });
    assertPublicKey(publicKey);
    const channel = socket.exportKeyingMaterial(EXPORTER_BYTES, EXPORTER_LABEL, Buffer.alloc(0));
    return { channel, certified: addressOf(publicKey) };
  } catch {
    // A certificate that cannot be read, a key that no account may have, a socket already closed: all the same here.
    return undefined;
  }
}

/** A TLS handshake costs a signature before the network counts the connection, so those under way are counted here. */
function boundHandshakes(server: Server): void {
  let pending = 0;
  server.on('connection', (socket: Socket) => {
    pending++;
    // A handshake that was not let begin ends as a tlsClientError like any other.
    if (pending > LIMITS.pendingInbound) socket.destroy();
  });
  const ended = () => {
    pending--;
  };
  server.on('secureConnection', ended);
  server.on('tlsClientError', ended);
}
