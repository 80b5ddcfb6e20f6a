/**
 * A node put together: chain, mempool, consensus, sync and network on the ports it is given. Whatever happens arrives
 * here as a message of a peer, an order of the API, or a timer, and is handed to the part that decides about it. The
 * same code runs in production and in simulation; only the ports differ.
 */
import { leaderOf } from '../consensus/leader.js';
import { rulesOf } from '../ledger/rules.js';
import { MEMPOOL_LIMITS } from '../mempool/limits.js';
import { Mempool } from '../mempool/mempool.js';
import { Network } from '../network/network.js';
import { type Offence, offenceOf } from '../network/offences.js';
import type { Peer } from '../network/peer.js';
import type { Timer } from '../ports/clock.js';
import type { AuthoritySet } from '../protocol/authorities.js';
import type { Address, Hash } from '../protocol/bytes.js';
import { asError, ProtocolError } from '../protocol/errors.js';
import type { GenesisConfig } from '../protocol/genesis.js';
import type { Message, MessageOf } from '../protocol/messages.js';
import type { StateTree } from '../protocol/state-tree.js';
import type { ChainStore } from '../storage/chain-store.js';
import { EvidenceStore } from '../storage/evidence.js';
import { recordDamaged, type SignerRecordStore } from '../storage/signer-record.js';
import type { StoredTree } from '../storage/tree-file.js';
import type { SyncProgress } from '../sync/progress.js';
import { SnapshotServer } from '../sync/snapshot-serve.js';
import { outOfReachText, Sync, type SyncOffence } from '../sync/sync.js';
import { AuthorityPresence } from './authority-presence.js';
import { Chain, type Committed } from './chain.js';
import { ConsensusService } from './consensus-service.js';
import type { BlockFinality, Phase, Role } from './face.js';
import type { NodeOptions, NodePorts } from './node-options.js';
import { type Opened, openStores } from './open-stores.js';
import { Pruning } from './pruning.js';
import { Reader } from './reader.js';
import { credibleHeight } from './readiness.js';
import { SignatureCache } from './signature-cache.js';
import { findOwnMark, SigningPermission } from './signing-permission.js';
import { SnapshotMaker } from './snapshot-maker.js';
import { SplitWatch } from './split-watch.js';
import { TransactionGossip } from './transaction-gossip.js';
import { TransactionIntake } from './transaction-intake.js';
import { TreeCheckpoint } from './tree-checkpoint.js';

const EXPIRE_EVERY_MS = 10_000;
const DIAL_POLL_MS = 50;
const ANNOUNCE_EVERY_MS = 100;
const SYNC_OFFENCES: Readonly<Record<SyncOffence, Offence>> = {
  'bad-block': 'BAD_BLOCK',
  'bad-answer': 'UNEXPECTED_MESSAGE',
  slow: 'NO_ANSWER',
};

export class Node {
  readonly genesis: GenesisConfig;
  readonly genesisId: Hash;
  readonly address: Address;
  readonly role: Role;
  readonly agent: string;
  readonly chain: Chain;
  readonly mempool: Mempool;
  readonly reader: Reader;
  readonly intake: TransactionIntake;
  readonly startedMs: number;
  readonly #ports: NodePorts;
  readonly #options: NodeOptions;
  readonly #authorities: AuthoritySet;
  readonly #presence: AuthorityPresence;
  readonly #network: Network;
  readonly #consensus: ConsensusService;
  readonly #gossip: TransactionGossip;
  readonly #sync: Sync;
  readonly #splits: SplitWatch;
  readonly #store: ChainStore;
  readonly #signedHeight: number;
  readonly #evidence: EvidenceStore;
  readonly #checkpoint: TreeCheckpoint | null;
  readonly #pruning: Pruning | null;
  readonly #snapshots: SnapshotMaker | null;
  readonly #snapshotServer: SnapshotServer;
  readonly #listeners = new Set<(finality: BlockFinality) => void>();
  #expireTimer: Timer | null = null;
  #dialTimer: Timer | null = null;
  #announceTimer: Timer | null = null;
  #stopping = false;
  #failed = false;

