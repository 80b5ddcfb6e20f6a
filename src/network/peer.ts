/** A peer whose handshake is whole: who it is, how it does, and what it may still send. */
import type { Clock } from '../ports/clock.js';
import type { Endpoint } from '../ports/transport.js';
import type { Address } from '../protocol/bytes.js';
import type { Message, MessageOf, MessageType } from '../protocol/messages.js';
import type { Acquaintance, Role } from './handshake.js';
import { QUOTAS, type Quota } from './limits.js';
import type { Link } from './link.js';
import type { Standings } from './standing.js';
import { TokenBucket } from './token-bucket.js';

/** What the rest of the node sees of a peer. One object a connection: a peer that comes back is another. */
export interface Peer {
  readonly address: Address;
  readonly role: Role;
  readonly agent: string;
  /** The other end of the connection; of an inbound one the port is not where it listens. */
  readonly remote: Endpoint;
  /** Where it says that it listens. */
  readonly listenPort: number;
  readonly inbound: boolean;
  readonly connectedAtMs: number;
  /** Claimed in the handshake; to be kept up to date by whoever learns more. */
  height: number;
  /** Misbehaviour, fading with time. */
  readonly score: number;
  /** Null until the first ping is answered. */
  readonly roundTripMs: number | null;
  /** Its clock minus ours, half a round trip taken into account. */
  readonly clockOffsetMs: number | null;
  /** Bytes sent that have not left: who answers big questions waits while this is high. */
  readonly queuedBytes: number;
}

export class ConnectedPeer implements Peer {
  readonly address: Address;
  readonly role: Role;
  readonly agent: string;
  readonly listenPort: number;
  readonly connectedAtMs: number;
  /** Where it can be dialed, as far as we know. */
  readonly dialable: Endpoint | null;
  readonly link: Link;
  height: number;
  roundTripMs: number | null = null;
  clockOffsetMs: number | null = null;
  /** Counted in ticks, as the link's silence is. */
  upMs = 0;
  /** The request_id of an RPR that is not answered yet. */
  hintsAsked: number | null = null;
  readonly #clock: Clock;
  readonly #standings: Standings;
  readonly #buckets = new Map<MessageType, TokenBucket>();
  #ping: { readonly requestId: number; readonly sentMs: number } | undefined;

  constructor(
    who: Acquaintance,
    link: Link,
    dialed: Endpoint | null,
    ports: { readonly clock: Clock; readonly standings: Standings },
  ) {
    this.address = who.address;
    this.role = who.role;
    this.agent = who.agent;
    this.listenPort = who.listenPort;
    this.height = who.height;
    this.link = link;
    this.dialable = dialed ?? (who.listenPort > 0 ? { host: link.remote.host, port: who.listenPort } : null);
    this.#clock = ports.clock;
    this.#standings = ports.standings;
    this.connectedAtMs = ports.clock.now();
  }

  get remote(): Endpoint {
    return this.link.remote;
  }

  get inbound(): boolean {
    return this.link.inbound;
  }

  get score(): number {
    return this.#standings.score(this.address);
  }

  get queuedBytes(): number {
    return this.link.queuedBytes;
  }

  /** Takes a message from the quota of its kind; false if there is none left. */
  affords(message: Message, sizeBytes: number): boolean {
    const quota = (QUOTAS as Partial<Record<MessageType, Quota>>)[message.type];
    if (quota === undefined) return true;
    const nowMs = this.#clock.monotonic();
    let bucket = this.#buckets.get(message.type);
    if (bucket === undefined) {
      bucket = new TokenBucket(quota, nowMs);
      this.#buckets.set(message.type, bucket);
    }
    return bucket.take(quota.per === 'byte' ? Math.max(sizeBytes, quota.leastBytes ?? 0) : 1, nowMs);
  }

  ping(requestId: number): void {
    this.#ping = { requestId, sentMs: this.#clock.monotonic() };
    this.link.send({ type: 'PNG', request_id: requestId });
  }

  /** Takes the answer to the last ping; others are too late to say anything about time. */
  ponged({ request_id, time }: MessageOf<'PON'>): void {
    if (this.#ping?.requestId !== request_id) return;
    this.roundTripMs = this.#clock.monotonic() - this.#ping.sentMs;
    this.clockOffsetMs = Math.round(time + this.roundTripMs / 2 - this.#clock.now());
    this.#ping = undefined;
  }
}
