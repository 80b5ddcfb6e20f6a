/**
 * Takes the state after a final block from peers (section 9), for a node that has no more than the genesis block and is
 * told to: before the node itself is begun, with a network of its own. The glue between `SnapshotDownload` (what to ask of
 * whom), `SnapshotPatience` (for how long) and `SnapshotIntake` (whether an answer is true, and what becomes of it);
 * whoever gives something false is heard no more. Blocks are not its concern: those behind the snapshot are synced as
 * ever.
 */
import type { KnownEndpoint } from '../network/hints.js';
import { Network } from '../network/network.js';
import type { Peer } from '../network/peer.js';
import type { Timer } from '../ports/clock.js';
import type { AuthoritySet } from '../protocol/authorities.js';
import { GENESIS_NUMBER } from '../protocol/block.js';
import type { Address } from '../protocol/bytes.js';
import { ProtocolError } from '../protocol/errors.js';
import { authoritiesOf, type Genesis, readGenesisBlock } from '../protocol/genesis.js';
import type { Message, MessageOf } from '../protocol/messages.js';
import type { SealedHeader } from '../protocol/sealed-header.js';
import { pathToWire } from '../protocol/state-part.js';
import type { StateTree } from '../protocol/state-tree.js';
import { ChainStore } from '../storage/chain-store.js';
import type { StoredTree } from '../storage/tree-file.js';
import { Attention, TICK_MS } from '../sync/attention.js';
import { SnapshotDownload, type SnapshotRequest } from '../sync/snapshot-download.js';
import { SnapshotPatience } from '../sync/snapshot-patience.js';
import type { NodeOptions, NodePorts } from './node-options.js';
import { PeersByAddress } from './peers-by-address.js';
import { proveHeader, SnapshotIntake } from './snapshot-intake.js';

const ASK_DISCOVERY_EVERY_MS = 2_000;
const LOG_EVERY_MS = 3_000;
/** Addresses whose word was false; each had to sign a handshake. */
const MAX_BARRED = 1_000;

export interface JoinOptions
  extends Pick<
    NodeOptions,
    'genesisBlock' | 'agent' | 'listen' | 'peers' | 'allow' | 'maxInbound' | 'checkDisk' | 'log'
  > {
  /** Endpoints that discovery knows; failures are its own to report. */
  readonly discover: () => Promise<readonly KnownEndpoint[]>;
}

/**
 * Makes the chain's database one that begins with a snapshot. Null if there is a chain already, or nobody has a snapshot:
 * then the database holds the genesis block at the most, or is empty.
 * @returns the state tree, to be taken up by the node
 * @throws StorageError DISK_FULL, DAMAGED
 */
export async function joinBySnapshot(ports: NodePorts, options: JoinOptions): Promise<StoredTree | null> {
  const genesis = readGenesisBlock(options.genesisBlock);
  const chain = await ChainStore.open(ports.chain, genesis.block.id);
  if (chain !== undefined && chain.head.number > GENESIS_NUMBER) return null;
  return new Join(ports, options, genesis).run();
}

class Join {
  readonly #ports: NodePorts;
  readonly #options: JoinOptions;
  readonly #genesis: Genesis;
  readonly #authorities: AuthoritySet;
  readonly #network: Network;
  readonly #peers: PeersByAddress;
  readonly #download: SnapshotDownload;
  readonly #patience = new SnapshotPatience();
  readonly #barred = new Set<Address>();
  /** Peers that have not said yet what they have. */
  readonly #unheard = new Set<Address>();
  /** The state that is being taken. */
  #intake: SnapshotIntake | null = null;
  /** Resolves when what was taken before is written no more. */
  #abandoned: Promise<void> = Promise.resolve();
  /** A header is being checked, or the database prepared. */
  #beginning = false;
  readonly #startedMs: number;
  readonly #attention: Attention;
  #loggedMs = 0;
  #discoverAtMs = 0;
  /** Discovery has answered, or failed to. */
  #discovered = false;
  #timer: Timer | null = null;
  #lastId = 0;
  #settle: (tree: StoredTree | null) => void = () => {};
  #fail: (error: unknown) => void = () => {};

