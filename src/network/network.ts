/**
 * The network as the rest of the node sees it: peers come and go, messages arrive and leave. Here connections are
 * accepted and dialed, taken through the handshake, given a place or refused, watched, and hung up.
 *
 * Whether a connection becomes a peer is decided by the side that was dialed: after the last ACK it refuses or
 * speaks. The opener sends PNG with its last ACK and counts the connection once anything comes back. So both sides
 * come to the same choice among several connections (section 7: the older live one stays):
 * - an older peer that answers a ping keeps its place, the newer connection is refused DUPLICATE;
 * - one that does not is replaced, so that a restarted node is not locked out by its own dead connection;
 * - of two that cross, neither being older, the one dialed by the lower address stays.
 */
import type { Clock, Timer } from '../ports/clock.js';
import type { Random } from '../ports/random.js';
import type { Signer } from '../ports/signer.js';
import type { Connection, Endpoint, Listener, Transport } from '../ports/transport.js';
import type { Worker } from '../ports/worker.js';
import type { Address, Hash } from '../protocol/bytes.js';
import { encodeFrame } from '../protocol/frame.js';
import type { Message, MessageOf } from '../protocol/messages.js';
import { type DialEntry, Dialer, type DialView } from './dialer.js';
import { type Acquaintance, answerer, type Claim, opener, Refusal, type Role } from './handshake.js';
import { HandshakeRun } from './handshake-run.js';
import { endpointsOf, hintsFor, isAnyHost, type KnownEndpoint } from './hints.js';
import { LIMITS } from './limits.js';
import { Link } from './link.js';
import { loudly } from './loudly.js';
import { OFFENCES, type Offence } from './offences.js';
import { ConnectedPeer, type Peer } from './peer.js';
import { findPlace, otherDialPlaces, type PlaceRules } from './places.js';
import { Standings } from './standing.js';

export interface NetworkPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
  readonly signer: Signer;
  readonly worker: Worker;
}

export interface NetworkOptions {
  /** Null for a node that has to take its genesis block from a peer: it gets nothing else. */
  readonly genesis: { readonly id: Hash; readonly networkId: number; readonly block: Uint8Array } | null;
  readonly role: Role;
  /** Name and version of the software, for people. */
  readonly agent: string;
  readonly listen: Endpoint;
  /** Where others reach us, if that is not where we listen. */
  readonly advertise: Endpoint | null;
  /** To be dialed for ever, whoever lives there. */
  readonly peers: readonly Endpoint[];
  /** If not empty, all others are kept out. */
  readonly allow: readonly Address[];
  readonly maxInbound: number;
  /** Genesis max_peers; 0 is no limit. */
  readonly maxPeers: number;
  readonly authorities: () => ReadonlySet<Address>;
  /** Of our head. */
  readonly height: () => number;
}

export type LogLevel = 'debug' | 'info' | 'warn';

/**
 * Called synchronously; what they throw stops the process. `peerDown` may come from within `send`, `broadcast` and
 * `offend`, as these may end a connection.
 */
export interface NetworkHandlers {
  peerUp(peer: Peer): void;
  peerDown(peer: Peer, reason: string): void;
  /** Everything that is not the network's own business (handshake, PNG, PON, RPR, PRS, GLK, BYE). */
  message(peer: Peer, message: Message): void;
  /** For a node without genesis: what a peer says it is. That peer is gone afterwards. */
  genesis?(block: Uint8Array, from: Peer): void;
  log(level: LogLevel, fields: Readonly<Record<string, unknown>>, text: string): void;
}

/**
 * How far a connection has come. greeting: handshake under way. confirming: we dialed, and wait for a first word.
 * waiting: dialed by one who has an older connection, which is being probed. genesis: one side has none; that block is
 * all that is exchanged.
 */
type Phase = 'greeting' | 'confirming' | 'waiting' | 'genesis' | 'up';

/** One connection and what we know of it. */
interface Meeting {
  readonly link: Link;
  /** What we dialed; undefined if we were. */
  readonly entry: DialEntry | undefined;
  readonly challenge: Uint8Array;
  phase: Phase;
  run: HandshakeRun | undefined;
  /** Set once the handshake is whole. */
  peer: ConnectedPeer | undefined;
  /** Since the phase began. */
  ticks: number;
}

