/**
 * A node's life: opened, started, stopped, or failed; and what it shows of itself. What it is made of, and which part
 * knows of which, is in `NodeParts`; peers' messages go by `PeerMessages` to the part that decides about them, final
 * blocks by `Finality`. The same code runs in production and in simulation; only the ports differ.
 */
import type { Mempool } from '../mempool/mempool.js';
import type { KnownEndpoint } from '../network/hints.js';
import type { Peer } from '../network/peer.js';
import type { Timer } from '../ports/clock.js';
import type { AuthoritySet } from '../protocol/authorities.js';
import type { Address, Hash } from '../protocol/bytes.js';
import type { GenesisConfig } from '../protocol/genesis.js';
import type { EvidenceStore } from '../storage/evidence.js';
import { recordDamaged } from '../storage/signer-record.js';
import type { StoredTree } from '../storage/tree-file.js';
import type { SyncProgress } from '../sync/progress.js';
import { outOfReachText } from '../sync/sync.js';
import type { Chain } from './chain.js';
import type { ConsensusService } from './consensus-service.js';
import type { BlockFinality, Phase, Role } from './face.js';
import type { NodeOptions, NodePorts } from './node-options.js';
import { NodeParts } from './node-parts.js';
import { type Opened, openStores } from './open-stores.js';
import type { Reader } from './reader.js';
import type { TransactionIntake } from './transaction-intake.js';

const EXPIRE_EVERY_MS = 10_000;
const DIAL_POLL_MS = 50;

export class Node {
  readonly genesis: GenesisConfig;
  readonly genesisId: Hash;
  readonly address: Address;
  readonly role: Role;
  readonly agent: string;
  readonly authorities: AuthoritySet;
  readonly chain: Chain;
  readonly mempool: Mempool;
  readonly reader: Reader;
  readonly intake: TransactionIntake;
  readonly consensus: ConsensusService;
  readonly evidence: EvidenceStore;
  readonly startedMs: number;
  /** The height at which this key had signed last when the node was opened; 0 if it never did. */
  readonly signedHeight: number;
  readonly #ports: NodePorts;
  readonly #options: NodeOptions;
  readonly #parts: NodeParts;
  #expireTimer: Timer | null = null;
  #dialTimer: Timer | null = null;
  #stopping = false;
  #failed = false;

  private constructor(ports: NodePorts, options: NodeOptions, opened: Opened) {
    const parts = new NodeParts(ports, options, opened, {
      phaseChanged: (phase) => this.#phaseChanged(phase),
      fail: (error) => this.#fail(error),
    });
    this.#ports = ports;
    this.#options = options;
    this.#parts = parts;
    this.genesis = parts.genesis;
    this.genesisId = parts.genesisId;
    this.address = parts.address;
    this.role = parts.role;
    this.agent = options.agent;
    this.authorities = parts.authorities;
    this.chain = parts.chain;
    this.mempool = parts.mempool;
    this.reader = parts.reader;
    this.intake = parts.intake;
    this.consensus = parts.consensus;
    this.evidence = parts.evidence;
    this.startedMs = ports.clock.monotonic();
    this.signedHeight = opened.record.state?.height ?? 0;
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
    return this.#parts.sync.phase;
  }

  get syncProgress(): SyncProgress | null {
    return this.#parts.sync.progress();
  }

  /** The highest block that a peer in good standing says it has; never less than our head. */
  get bestKnownHeight(): number {
    const { sync } = this.#parts;
    return Math.max(sync.bestKnownHeight, sync.outOfReach?.height ?? 0);
  }

  /** For people, why the next block cannot be had although there is one; null otherwise. */
  get outOfReach(): string | null {
    const { outOfReach } = this.#parts.sync;
    return outOfReach && outOfReachText(this.chain.head.header.number, outOfReach);
  }

  get peers(): ReadonlyMap<Address, Peer> {
    return this.#parts.network.peers;
  }

  /** How long fewer authorities than a quorum have been connected; null for a basic node, which need not know them. */
  get quorumLostMs(): number | null {
    return this.role === 'basic' ? null : this.#parts.presence.quorumLostMs;
  }

  /** Authorities that are connected, ourselves included if we are one. */
  get presentAuthorities(): Address[] {
    return this.#parts.presence.present;
  }

  onFinal(listener: (finality: BlockFinality) => void): () => void {
    return this.#parts.finality.onFinal(listener);
  }

  /** Endpoints that discovery knows. */
  addEndpoints(endpoints: readonly KnownEndpoint[]): void {
    this.#parts.network.addEndpoints(endpoints);
  }

  /** Listens, dials, syncs. Resolves with the port listened on. */
  async start(): Promise<number> {
    const { consensus, snapshots, network, sync, presence, pruning } = this.#parts;
    this.#introduce();
    consensus.start();
    await snapshots?.open();
    const port = await network.start();
    sync.start();
    this.#awaitDials();
    this.#expire();
    presence.changed();
    pruning?.headMoved();
    return port;
  }

  /** Stops in order: nothing new is taken, what is being applied is finished, peers are told. The stores stay open. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    const { consensus, gossip, announcer, snapshotServer, sync, network, chain } = this.#parts;
    const { pruning, snapshots, checkpoint } = this.#parts;
    consensus.stop();
    gossip.stop();
    this.#expireTimer?.cancel();
    this.#dialTimer?.cancel();
    announcer.stop();
    snapshotServer.stop();
    const synced = sync.stop();
    await network.stop();
    await synced;
    await chain.settled();
    await pruning?.close();
    await snapshots?.close();
    await checkpoint?.close();
    sync.stopped();
  }

  #introduce(): void {
    const { log, role: wanted } = this.#options;
    const { address, role, genesisId: genesis_id } = this;
    const head = this.chain.head.header.number;
    log(
      'info',
      { event: 'node', address, role, genesis_id, head },
      `${role} node ${address} at block ${head}`,
    );
    if (role !== wanted)
      log('warn', { address }, 'this account is no authority of the genesis block: running as basic');
  }

  /** Boot compares heights once the first dials have ended, well or not. */
  #awaitDials(): void {
    const { network, sync } = this.#parts;
    if (!network.dialing()) sync.dialsDone();
    else this.#dialTimer = this.#ports.clock.after(DIAL_POLL_MS, () => this.#awaitDials());
  }

  #expire(): void {
    this.mempool.expire(this.#ports.clock.now());
    this.#expireTimer = this.#ports.clock.after(EXPIRE_EVERY_MS, () => this.#expire());
  }

  #phaseChanged(phase: Phase): void {
    const { consensus, announcer, sync } = this.#parts;
    this.#options.log('info', { event: 'phase', phase, head: this.chain.head.header.number }, `now ${phase}`);
    consensus.setCaughtUp(phase === 'ready');
    announcer.headMoved();
    if (phase === 'dead' && sync.failure !== null) this.#fail(sync.failure);
  }

  #fail(error: Error): void {
    if (this.#stopping || this.#failed) return;
    this.#failed = true;
    this.#parts.sync.fail(error);
    this.#options.onFailure(error);
  }
}
