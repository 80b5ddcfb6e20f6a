import type { Address } from '../protocol/bytes.js';

/** Where to dial or listen: a host name or IP address, and a port. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface ConnectionEvents {
  /** The bytes are the receiver's to keep. */
  data(bytes: Uint8Array): void;
  /** Exactly once, after the last `data`; also after `end` and `destroy` of our own. */
  close(reason: string): void;
}

/** One ordered stream of bytes to another node. */
export interface Connection {
  /** The address at the other end, never a name. */
  readonly remote: Endpoint;
  /** Whether the other side opened it. */
  readonly inbound: boolean;
  /** Binds a handshake to this channel (PROTOCOL section 7): the TLS exporter's value, empty on plain TCP. */
  readonly channel: Uint8Array;
  /** The account that the peer's TLS certificate belongs to; undefined on plain TCP. */
  readonly certified: Address | undefined;
  /** Bytes handed to `send` that have not left yet. */
  readonly queuedBytes: number;
  /** To be called once; nothing is delivered before. */
  open(events: ConnectionEvents): void;
  send(bytes: Uint8Array): void;
  /** Closes after what was sent has left. */
  end(): void;
  /** Closes now. */
  destroy(): void;
}

export interface Listener {
  /** The port in fact listened on (where 0 was asked for). */
  readonly port: number;
  close(): Promise<void>;
}

export interface Transport {
  /** @throws if the address is taken or not ours */
  listen(at: Endpoint, accept: (connection: Connection) => void): Promise<Listener>;
  /** Resolves names anew at each call. @throws if nobody answers within `timeoutMs` */
  dial(to: Endpoint, timeoutMs: number): Promise<Connection>;
}