export class Network {
  readonly #ports: NetworkPorts;
  readonly #options: NetworkOptions;
  readonly #handlers: NetworkHandlers;
  readonly #standings: Standings;
  readonly #dialer: Dialer;
  readonly #allow: ReadonlySet<Address>;
  readonly #peers = new Map<Address, ConnectedPeer>();
  /** Every connection until it is gone. */
  readonly #meetings = new Set<Meeting>();
  #listener: Listener | undefined;
  #ticker: Timer | undefined;
  #ticks = 0;
  #requestId = 0;
  #stopping: Promise<void> | undefined;
  #allGone: (() => void) | undefined;

  constructor(ports: NetworkPorts, options: NetworkOptions, handlers: NetworkHandlers) {
    this.#ports = ports;
    this.#options = options;
    this.#handlers = handlers;
    this.#standings = new Standings(ports.clock);
    this.#dialer = new Dialer(ports.signer.address, ports.random);
    this.#allow = new Set(options.allow);
  }

  /** Those whose handshake is whole and who have a place. */
  get peers(): ReadonlyMap<Address, Peer> {
    return this.#peers;
  }

  /**
   * Listens and begins to dial.
   * @returns the port listened on
   * @throws if the endpoint is taken or not ours
   */
  async start(): Promise<number> {
    const { transport, clock } = this.#ports;
    this.#listener = await transport.listen(this.#options.listen, (connection) => this.#accept(connection));
    if (this.#stopping !== undefined) {
      await this.#listener.close();
      return this.#listener.port;
    }
    const configured = this.#options.peers.map((endpoint) => ({ endpoint }));
    this.#dialer.learn(configured, 'configured', clock.monotonic());
    this.#ticker = clock.after(LIMITS.tickMs, () => this.#tick());
    this.#dialDue();
    return this.#listener.port;
  }

  /** Says BYE to all and closes; resolves when every connection is gone. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#ticker?.cancel();
    const gone = new Promise<void>((resolve) => {
      this.#allGone = resolve;
    });
    // `stopping` has to be seen by whatever the closing calls, so it begins a moment later.
    await Promise.resolve();
    for (const { link } of [...this.#meetings]) link.bye('STOPPING', 'the node stops');
    if (this.#meetings.size > 0) await gone;
    await this.#listener?.close();
  }

  /** Sends to a peer; to one that is down, nothing happens. One that takes it too slowly is dropped. */
  send(peer: Peer, message: Message): void {
    this.#connected(peer)?.link.send(message);
  }