  constructor(ports: NodePorts, options: JoinOptions, genesis: Genesis) {
    this.#ports = ports;
    this.#options = options;
    this.#genesis = genesis;
    this.#authorities = authoritiesOf(genesis.config);
    this.#startedMs = ports.clock.monotonic();
    this.#attention = new Attention(ports.clock);
    this.#download = new SnapshotDownload((peer) => this.#authorities.has(peer));
    this.#network = new Network(
      ports,
      // It only dials: a node without a state has nothing to give to those who come.
      {
        ...options,
        role: 'basic',
        listen: { host: options.listen.host, port: 0 },
        advertise: null,
        genesis: { id: genesis.block.id, networkId: genesis.config.network_id, block: options.genesisBlock },
        maxPeers: genesis.config.max_peers,
        authorities: () => new Set(this.#authorities.list.map(({ address }) => address)),
        height: () => GENESIS_NUMBER,
      },
      {
        peerUp: (peer) => this.#peerUp(peer),
        peerDown: ({ address }) => {
          this.#unheard.delete(address);
          this.#download.drop(address);
        },
        message: (peer, message) => this.#message(peer.address, message),
        log: options.log,
      },
    );
    this.#peers = new PeersByAddress(this.#network);
  }

  async run(): Promise<StoredTree | null> {
    this.#options.log('info', {}, 'no chain here: asking peers for a snapshot');
    const settled = new Promise<StoredTree | null>((resolve, reject) => {
      this.#settle = resolve;
      this.#fail = reject;
    });
    await this.#network.start();
    this.#tick();
    try {
      return await settled;
    } finally {
      this.#timer?.cancel();
      this.#abandon();
      await this.#network.stop();
      await this.#abandoned;
    }
  }

  #tick(): void {
    this.#timer = this.#ports.clock.after(TICK_MS, () => this.#tick());
    const nowMs = this.#attention.tick();
    if (nowMs >= this.#discoverAtMs) {
      this.#discoverAtMs = nowMs + ASK_DISCOVERY_EVERY_MS;
      this.#options
        .discover()
        .then(
          (endpoints) => this.#network.addEndpoints(endpoints),
          () => undefined,
        )
        .finally(() => {
          this.#discovered = true;
        });
    }
    for (const { peer, kind } of this.#download.expire(nowMs))
      this.#peers.offend(peer, 'NO_ANSWER', `no answer to a request for the ${kind} of a snapshot`);
    this.#logProgress(nowMs);
    this.#goOn();
  }

  /** Asks for what is wanted now, begins again, or gives up. To be called after whatever changed. */
  #goOn(): void {
    const { nowMs } = this.#attention;
    const { hopeful } = this.#download;
    const taken = this.#intake?.progress.accounts ?? null;
    const busy = this.#beginning || this.#intake?.complete === true;
    switch (this.#patience.assess(nowMs, { taken, busy, hopeful, allHeard: this.#allHeard })) {
      case 'wait':
        return;
      case 'ask':
        if (this.#intake?.hasRoom === false) return;
        for (const request of this.#download.plan(nowMs)) this.#ask(request);
        return;
      // Nobody has that snapshot any more. What was taken is cleared when another is begun.
      case 'restart':
        this.#abandon();
        this.#download.restart();
        return;
      case 'give-up': {
        const why = taken !== null ? 'no peer gave a whole snapshot' : 'no peer has a snapshot';
        this.#options.log('warn', {}, `${why}: syncing the chain from its beginning`);
        this.#settle(null);
      }
    }
  }

  get #allHeard(): boolean {
    return (
      this.#discovered && !this.#network.dialing() && this.#network.peers.size > 0 && this.#unheard.size === 0
    );
  }

