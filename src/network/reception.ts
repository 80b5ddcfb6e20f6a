/**
 * Who becomes a peer: connections are accepted and dialed, taken through the handshake, given a place or refused. What
 * peers say, and how they behave, is not its business.
 *
 * Whether a connection becomes a peer is decided by the side that was dialed: after the last ACK it refuses or
 * speaks. The opener sends PNG behind its last ACK and counts the connection once anything comes back. So both sides
 * come to the same choice among several connections (section 7: the older live one stays):
 * - an older peer that answers a ping keeps its place, the newer connection is refused DUPLICATE;
 * - one that does not is replaced, so that a restarted node is not locked out by its own dead connection;
 * - of two that cross, neither being older, the one dialed by the lower address stays.
 */
import type { Connection } from '../ports/transport.js';
import { type Address, equalBytes } from '../protocol/bytes.js';
import type { Message } from '../protocol/messages.js';
import { type DialEntry, Dialer, type DialView } from './dialer.js';
import {
  type Acquaintance,
  answerer,
  type Claim,
  type HandshakeContext,
  opener,
  Refusal,
} from './handshake.js';
import { HandshakeRun } from './handshake-run.js';
import type { KnownEndpoint } from './hints.js';
import { LIMITS } from './limits.js';
import { Link } from './link.js';
import { loudly } from './loudly.js';
import type { LogLevel, NetworkOptions, NetworkPorts } from './options.js';
import { ConnectedPeer } from './peer.js';
import { findPlace, otherDialPlaces, type PlaceRules } from './places.js';
import type { Standings } from './standing.js';

export interface ReceptionEvents {
  up(peer: ConnectedPeer): void;
  down(peer: ConnectedPeer, reason: string): void;
  message(peer: ConnectedPeer, message: Message, sizeBytes: number): void;
  malformed(peer: ConnectedPeer, detail: string): void;
  /** The connection ends right after. */
  broken(peer: ConnectedPeer, detail: string): void;
  /** Only for a node without genesis. */
  genesis(block: Uint8Array, from: ConnectedPeer): void;
  log(level: LogLevel, fields: Readonly<Record<string, unknown>>, text: string): void;
  nextRequestId(): number;
}

/**
 * How far a connection has come. greeting: the handshake is under way. confirming: we dialed, and wait for a first
 * word. waiting: we were dialed by one who has an older connection, which is being probed. genesis: one side has none;
 * that block is all that is exchanged. up: a peer.
 */
type Phase = 'greeting' | 'confirming' | 'waiting' | 'genesis' | 'up';

/** One connection, from its beginning until it is gone. */
interface Meeting {
  readonly link: Link;
  /** What we dialed; undefined if we were dialed. */
  readonly entry: DialEntry | undefined;
  readonly challenge: Uint8Array;
  phase: Phase;
  /** Since the phase began. */
  ticks: number;
  run: HandshakeRun | undefined;
  /** Set once the handshake is whole. */
  peer: ConnectedPeer | undefined;
}

export class Reception {
  readonly peers = new Map<Address, ConnectedPeer>();
  readonly #ports: NetworkPorts;
  readonly #options: NetworkOptions;
  readonly #standings: Standings;
  readonly #events: ReceptionEvents;
  readonly #dialer: Dialer;
  readonly #allow: ReadonlySet<Address>;
  readonly #meetings = new Set<Meeting>();
  /** The meetings of phase waiting, at most one an address. */
  readonly #waiting = new Map<Address, Meeting>();
  #listenPort = 0;
  #open = false;
  #allGone: (() => void) | undefined;