  /** Sends to all peers but one; encoded once. */
  broadcast(message: Message, except?: Peer): void {
    if (this.#peers.size === 0) return;
    const frame = encodeFrame(message);
    for (const peer of this.#peers.values()) if (peer !== except) peer.link.sendFrame(frame);
  }

  /** Holds an offence against a peer, and does what follows from it. The last authority is never lost over it. */
  offend(peer: Peer, offence: Offence, detail: string): void {
    const { score: points, ban } = OFFENCES[offence];
    const score = this.#standings.add(peer.address, points);
    const lost = ban || score >= LIMITS.dropScore;
    const spared = lost && this.#isLastAuthority(peer.address);
    const fields = { peer: peer.address, offence, detail, score: Math.round(score), spared };
    this.#handlers.log(lost ? 'warn' : 'debug', fields, 'a peer misbehaves');
    if (!lost || spared) return;
    if (ban) this.#standings.ban(peer.address);
    this.#connected(peer)?.link.bye('PROTOCOL_ERROR', `${offence}: ${detail}`);
  }

  /** Endpoints from discovery, with the addresses said to live there. */
  addEndpoints(endpoints: readonly KnownEndpoint[]): void {
    this.#dialer.learn(endpoints, 'discovery', this.#ports.clock.monotonic());
    if (this.#listener !== undefined) this.#dialDue();
  }

  /** Whether first dials are still under way: who compares heights at boot waits for them. */
  dialing(): boolean {
    return this.#dialer.firstDials(this.#dialView());
  }

  // Connections

  #accept(connection: Connection): void {
    const pending = [...this.#meetings].filter(({ link, phase }) => link.inbound && phase !== 'up');
    const ofHost = pending.filter(({ link }) => link.remote.host === connection.remote.host);
    if (
      this.#stopping !== undefined ||
      pending.length >= LIMITS.pendingInbound ||
      ofHost.length >= LIMITS.pendingInboundPerHost
    ) {
      connection.destroy();
      return;
    }
    this.#meet(connection, undefined);
  }

  #dialDue(): void {
    if (this.#stopping !== undefined) return;
    const { clock, transport } = this.#ports;
    for (const entry of this.#dialer.take(clock.monotonic(), this.#dialView())) {
      const dial = transport.dial(entry.endpoint, LIMITS.dialMs).then(
        (connection) => {
          if (this.#stopping === undefined) this.#meet(connection, entry);
          else connection.destroy();
        },
        (error: unknown) => {
          const reason = error instanceof Error ? error.message : String(error);
          this.#handlers.log('debug', { ...entry.endpoint, reason }, 'cannot dial');
          this.#dialer.ended(entry, clock.monotonic(), 0);
        },
      );
      loudly(dial);
    }
  }

  #dialView(): DialView {
    const rules = this.#placeRules();
    const { maxPeers } = this.#options;
    const left = maxPeers > 0 ? maxPeers - this.#peers.size : Number.POSITIVE_INFINITY;
    return {
      isConnected: (address) => this.#peers.has(address),
      isAuthority: rules.isAuthority,
      authority: rules.authority,
      authoritiesMissing: [...this.#options.authorities()].some(
        (address) => address !== this.#ports.signer.address && !this.#peers.has(address),
      ),
      otherPlaces: Math.min(left, otherDialPlaces(this.#peers.values(), rules)),
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
      run: undefined,
      peer: undefined,
      ticks: 0,
    };
    this.#meetings.add(meeting);
    const context = this.#context(meeting);
    meeting.run = new HandshakeRun(
      entry === undefined ? answerer(context) : opener(context),
      meeting.link,
      this.#ports,
      {
        whole: (acquaintance) => this.#whole(meeting, acquaintance),
        refused: (refusal) => meeting.link.bye(refusal.code, refusal.message),
      },
    );
    meeting.link.open();
    meeting.run.start();
  }

  #context(meeting: Meeting) {
    const { signer, clock } = this.#ports;
    const { role, agent, genesis, advertise, height } = this.#options;
    return {
      address: signer.address,
      publicKey: signer.publicKey,
      role,
      agent,
      listenPort: advertise?.port ?? this.#listener?.port ?? 0,
      genesis,
      challenge: meeting.challenge,
      requestId: this.#nextRequestId(),
      channel: meeting.link.channel,
      certified: meeting.link.certified,
      height,
      nowMs: () => clock.now(),
      judge: (claim: Claim) => this.#judge(meeting, claim),
    };
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
    const rival = entry === undefined ? this.#waitingFor(address) : this.#older(address);
    if (rival) throw new Refusal('DUPLICATE', 'there is an older connection');
    const known = this.#peers.has(address);
    if (
      !known &&
      findPlace(this.#peers.values(), { address, inbound: link.inbound }, this.#placeRules()) === 'none'
    ) {
      throw new Refusal('TOO_MANY_PEERS', 'no place is free');
    }
  }

  /** A HEY with a challenge of ours is our own: its endpoint is nobody else's. */
  #recogniseSelf(challenge: Uint8Array): void {
    for (const meeting of this.#meetings) {
      if (meeting.entry !== undefined && Buffer.compare(meeting.challenge, challenge) === 0) {
        this.#dialer.own(meeting.entry, this.#ports.clock.monotonic());
      }
    }
  }

  /** Whether one we dialed, or a peer, is connected or about to be. */
  #older(address: Address): boolean {
    return this.#peers.has(address) || this.#inPhase('confirming', address) !== undefined;
  }

  #waitingFor(address: Address): boolean {
    return this.#inPhase('waiting', address) !== undefined;
  }

  #inPhase(phase: Phase, address: Address): Meeting | undefined {
    for (const meeting of this.#meetings) {
      if (meeting.phase === phase && meeting.peer?.address === address && !meeting.link.closed)
        return meeting;
    }
    return undefined;
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
      peer.ping(this.#nextRequestId());
      link.resume();
    } else this.#choose(meeting, peer);
  }

  /** We were dialed: this connection, or another with the same peer? */
  #choose(meeting: Meeting, peer: ConnectedPeer): void {
    const older = this.#peers.get(peer.address);
    if (older !== undefined) {
      if (this.#waitingFor(peer.address)) return meeting.link.bye('DUPLICATE', 'another one waits already');
      this.#enter(meeting, 'waiting');
      older.ping(this.#nextRequestId());
      return;
    }
    const crossing = this.#inPhase('confirming', peer.address);
    if (crossing !== undefined && this.#ports.signer.address < peer.address) {
      return meeting.link.bye('DUPLICATE', 'a connection of ours to you is being made');
    }
    crossing?.link.bye('DUPLICATE', 'your connection to me stays');
    this.#admit(meeting, peer);
  }

  #admit(meeting: Meeting, peer: ConnectedPeer): void {
    const place = findPlace(this.#peers.values(), peer, this.#placeRules());
    if (place === 'none') return meeting.link.bye('TOO_MANY_PEERS', 'no place is free');
    if (this.#peers.has(peer.address)) return meeting.link.bye('DUPLICATE', 'there is an older connection');
    if (place !== 'free') place.link.bye('TOO_MANY_PEERS', 'an authority needs the place');

    this.#enter(meeting, 'up');
    this.#peers.set(peer.address, peer);
    if (peer.dialable !== null) {
      const known = { endpoint: peer.dialable, address: peer.address };
      this.#dialer.learn([known], 'hint', this.#ports.clock.monotonic());
    }
    this.#handlers.log('info', describe(peer), 'peer connected');
    this.#handlers.peerUp(peer);
    peer.ping(this.#nextRequestId());
    this.#askForHints(peer);
    meeting.link.resume();
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

  #isLastAuthority(address: Address): boolean {
    const authorities = this.#options.authorities();
    return (
      authorities.has(address) &&
      ![...this.#peers.keys()].some((other) => other !== address && authorities.has(other))
    );
  }

  // Messages

  #received(meeting: Meeting, message: Message, sizeBytes: number): void {
    if (message.type === 'BYE') {
      meeting.link.drop(`the peer hung up: ${message.code}: ${message.reason}`);
      return;
    }
    const { peer } = meeting;
    if (peer === undefined) meeting.run?.receive(message);
    else if (meeting.phase === 'genesis') this.#genesis(meeting, peer, message);
    else {
      if (meeting.phase === 'confirming') this.#admit(meeting, peer);
      if (meeting.phase === 'up' && !meeting.link.closed) this.#fromPeer(peer, message, sizeBytes);
    }
  }

  #genesis({ link }: Meeting, peer: ConnectedPeer, message: Message): void {
    if (this.#options.genesis !== null) return link.bye('PROTOCOL_ERROR', 'nothing to say without a genesis');
    if (message.type !== 'GLK') return;
    link.drop('it has given its genesis block');
    this.#handlers.genesis?.(message.block, peer);
  }

  #fromPeer(peer: ConnectedPeer, message: Message, sizeBytes: number): void {
    this.#settleRival(peer);
    if (!peer.affords(message, sizeBytes)) {
      this.offend(peer, 'FLOODING', `more ${message.type} than its quota`);
      return;
    }
    switch (message.type) {
      case 'HEY':
      case 'ACK':
      case 'GLK':
        this.offend(peer, 'UNEXPECTED_MESSAGE', `${message.type} after the handshake`);
        break;
      case 'PNG':
        peer.link.send({ type: 'PON', request_id: message.request_id, time: this.#ports.clock.now() });
        break;
      case 'PON':
        peer.ponged(message);
        break;
      case 'RPR':
        peer.link.send({ type: 'PRS', request_id: message.request_id, peers: this.#hints(peer) });
        break;
      case 'PRS':
        this.#learnHints(peer, message);
        break;
      default:
        this.#handlers.message(peer, message);
    }
  }

  /** The peer lives: a newer connection that waited for that is one too many. */
  #settleRival(peer: ConnectedPeer): void {
    this.#inPhase('waiting', peer.address)?.link.bye('DUPLICATE', 'the older connection lives');
  }

  #hints(asker: ConnectedPeer): MessageOf<'PRS'>['peers'] {
    const { advertise, listen } = this.#options;
    const ours = advertise ?? { host: listen.host, port: this.#listener?.port ?? listen.port };
    const own = { address: this.#ports.signer.address, dialable: isAnyHost(ours.host) ? null : ours };
    return hintsFor(asker, [own, ...this.#peers.values()]);
  }

  #askForHints(peer: ConnectedPeer): void {
    peer.hintsAsked = this.#nextRequestId();
    peer.link.send({ type: 'RPR', request_id: peer.hintsAsked });
  }

  #learnHints(peer: ConnectedPeer, hints: MessageOf<'PRS'>): void {
    if (hints.request_id !== peer.hintsAsked) {
      this.offend(peer, 'UNEXPECTED_MESSAGE', 'PRS that was not asked for');
      return;
    }
    peer.hintsAsked = null;
    this.#dialer.learn(endpointsOf(hints), 'hint', this.#ports.clock.monotonic());
    this.#dialDue();
  }

  #malformed({ peer, phase, link }: Meeting, detail: string): void {
    if (peer !== undefined && phase === 'up') this.offend(peer, 'MALFORMED_MESSAGE', detail);
    else link.bye('PROTOCOL_ERROR', detail);
  }

  #broken({ peer, phase, link }: Meeting, detail: string): void {
    if (peer !== undefined && phase === 'up') this.offend(peer, 'BROKEN_STREAM', detail);
    link.bye('PROTOCOL_ERROR', detail);
  }

  // Ends

  #closed(meeting: Meeting, reason: string): void {
    const { peer, entry, phase } = meeting;
    const { clock } = this.#ports;
    const up = peer !== undefined && phase === 'up';
    if (entry !== undefined) {
      const connectedMs = up ? meeting.ticks * LIMITS.tickMs : 0;
      this.#dialer.ended(entry, clock.monotonic(), connectedMs);
    }
    if (!up) {
      this.#handlers.log('debug', { ...meeting.link.remote, reason }, 'a connection came to nothing');
      return;
    }
    this.#peers.delete(peer.address);
    this.#handlers.log('info', { ...describe(peer), reason }, 'peer disconnected');
    this.#handlers.peerDown(peer, reason);
    const heir = this.#inPhase('waiting', peer.address);
    if (heir?.peer !== undefined && this.#stopping === undefined) this.#admit(heir, heir.peer);
  }

  #gone(meeting: Meeting): void {
    this.#meetings.delete(meeting);
    if (this.#meetings.size === 0) this.#allGone?.();
  }

  // Time

  #tick(): void {
    this.#ticker = this.#ports.clock.after(LIMITS.tickMs, () => this.#tick());
    this.#ticks++;
    for (const meeting of [...this.#meetings]) {
      if (meeting.link.closed) continue;
      meeting.ticks++;
      meeting.link.tick();
      this.#watch(meeting, meeting.ticks * LIMITS.tickMs);
    }
    this.#dialDue();
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
    } else if (phase === 'waiting') {
      // Its end admits the one that waits.
      if (phaseMs > LIMITS.probeMs)
        this.#peers.get(peer.address)?.link.drop('replaced by a newer connection');
    } else this.#watchPeer(peer, phaseMs);
  }

  #watchPeer(peer: ConnectedPeer, upMs: number): void {
    if (peer.link.silentMs > LIMITS.silenceMs) return peer.link.bye('TOO_SLOW', 'nothing came for too long');
    if (upMs % LIMITS.pingMs === 0) peer.ping(this.#nextRequestId());
    if (upMs % LIMITS.hintsEveryMs === 0) this.#askForHints(peer);
  }

  #enter(meeting: Meeting, phase: Phase): void {
    meeting.phase = phase;
    meeting.ticks = 0;
  }

  #connected(peer: Peer): ConnectedPeer | undefined {
    const connected = this.#peers.get(peer.address);
    return connected === peer ? connected : undefined;
  }

  #nextRequestId(): number {
    this.#requestId++;
    return this.#requestId;
  }
}

function describe({ address, role, agent, remote, inbound, height }: Peer) {
  return { peer: address, role, agent, host: remote.host, port: remote.port, inbound, height };
}