  #ask(request: SnapshotRequest): void {
    const { peer, id, number } = request;
    if (request.kind === 'header')
      this.#peers.send(peer, { type: 'RSN', request_id: id, block_number: number });
    else {
      const { depth, prefix } = pathToWire(request.path);
      this.#peers.send(peer, { type: 'RSP', request_id: id, block_number: number, depth, prefix });
    }
  }

  #peerUp({ address }: Peer): void {
    if (this.#barred.has(address)) return;
    this.#unheard.add(address);
    this.#lastId++;
    this.#peers.send(address, { type: 'RBH', request_id: this.#lastId, block_number: GENESIS_NUMBER });
  }

  #message(peer: Address, message: Message): void {
    if (this.#barred.has(peer)) return;
    switch (message.type) {
      case 'RBH':
        this.#peers.send(peer, {
          type: 'BLH',
          request_id: message.request_id,
          block_number: GENESIS_NUMBER,
          block_id: this.#genesis.block.id,
        });
        break;
      case 'BLH':
        this.#unheard.delete(peer);
        this.#download.offer(peer, message.snapshot);
        break;
      case 'ASN':
        this.#takeHeader(peer, message);
        break;
      case 'ASP':
        this.#takePart(peer, message);
        break;
      // All else is for those who are further.
      default:
        return;
    }
    this.#goOn();
  }

  #takeHeader(peer: Address, { request_id, header, certificate }: MessageOf<'ASN'>): void {
    const request = this.#requestOf(peer, request_id, 'header');
    if (request === undefined) return;
    if (header === null || certificate === null) return this.#download.useless(peer);
    this.#beginning = true;
    this.#begin(peer, request.number, header, certificate)
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#beginning = false;
        this.#goOn();
      });
  }

  async #begin(peer: Address, number: number, bytes: Uint8Array, certificate: Uint8Array): Promise<void> {
    const header = await this.#proven(peer, number, bytes, certificate);
    if (header === undefined) return;
    await this.#abandoned;
    const parts = { chain: this.#ports.chain, genesis: this.#genesis, checkDisk: this.#options.checkDisk };
    this.#intake = await SnapshotIntake.begin(header, certificate, parts, {
      written: () => this.#goOn(),
      finished: (tree) => this.#finished(header, tree),
      failed: (error) => this.#failed(error),
    });
    this.#download.begin(number, peer);
    this.#options.log('info', { number, id: header.id }, `taking the state after block ${number}`);
  }

  /** The header, if it is that of a final block; else its giver is to blame. */
  async #proven(
    peer: Address,
    number: number,
    bytes: Uint8Array,
    certificate: Uint8Array,
  ): Promise<SealedHeader | undefined> {
    const parts = { genesis: this.#genesis, authorities: this.#authorities, worker: this.#ports.worker };
    try {
      return await proveHeader(number, bytes, certificate, parts);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#bar(peer, `the header of block ${number}: ${error.message}`);
      return undefined;
    }
  }

  #takePart(peer: Address, { request_id, accounts, subtrees }: MessageOf<'ASP'>): void {
    const request = this.#requestOf(peer, request_id, 'part');
    if (request?.kind !== 'part' || this.#intake === null) return;
    const { path } = request;
    try {
      if (accounts !== null) this.#intake.takeAccounts(path, accounts);
      else if (subtrees !== null) this.#download.want(this.#intake.takeSubtrees(path, subtrees));
      else {
        this.#download.useless(peer);
        this.#download.want([path]);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#bar(peer, error.message);
      this.#download.want([path]);
    }
  }

  #requestOf(peer: Address, id: number, kind: SnapshotRequest['kind']): SnapshotRequest | undefined {
    const request = this.#download.answered(peer, id, kind);
    if (request === undefined)
      this.#peers.offend(peer, 'UNEXPECTED_MESSAGE', `a ${kind} of a snapshot never asked for`);
    return request === 'stale' ? undefined : request;
  }

  #finished({ header: { number }, id: blockId }: SealedHeader, tree: StateTree): void {
    const tookMs = Math.round(this.#ports.clock.monotonic() - this.#startedMs);
    const fields = { event: 'joined', number, accounts: tree.size, took_ms: tookMs };
    this.#options.log(
      'info',
      fields,
      `took the state after block ${number} from peers: ${tree.size} accounts`,
    );
    this.#settle({ tree, begin: number, number, blockId, genesisId: this.#genesis.block.id });
  }

  #abandon(): void {
    if (this.#intake !== null) this.#abandoned = this.#intake.abandon();
    this.#intake = null;
  }

  /** Of our own: the disk, or a broken invariant. */
  #failed(error: unknown): void {
    this.#abandon();
    this.#fail(error);
  }

  #bar(peer: Address, detail: string): void {
    const [oldest] = this.#barred;
    if (oldest !== undefined && this.#barred.size >= MAX_BARRED) this.#barred.delete(oldest);
    this.#barred.add(peer);
    this.#unheard.delete(peer);
    this.#download.drop(peer);
    this.#peers.offend(peer, 'FALSE_SNAPSHOT', detail);
  }

  #logProgress(nowMs: number): void {
    if (this.#intake === null || nowMs - this.#loggedMs < LOG_EVERY_MS) return;
    this.#loggedMs = nowMs;
    const { header, progress } = this.#intake;
    this.#options.log('info', { number: header.header.number, ...progress }, 'taking a snapshot');
  }
}