  constructor(ports: NetworkPorts, options: NetworkOptions, standings: Standings, events: ReceptionEvents) {
    this.#ports = ports;
    this.#options = options;
    this.#standings = standings;
    this.#events = events;
    this.#dialer = new Dialer(ports.signer.address, ports.random);
    this.#allow = new Set(options.allow);
    this.#dialer.learn(
      options.peers.map((endpoint) => ({ endpoint })),
      'configured',
      ports.clock.monotonic(),
    );
  }

  /** Begins to accept and dial; `listenPort` is what the others are told. */
  open(listenPort: number): void {
    this.#listenPort = listenPort;
    this.#open = true;
    this.#dialDue();
  }

  /** Says BYE to all; resolves when every connection is gone. */
  async close(): Promise<void> {
    this.#open = false;
    const gone = new Promise<void>((resolve) => {
      this.#allGone = resolve;
    });
    for (const { link } of [...this.#meetings]) link.bye('STOPPING', 'the node stops');
    if (this.#meetings.size > 0) await gone;
  }

  learn(known: Iterable<KnownEndpoint>, source: 'discovery' | 'hint'): void {
    this.#dialer.learn(known, source, this.#ports.clock.monotonic());
    this.#dialDue();
  }

  /** Whether first dials are still under way. */
  get dialing(): boolean {
    return this.#dialer.firstDials(this.#dialView());
  }

  accept(connection: Connection): void {
    const pending = [...this.#meetings].filter(({ link, phase }) => link.inbound && phase !== 'up');
    const ofHost = pending.filter(({ link }) => link.remote.host === connection.remote.host);
    if (
      this.#open &&
      pending.length < LIMITS.pendingInbound &&
      ofHost.length < LIMITS.pendingInboundPerHost
    ) {
      this.#meet(connection, undefined);
    } else connection.destroy();
  }

  /** To be called every `LIMITS.tickMs`. */
  tick(): void {
    for (const meeting of [...this.#meetings]) {
      if (meeting.link.closed) continue;
      meeting.ticks++;
      meeting.link.tick();
      this.#watch(meeting, meeting.ticks * LIMITS.tickMs);
    }
    this.#dialDue();
  }

  // Connections

  #dialDue(): void {
    if (!this.#open) return;
    for (const entry of this.#dialer.take(this.#ports.clock.monotonic(), this.#dialView())) this.#dial(entry);
  }

  #dial(entry: DialEntry): void {
    const dialed = this.#ports.transport.dial(entry.endpoint, LIMITS.dialMs).then(
      (connection) => {
        if (this.#open) this.#meet(connection, entry);
        else connection.destroy();
      },
      (error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        this.#events.log('debug', { ...entry.endpoint, reason }, 'cannot dial');
        this.#dialer.ended(entry, this.#ports.clock.monotonic(), 0);
      },
    );
    loudly(dialed);
  }

  #dialView(): DialView {
    const rules = this.#placeRules();
    const { maxPeers, authorities } = this.#options;
    const left = maxPeers > 0 ? maxPeers - this.peers.size : Number.POSITIVE_INFINITY;
    return {
      isConnected: (address) => this.peers.has(address),
      isAuthority: rules.isAuthority,
      authority: rules.authority,
      authoritiesMissing: [...authorities()].some(
        (address) => address !== this.#ports.signer.address && !this.peers.has(address),
      ),
      otherPlaces: Math.min(left, otherDialPlaces(this.peers.values(), rules)),
      dials: LIMITS.dials,
    };
  }

  #meet(connection: Connection, entry: DialEntry | undefined): void {
    const meeting: Meeting = {
      link: new Link(connection, this.#ports.clock, {
        message: (message, sizeBytes) => this.#received(meeting, message, sizeBytes),
        malformed: (detail) => this.#malformed(meeting, detail),
        broken: (detail) => this.#broken(meeting, detail),
        closed: (reason) => this.#closed(meeting, reason),
        gone: () => this.#gone(meeting),
      }),
      entry,
      challenge: this.#ports.random.bytes(32),
      phase: 'greeting',
      ticks: 0,
      run: undefined,
      peer: undefined,
    };
    this.#meetings.add(meeting);
    const context = this.#context(meeting);
    const script = entry === undefined ? answerer(context) : opener(context);
    meeting.run = new HandshakeRun(script, meeting.link, this.#ports, {
      whole: (acquaintance) => this.#whole(meeting, acquaintance),
      refused: (refusal) => meeting.link.bye(refusal.code, refusal.message),
    });
    meeting.link.open();
    meeting.run.start();
  }

  #context(meeting: Meeting): HandshakeContext {
    const { signer, clock } = this.#ports;
    const { role, agent, genesis, height } = this.#options;
    return {
      address: signer.address,
      publicKey: signer.publicKey,
      role,
      agent,
      listenPort: this.#listenPort,
      genesis,
      challenge: meeting.challenge,
      requestId: this.#events.nextRequestId(),
      channel: meeting.link.channel,
      certified: meeting.link.certified,
      height,
      nowMs: () => clock.now(),
      judge: (claim) => this.#judge(meeting, claim),
    };
  }

  #received(meeting: Meeting, message: Message, sizeBytes: number): void {
    const { peer, link } = meeting;
    if (message.type === 'BYE') link.drop(`the peer hung up: ${message.code}: ${message.reason}`);
    else if (peer === undefined) meeting.run?.receive(message);
    else if (meeting.phase === 'genesis') this.#genesis(link, peer, message);
    else {
      if (meeting.phase === 'confirming') this.#admit(meeting, peer);
      if (link.closed) return;
      // Whoever speaks lives: a newer connection that waited to learn that is one too many.
      this.#waiting.get(peer.address)?.link.bye('DUPLICATE', 'the older connection lives');
      this.#events.message(peer, message, sizeBytes);
    }
  }

  #genesis(link: Link, peer: ConnectedPeer, message: Message): void {
    if (this.#options.genesis !== null) return link.bye('PROTOCOL_ERROR', 'nothing to say without a genesis');
    if (message.type !== 'GLK') return;
    link.drop('it has given its genesis block');
    this.#events.genesis(message.block, peer);
  }

  #malformed({ peer, phase, link }: Meeting, detail: string): void {
    if (peer !== undefined && phase === 'up') this.#events.malformed(peer, detail);
    else link.bye('PROTOCOL_ERROR', detail);
  }

  #broken({ peer, phase, link }: Meeting, detail: string): void {
    if (peer !== undefined && phase === 'up') this.#events.broken(peer, detail);
    link.bye('PROTOCOL_ERROR', detail);
  }

  #watch(meeting: Meeting, phaseMs: number): void {
    const { link, peer, phase } = meeting;
    if (link.partialMs > LIMITS.frameMs) return link.bye('TOO_SLOW', 'a frame did not arrive in time');
    if (peer === undefined) {
      if (phaseMs > LIMITS.handshakeMs) link.bye('TOO_SLOW', 'the handshake took too long');
    } else if (phase === 'genesis') {
      if (phaseMs > LIMITS.genesisMs) link.bye('TOO_SLOW', 'the genesis block took too long');
    } else if (phase === 'confirming') {
      if (phaseMs > LIMITS.confirmMs) this.#admit(meeting, peer);
    } else if (phase === 'waiting' && phaseMs > LIMITS.probeMs) {
      // The end of the older one admits this one.
      this.peers.get(peer.address)?.link.drop('replaced by a newer connection');
    }
  }

  #closed(meeting: Meeting, reason: string): void {
    const { peer, entry, link, phase } = meeting;
    const up = peer !== undefined && phase === 'up';
    if (peer !== undefined && phase === 'waiting') this.#waiting.delete(peer.address);
    if (entry !== undefined) {
      this.#dialer.ended(entry, this.#ports.clock.monotonic(), up ? peer.upMs : 0);
    }
    if (!up) {
      this.#events.log('debug', { ...link.remote, reason }, 'a connection came to nothing');
      return;
    }
    this.peers.delete(peer.address);
    this.#events.down(peer, reason);
    const heir = this.#waiting.get(peer.address);
    if (heir?.peer !== undefined && this.#open) this.#admit(heir, heir.peer);
  }

  #enter(meeting: Meeting, phase: Phase): void {
    meeting.phase = phase;
    meeting.ticks = 0;
  }

  #gone(meeting: Meeting): void {
    this.#meetings.delete(meeting);
    if (this.#meetings.size === 0) this.#allGone?.();
  }

  // Who becomes a peer

  /** What can be refused on a mere claim, before it costs a signature. @throws Refusal */
  #judge({ entry, link }: Meeting, { address, challenge, hasGenesis }: Claim): void {
    if (entry !== undefined) entry.address = address;
    if (address === this.#ports.signer.address) {
      this.#recogniseSelf(challenge);
      throw new Refusal('DUPLICATE', 'this is my own address');
    }
    if (this.#allow.size > 0 && !this.#allow.has(address)) {
      throw new Refusal('NOT_ALLOWED', 'not on the list of those allowed');
    }
    if (this.#standings.banned(address)) throw new Refusal('NOT_ALLOWED', 'banned for a proven offence');
    if (!hasGenesis || this.#options.genesis === null) return;
    const rival = entry === undefined ? this.#waiting.has(address) : this.#older(address);
    if (rival) throw new Refusal('DUPLICATE', 'there is an older connection');
    const known = this.peers.has(address);
    if (
      !known &&
      findPlace(this.peers.values(), { address, inbound: link.inbound }, this.#placeRules()) === 'none'
    ) {
      throw new Refusal('TOO_MANY_PEERS', 'no place is free');
    }
  }

  /** A HEY with a challenge of ours is our own: its endpoint is nobody else's. */
  #recogniseSelf(challenge: Uint8Array): void {
    for (const meeting of this.#meetings) {
      if (meeting.entry !== undefined && equalBytes(meeting.challenge, challenge)) {
        this.#dialer.own(meeting.entry, this.#ports.clock.monotonic());
      }
    }
  }

  /** Whether a connection to it is up, or one that we dialed about to be. */
  #older(address: Address): boolean {
    return this.peers.has(address) || this.#confirming(address);
  }

  #confirming(address: Address): boolean {
    for (const { phase, peer, link } of this.#meetings) {
      if (phase === 'confirming' && peer?.address === address && !link.closed) return true;
    }
    return false;
  }

  #whole(meeting: Meeting, acquaintance: Acquaintance): void {
    const { link, entry } = meeting;
    const peer = new ConnectedPeer(acquaintance, link, entry?.endpoint ?? null, {
      clock: this.#ports.clock,
      standings: this.#standings,
    });
    meeting.peer = peer;
    link.allowLongFrames();
    const genesis = this.#options.genesis;
    if (genesis === null || !acquaintance.hasGenesis) {
      this.#enter(meeting, 'genesis');
      if (genesis !== null) link.send({ type: 'GLK', block: genesis.block });
      link.resume();
    } else if (entry !== undefined) {
      this.#enter(meeting, 'confirming');
      peer.ping(this.#events.nextRequestId());
      link.resume();
    } else this.#choose(meeting, peer);
  }

  /** We were dialed: this connection, or another with the same peer? */
  #choose(meeting: Meeting, peer: ConnectedPeer): void {
    const older = this.peers.get(peer.address);
    if (older !== undefined) {
      if (this.#waiting.has(peer.address)) {
        return meeting.link.bye('DUPLICATE', 'another connection waits already');
      }
      this.#enter(meeting, 'waiting');
      this.#waiting.set(peer.address, meeting);
      older.ping(this.#events.nextRequestId());
      return;
    }
    // Where ours is the higher address, the other side refuses the connection that we dialed by this same rule.
    if (this.#ports.signer.address < peer.address && this.#confirming(peer.address)) {
      return meeting.link.bye('DUPLICATE', 'a connection of ours to you is being made');
    }
    this.#admit(meeting, peer);
  }

  #admit(meeting: Meeting, peer: ConnectedPeer): void {
    const place = findPlace(this.peers.values(), peer, this.#placeRules());
    if (place === 'none') return meeting.link.bye('TOO_MANY_PEERS', 'no place is free');
    if (this.peers.has(peer.address)) return meeting.link.bye('DUPLICATE', 'there is an older connection');
    if (this.#standings.banned(peer.address)) return meeting.link.bye('NOT_ALLOWED', 'banned meanwhile');
    if (place !== 'free') this.#evict(place);

    if (meeting.phase === 'waiting') this.#waiting.delete(peer.address);
    this.#enter(meeting, 'up');
    this.peers.set(peer.address, peer);
    if (peer.dialable !== null) {
      const known = { endpoint: peer.dialable, address: peer.address };
      this.#dialer.learn([known], 'hint', this.#ports.clock.monotonic());
    }
    this.#events.up(peer);
    meeting.link.resume();
  }

  /** Its newer connection, if one waits, must not inherit the place. */
  #evict(peer: ConnectedPeer): void {
    const reason = 'an authority needs the place';
    this.#waiting.get(peer.address)?.link.bye('TOO_MANY_PEERS', reason);
    peer.link.bye('TOO_MANY_PEERS', reason);
  }

  #placeRules(): PlaceRules {
    const { maxInbound, maxPeers, role } = this.#options;
    const authorities = this.#options.authorities();
    return {
      maxInbound,
      maxPeers,
      authority: role === 'validator' && authorities.has(this.#ports.signer.address),
      isAuthority: (address) => authorities.has(address),
    };
  }
}