  private constructor(ports: NodePorts, options: NodeOptions, opened: Opened) {
    const { genesis, store } = opened;
    this.#ports = ports;
    this.#options = options;
    this.genesis = genesis;
    this.genesisId = store.genesisId;
    this.address = ports.signer.address;
    this.agent = options.agent;
    this.#authorities = opened.authorities;
    this.role = options.role === 'validator' && this.#authorities.has(this.address) ? 'validator' : 'basic';
    this.startedMs = ports.clock.monotonic();
    this.#presence = new AuthorityPresence(
      this.#authorities,
      ports.clock,
      (address) =>
        this.#network.peers.has(address) || (this.role === 'validator' && address === this.address),
    );
    this.#store = store;
    this.#evidence = new EvidenceStore(ports.chain);
    this.#checkpoint =
      ports.files === undefined ? null : new TreeCheckpoint(ports.files, store, opened, options.log);
    const { prune = null, log } = options;
    const verified = new SignatureCache();
    const { clock, random, worker } = ports;
    this.#pruning =
      prune === null ? null : new Pruning({ store, keep: prune, clock, log }, (error) => this.#fail(error));
    this.#snapshots = this.#createSnapshots(opened.tree);
    this.#snapshotServer = new SnapshotServer({
      clock,
      snapshot: (number) => this.#snapshots?.of(number),
      send: (peer, message) => this.#send(peer, message),
      fail: (error) => this.#fail(error),
    });
    this.chain = new Chain(
      {
        rules: rulesOf(genesis, this.genesisId),
        authorities: this.#authorities,
        store,
        tree: opened.tree,
        worker,
        verified,
        head: opened.head,
        checkDisk: options.checkDisk,
      },
      (committed) => this.#committed(committed),
    );
    this.mempool = new Mempool(MEMPOOL_LIMITS, this.chain);
    this.reader = new Reader(store, this.mempool);
    this.#signedHeight = opened.record.state?.height ?? 0;
    this.#consensus = this.#createConsensus(opened.record);
    this.#gossip = new TransactionGossip(clock, random, {
      self: this.address,
      peers: () => this.#network.peers.keys(),
      send: (peer, message) => this.#send(peer, message),
      broadcast: (message, isFor) => this.#broadcast(message, isFor),
      isAuthority: (peer) => this.#authorities.has(peer),
      isPending: ({ wireHash }) => this.mempool.hasWire(wireHash),
      pending: () => this.mempool.readyAll(),
    });
    this.intake = new TransactionIntake(
      { chain: this.chain, mempool: this.mempool, clock, worker, verified },
      {
        status: (id) => this.reader.status(id),
        offend: (peer, code, detail) => this.#offend(peer, offenceOf(code), detail),
        gossip: (transactions, source) => this.#gossip.spread(transactions, source),
        changed: () => this.#consensus.considerDue(),
      },
    );
    this.#sync = this.#createSync();
    this.#splits = new SplitWatch(
      {
        clock,
        worker,
        authorities: this.#authorities,
        genesisId: this.genesisId,
        store,
        evidence: this.#evidence,
        log,
      },
      {
        send: (peer, message) => this.#send(peer, message),
        offend: (peer, detail) => this.#offend(peer, 'BAD_BLOCK', detail),
      },
    );
    this.#network = this.#createNetwork();
  }

  /**
   * Opens the chain (or begins it with genesis), and rebuilds the state tree from it.
   * @param taken the state tree, from one who has just made the chain's database
   * @throws StorageError for a chain that is damaged or of another genesis, or a signer's record that is damaged
   */
  static async open(ports: NodePorts, options: NodeOptions, taken: StoredTree | null = null): Promise<Node> {
    const opened = await openStores(ports, options.genesisBlock, taken);
    if (opened.record.doubtful && options.role === 'validator' && !options.acceptLostRecord)
      throw recordDamaged('the end of its log is lost, and with it what was signed last');
    return new Node(ports, options, opened);
  }

  get phase(): Phase {
    return this.#sync.phase;
  }

  get syncProgress(): SyncProgress | null {
    return this.#sync.progress();
  }

  /** The highest block that a peer in good standing says it has; never less than our head. */
  get bestKnownHeight(): number {
    return Math.max(this.#sync.bestKnownHeight, this.#sync.outOfReach?.height ?? 0);
  }

  /** For people, why the next block cannot be had although there is one; null otherwise. */
  get outOfReach(): string | null {
    const { outOfReach } = this.#sync;
    return outOfReach && outOfReachText(this.chain.head.header.number, outOfReach);
  }

  get consensus(): ConsensusService {
    return this.#consensus;
  }

  /** The height at which this key had signed last when the node was opened; 0 if it never did. */
  get signedHeight(): number {
    return this.#signedHeight;
  }

  get authorities(): AuthoritySet {
    return this.#authorities;
  }

  get peers(): ReadonlyMap<Address, Peer> {
    return this.#network.peers;
  }

  get evidence(): EvidenceStore {
    return this.#evidence;
  }

  /** How long fewer authorities than a quorum have been connected; null for a basic node, which need not know them. */
  get quorumLostMs(): number | null {
    return this.role === 'basic' ? null : this.#presence.quorumLostMs;
  }

  /** Authorities that are connected, ourselves included if we are one. */
  get presentAuthorities(): Address[] {
    return this.#presence.present;
  }

  /** Listens, dials, syncs. Resolves with the port listened on. */
  async start(): Promise<number> {
    const { log, role } = this.#options;
    const { address, genesisId: genesis_id } = this;
    const head = this.chain.head.header.number;
    log(
      'info',
      { event: 'node', address, role: this.role, genesis_id, head },
      `${this.role} node ${address} at block ${head}`,
    );
    if (role === 'validator' && this.role === 'basic') {
      log(
        'warn',
        { address: this.address },
        'this account is no authority of the genesis block: running as basic',
      );
    }
    this.#consensus.start();
    await this.#snapshots?.open();
    const port = await this.#network.start();
    this.#sync.start();
    this.#awaitDials();
    this.#expire();
    this.#presence.changed();
    this.#pruning?.headMoved();
    return port;
  }

  /** Stops in order: nothing new is taken, what is being applied is finished, peers are told. The stores stay open. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#consensus.stop();
    this.#gossip.stop();
    this.#expireTimer?.cancel();
    this.#dialTimer?.cancel();
    this.#announceTimer?.cancel();
    this.#snapshotServer.stop();
    const synced = this.#sync.stop();
    await this.#network.stop();
    await synced;
    await this.chain.settled();
    await this.#pruning?.close();
    await this.#snapshots?.close();
    await this.#checkpoint?.close();
    this.#sync.stopped();
  }

  /** Endpoints that discovery knows. */
  addEndpoints(endpoints: Parameters<Network['addEndpoints']>[0]): void {
    this.#network.addEndpoints(endpoints);
  }

  onFinal(listener: (finality: BlockFinality) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #createConsensus(record: SignerRecordStore): ConsensusService {
    const { acceptLostRecord, log, checkDisk } = this.#options;
    const { genesis, genesisId, chain, mempool, address } = this;
    const ownIndex = this.#authorities.indexOf(address) ?? -1;
    const lookBack = (above: number) => findOwnMark(this.#store, above, address, ownIndex);
    const permission =
      this.role === 'basic'
        ? null
        : new SigningPermission(record, lookBack, acceptLostRecord, this.#store.base.lowestHeader - 1);
    return new ConsensusService(
      {
        ...this.#ports,
        genesis,
        genesisId,
        chain,
        mempool,
        evidence: this.#evidence,
        record,
        permission,
        log,
        checkDisk,
      },
      {
        peers: () => this.#network.peers.keys(),
        send: (peer, message) => this.#send(peer, message),
        broadcast: (message, isFor) => this.#broadcast(message, isFor),
        offend: (peer, offence, detail) =>
          this.#offend(peer, offence === 'malformed' ? 'MALFORMED_MESSAGE' : 'BAD_VOTE', detail),
        ahead: (peer, height) => this.#sync.claimed(peer, height),
        giveFinal: (peer, height) => this.#giveFinal(peer, height),
        offerTransactions: (peer) => this.#gossip.offer(peer),
        isAmongEquals: () =>
          this.#presence.present.length >= this.#authorities.quorum &&
          this.#sync.bestKnownHeight <= this.chain.head.header.number &&
          // Sync ignores what it cannot get: a chain that has gone on and is kept by nobody from here on.
          credibleHeight(this.#network.peers.values(), this.#authorities) <= this.chain.head.header.number,
        fail: (error) => this.#fail(error),
      },
    );
  }

  #createSnapshots(tree: StateTree): SnapshotMaker | null {
    const { files, clock } = this.#ports;
    const { snapshotEvery: everyBlocks = 0, snapshotPartAccounts: maxPartAccounts, log } = this.#options;
    return files === undefined
      ? null
      : new SnapshotMaker({ store: this.#store, tree, files, clock, log, everyBlocks, maxPartAccounts });
  }

  #createSync(): Sync {
    return new Sync(this.#ports.clock, {
      head: () => ({ number: this.chain.head.header.number, id: this.chain.head.id }),
      hasRoom: (sizeBytes) => this.chain.hasRoom(sizeBytes),
      apply: (block, certificate) => this.chain.applyCertified(block, certificate),
      blockBytes: (number) => this.#store.blockBytes(number),
      base: () => this.#store.base.number,
      snapshot: () => this.#snapshots?.newest,
      send: (peer, message) => this.#send(peer, message),
      offend: (peer, offence, detail) => this.#offend(peer, SYNC_OFFENCES[offence], detail),
      otherBranch: (peer, number) => this.#splits.suspect(peer, number - 1),
      phaseChanged: (phase) => this.#phaseChanged(phase),
      log: this.#options.log,
    });
  }

  #createNetwork(): Network {
    const options = this.#options;
    return new Network(
      this.#ports,
      {
        genesis: { id: this.genesisId, networkId: this.genesis.network_id, block: options.genesisBlock },
        role: this.role,
        agent: this.agent,
        listen: options.listen,
        advertise: options.advertise,
        peers: options.peers,
        allow: options.allow,
        maxInbound: options.maxInbound,
        maxPeers: this.genesis.max_peers,
        authorities: () => new Set(this.#authorities.list.map(({ address }) => address)),
        height: () => this.chain.head.header.number,
      },
      {
        peerUp: (peer) => this.#peerUp(peer),
        peerDown: (peer) => {
          this.#sync.peerDown(peer.address);
          this.#splits.forget(peer.address);
          this.#snapshotServer.forget(peer.address);
          this.#presence.changed();
        },
        message: (peer, message) => this.#message(peer, message),
        log: options.log,
      },
    );
  }

  #peerUp(peer: Peer): void {
    this.#presence.changed();
    this.#sync.peerUp(peer.address, peer.height);
    this.#consensus.peerUp(peer.address);
    this.#gossip.offer(peer.address);
  }

  #message(from: Peer, message: Message): void {
    const peer = from.address;
    if (message.type === 'BLH' || message.type === 'RBH')
      from.height = Math.max(from.height, message.block_number);
    switch (message.type) {
      case 'TXN':
        return this.#track(this.intake.hear(peer, message.txns));
      case 'PRP':
      case 'VOT':
      case 'LDR':
      case 'ADR':
        return this.#track(this.#consensus.message(peer, message));
      case 'ABL':
        if (this.#splits.awaits(peer, message)) return this.#track(this.#splits.answered(peer, message));
        return this.#sync.message(peer, message);
      case 'BLH':
      case 'BLK':
        this.#splits.heard(peer, message);
        return this.#sync.message(peer, message);
      case 'RBH':
      case 'RBL':
        return this.#sync.message(peer, message);
      case 'RSN':
      case 'RSP':
        return this.#serveSnapshot(peer, message);
      case 'ASN':
      case 'ASP':
        return this.#offend(peer, 'UNEXPECTED_MESSAGE', `${message.type} that was not asked for`);
      default:
        throw new Error(`the network handed on a ${message.type}`);
    }
  }

  #serveSnapshot(peer: Address, message: MessageOf<'RSN' | 'RSP'>): void {
    try {
      this.#snapshotServer.request(peer, message);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#offend(peer, offenceOf(error.code), error.message);
    }
  }

  /** Work that runs on its own; only a broken invariant of ours makes it fail. */
  #track(work: Promise<void> | undefined): void {
    work?.catch((error: unknown) => this.#fail(asError(error)));
  }

  #fail(error: Error): void {
    if (this.#stopping || this.#failed) return;
    this.#failed = true;
    this.#sync.fail(error);
    this.#options.onFailure(error);
  }

  /** Blocks became final here, together. */
  #committed(committed: readonly Committed[]): void {
    const { clock } = this.#ports;
    const { workedMs } = this.#consensus;
    for (const { block, changes } of committed) this.mempool.blockApplied(block, changes.keys(), clock.now());
    this.#consensus.enterHeight();
    this.#sync.headMoved(this.chain.head.header.number);
    this.#checkpoint?.headMoved();
    this.#snapshots?.headMoved();
    this.#pruning?.headMoved();
    this.#announceHead();
    for (const block of committed) this.#tellFinal(block, block.synced ? 0 : workedMs);
  }

  #tellFinal({ block, certificate, synced }: Committed, finalityMs: number): void {
    const { number } = block.header;
    const leader = leaderOf(this.#authorities, number, certificate.round).address;
    this.#options.log(
      'info',
      {
        event: 'final',
        number,
        id: block.id,
        leader,
        round: certificate.round,
        transactions: block.transactions.length,
        finality_ms: Math.round(finalityMs * 10) / 10,
        synced,
      },
      `block ${number} is final`,
    );
    for (const listener of this.#listeners) listener({ block, certificate, leader, finalityMs, synced });
  }

  /**
   * Tells the peers our height a moment after it changed, so that one that missed the votes asks for the block. Not
   * while syncing, and not at every block of a fast chain: it is the newest that counts.
   */
  #announceHead(): void {
    if (this.#announceTimer !== null || this.phase !== 'ready') return;
    this.#announceTimer = this.#ports.clock.after(ANNOUNCE_EVERY_MS, () => {
      this.#announceTimer = null;
      const { id, header } = this.chain.head;
      const snapshot = this.#snapshots?.newest;
      this.#broadcast({ type: 'BLH', request_id: 0, block_number: header.number, block_id: id, snapshot });
    });
  }

  #phaseChanged(phase: Phase): void {
    this.#options.log('info', { event: 'phase', phase, head: this.chain.head.header.number }, `now ${phase}`);
    this.#consensus.setCaughtUp(phase === 'ready');
    this.#announceHead();
    if (phase === 'dead' && this.#sync.failure !== null) this.#fail(this.#sync.failure);
  }

  /** Boot compares heights once the first dials have ended, well or not. */
  #awaitDials(): void {
    if (!this.#network.dialing()) this.#sync.dialsDone();
    else this.#dialTimer = this.#ports.clock.after(DIAL_POLL_MS, () => this.#awaitDials());
  }

  #expire(): void {
    this.mempool.expire(this.#ports.clock.now());
    this.#expireTimer = this.#ports.clock.after(EXPIRE_EVERY_MS, () => this.#expire());
  }

  /** A peer decides a height that is final here. */
  #giveFinal(peer: Address, height: number): void {
    const stored = this.#store.blockBytes(height);
    if (stored === undefined || stored.certificate === null) return;
    this.#send(peer, { type: 'BLK', block: stored.block, certificate: stored.certificate });
  }

  #send(address: Address, message: Message): void {
    const peer = this.#network.peers.get(address);
    if (peer !== undefined) this.#network.send(peer, message);
  }

  #broadcast(message: Message, isFor?: (peer: Address) => boolean): void {
    this.#network.broadcast(message, isFor && (({ address }) => isFor(address)));
  }

  #offend(address: Address, offence: Offence | undefined, detail: string): void {
    const peer = this.#network.peers.get(address);
    if (peer !== undefined && offence !== undefined) this.#network.offend(peer, offence, detail);
  }
}
