/**
 * The network as the rest of the node sees it: peers come and go, messages arrive and leave, offences have their
 * consequences. The network's own talk with its peers (pings, hints) is here too; who becomes a peer is decided in
 * `reception.ts`.
 */
import type { Timer } from '../ports/clock.js';
import type { Listener } from '../ports/transport.js';
import type { Address } from '../protocol/bytes.js';
import { encodeFrame } from '../protocol/frame.js';
import type { Message, MessageOf, MessageType } from '../protocol/messages.js';
import { endpointsOf, hintsFor, isAnyHost, type KnownEndpoint } from './hints.js';
import { LIMITS, QUOTAS, type Quota } from './limits.js';
import { OFFENCES, type Offence } from './offences.js';
import type { NetworkHandlers, NetworkOptions, NetworkPorts } from './options.js';
import type { ConnectedPeer, Peer } from './peer.js';
import { Reception } from './reception.js';
import { Standings } from './standing.js';

export type { LogLevel, NetworkHandlers, NetworkOptions, NetworkPorts } from './options.js';

export class Network {
  readonly #ports: NetworkPorts;
  readonly #options: NetworkOptions;
  readonly #handlers: NetworkHandlers;
  readonly #standings: Standings;
  readonly #reception: Reception;
  #listener: Listener | undefined;
  #ticker: Timer | undefined;
  #requestId = 0;
  #stopping: Promise<void> | undefined;

  constructor(ports: NetworkPorts, options: NetworkOptions, handlers: NetworkHandlers) {
    this.#ports = ports;
    this.#options = options;
    this.#handlers = handlers;
    this.#standings = new Standings(ports.clock);
    this.#reception = new Reception(ports, options, this.#standings, {
      up: (peer) => this.#up(peer),
      down: (peer, reason) => {
        handlers.log('info', { ...describe(peer), reason }, 'peer disconnected');
        handlers.peerDown(peer, reason);
      },
      message: (peer, message, sizeBytes) => this.#received(peer, message, sizeBytes),
      malformed: (peer, detail) => this.offend(peer, 'MALFORMED_MESSAGE', detail),
      broken: (peer, detail) => this.offend(peer, 'BROKEN_STREAM', detail),
      genesis: (block, from) => handlers.genesis?.(block, from),
      log: handlers.log,
      nextRequestId: () => this.#nextRequestId(),
    });
  }

  /** Those whose handshake is whole and who have a place. */
  get peers(): ReadonlyMap<Address, Peer> {
    return this.#reception.peers;
  }

  /**
   * Listens and begins to dial.
   * @returns the port listened on
   * @throws if the endpoint is taken or not ours
   */
  async start(): Promise<number> {
    const { transport, clock } = this.#ports;
    const { listen, advertise } = this.#options;
    this.#listener = await transport.listen(listen, (connection) => this.#reception.accept(connection));
    const { port } = this.#listener;
    if (this.#stopping === undefined) {
      this.#ticker = clock.after(LIMITS.tickMs, () => this.#tick());
      this.#reception.open(advertise?.port ?? port);
    } else await this.#listener.close();
    return port;
  }

  /** Says BYE to all and closes; resolves when every connection is gone. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#ticker?.cancel();
    await this.#reception.close();
    await this.#listener?.close();
  }

  /** Sends to a peer; to one that is down, nothing happens. One that takes it too slowly is dropped. */
  send(peer: Peer, message: Message): void {
    this.#connected(peer)?.link.send(message);
  }

  /**
   * Sends to all peers, or to those that are meant; encoded once, if there is one.
   * @param isFirst for whom others wait: they are sent it before all the rest
   */
  broadcast(
    message: Message,
    isFor: (peer: Peer) => boolean = () => true,
    isFirst: (peer: Peer) => boolean = () => false,
  ): void {
    const meant = [...this.#reception.peers.values()].filter(isFor);
    if (meant.length === 0) return;
    const frame = encodeFrame(message);
    const rest: ConnectedPeer[] = [];
    for (const peer of meant) {
      if (isFirst(peer)) peer.link.sendFrame(frame);
      else rest.push(peer);
    }
    for (const peer of rest) peer.link.sendFrame(frame);
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
    this.#reception.learn(endpoints, 'discovery');
  }

  /** Whether first dials are still under way: who compares heights at boot waits for them. */
  dialing(): boolean {
    return this.#reception.dialing;
  }

  #up(peer: ConnectedPeer): void {
    this.#handlers.log('info', describe(peer), 'peer connected');
    this.#handlers.peerUp(peer);
    peer.ping(this.#nextRequestId());
    this.#askForHints(peer);
  }

  #received(peer: ConnectedPeer, message: Message, sizeBytes: number): void {
    if (!peer.affords(message, sizeBytes)) {
      const passedOn = (QUOTAS as Partial<Record<MessageType, Quota>>)[message.type]?.passedOn === true;
      if (!passedOn) this.offend(peer, 'FLOODING', `more ${message.type} than its quota`);
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

  #hints(asker: ConnectedPeer): MessageOf<'PRS'>['peers'] {
    const { advertise, listen } = this.#options;
    const ours = advertise ?? { host: listen.host, port: this.#listener?.port ?? listen.port };
    const own = { address: this.#ports.signer.address, dialable: isAnyHost(ours.host) ? null : ours };
    return hintsFor(asker, [own, ...this.#reception.peers.values()]);
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
    this.#reception.learn(endpointsOf(hints), 'hint');
  }

  #tick(): void {
    this.#ticker = this.#ports.clock.after(LIMITS.tickMs, () => this.#tick());
    this.#reception.tick();
    for (const peer of this.#reception.peers.values()) this.#watch(peer);
  }

  #watch(peer: ConnectedPeer): void {
    peer.upMs += LIMITS.tickMs;
    if (peer.link.silentMs > LIMITS.silenceMs) return peer.link.bye('TOO_SLOW', 'nothing came for too long');
    if (peer.upMs % LIMITS.pingMs === 0) peer.ping(this.#nextRequestId());
    if (peer.upMs % LIMITS.hintsEveryMs === 0) this.#askForHints(peer);
  }

  #isLastAuthority(address: Address): boolean {
    const authorities = this.#options.authorities();
    const isOther = (peer: Address) => peer !== address && authorities.has(peer);
    return authorities.has(address) && ![...this.#reception.peers.keys()].some(isOther);
  }

  /** The peer, unless it is down or a former connection of one that came back. */
  #connected(peer: Peer): ConnectedPeer | undefined {
    const connected = this.#reception.peers.get(peer.address);
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
