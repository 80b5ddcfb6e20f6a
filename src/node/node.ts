/**
 * A node put together: chain, mempool, consensus, sync and network on the ports it is given. Whatever happens arrives
 * here as a message of a peer, an order of the API, or a timer, and is handed to the part that decides about it. The
 * same code runs in production and in simulation; only the ports differ.
 */
import type { SignerRecord, SignerState } from '../consensus/effects.js';
import type { Evidence } from '../consensus/height-log.js';
import { leaderOf } from '../consensus/leader.js';
import { blockIdOfMessage, type ConsensusMessage, isProposal, kindOf } from '../consensus/message.js';
import { checkClock } from '../ledger/check-block.js';
import { rulesOf } from '../ledger/rules.js';
import { MEMPOOL_LIMITS } from '../mempool/limits.js';
import { Mempool } from '../mempool/mempool.js';
import { Network } from '../network/network.js';
import { type Offence, offenceOf } from '../network/offences.js';
import type { Peer } from '../network/peer.js';
import type { Clock, Timer } from '../ports/clock.js';
import type { Random } from '../ports/random.js';
import type { Signer } from '../ports/signer.js';
import type { Store } from '../ports/store.js';
import type { Endpoint, Transport } from '../ports/transport.js';
import type { Worker } from '../ports/worker.js';
import type { AuthoritySet } from '../protocol/authorities.js';
import { type Block, decodeBlock } from '../protocol/block.js';
import { type Address, fromHex, type Hash } from '../protocol/bytes.js';
import { authoritiesOf, type GenesisConfig, readGenesisBlock } from '../protocol/genesis.js';
import type { Message } from '../protocol/messages.js';
import { StateTree } from '../protocol/state-tree.js';
import { decodeProposal, decodeVote } from '../protocol/vote.js';
import { ChainStore } from '../storage/chain-store.js';
import { EvidenceStore } from '../storage/evidence.js';
import { SignerRecordStore } from '../storage/signer-record.js';
import type { SyncProgress } from '../sync/progress.js';
import { Sync, type SyncOffence } from '../sync/sync.js';
import { buildBlock } from './block-builder.js';
import { Chain, type Committed } from './chain.js';
import { ConsensusDriver } from './consensus-driver.js';
import { ConsensusIntake } from './consensus-intake.js';
import { dueInMs } from './due.js';
import type { BlockFinality, Phase, Role } from './face.js';
import type { Log } from './log.js';
import { Reader } from './reader.js';
import { RoundRepair } from './round-repair.js';
import { SignatureCache } from './signature-cache.js';
import { findOwnMark, SigningPermission } from './signing-permission.js';
import { TransactionGossip } from './transaction-gossip.js';
import { TransactionIntake } from './transaction-intake.js';

const EXPIRE_EVERY_MS = 10_000;
const DIAL_POLL_MS = 50;
const SYNC_OFFENCES: Readonly<Record<SyncOffence, Offence>> = {
  'bad-block': 'BAD_BLOCK',
  'bad-answer': 'UNEXPECTED_MESSAGE',
  slow: 'NO_ANSWER',
};

export interface NodePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
  readonly worker: Worker;
  readonly signer: Signer;
  /** The chain's database. */
  readonly chain: Store;
  /** The signer's record: a store apart from the chain's (section 8). */
  readonly signerRecord: Store;
}

export interface NodeOptions {
  /** The genesis block's wire form. */
  readonly genesisBlock: Uint8Array;
  /** What the node wants to be; one that is no authority runs on as basic. */
  readonly role: Role;
  /** Name and version, for peers and people. */
  readonly agent: string;
  readonly listen: Endpoint;
  readonly advertise: Endpoint | null;
  readonly peers: readonly Endpoint[];
  readonly allow: readonly Address[];
  readonly maxInbound: number;
  /** Sign although the own record is lost (section 8); nothing at the height then current. */
  readonly acceptLostRecord: boolean;
  readonly log: Log;
  /** Rejects when the disk is nearly full: asked before each block is written. */
  readonly checkDisk: () => Promise<void>;
  /** The node cannot go on: it is to be stopped, and the process to end with an error. */
  readonly onFailure: (error: Error) => void;
}

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
  readonly #network: Network;
  readonly #driver: ConsensusDriver;
  readonly #consensusIntake: ConsensusIntake;
  readonly #repair: RoundRepair;
  readonly #gossip: TransactionGossip;
  readonly #sync: Sync;
  readonly #store: ChainStore;
  readonly #evidence: EvidenceStore;
  readonly #record: SignerRecordStore;
  readonly #permission: SigningPermission;
  readonly #listeners = new Set<(finality: BlockFinality) => void>();
  #dueTimer: Timer | null = null;
  #expireTimer: Timer | null = null;
  #dialTimer: Timer | null = null;
  #dueSinceMs: number | null = null;
  #quorumLostSinceMs: number | null;
  #refusalLogged: string | null = null;
  #stopping = false;

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
    this.#quorumLostSinceMs = this.startedMs;
    this.#store = store;
    this.#evidence = new EvidenceStore(ports.chain);
    this.#record = opened.record;
    const ownIndex = this.#authorities.indexOf(this.address) ?? -1;
    this.#permission = new SigningPermission(
      opened.record,
      () => findOwnMark(store, this.address, ownIndex, this.genesisId),
      options.acceptLostRecord,
    );
    const verified = new SignatureCache();
    const { clock, worker } = ports;
    this.chain = new Chain(
      {
        rules: rulesOf(genesis, this.genesisId),
        authorities: this.#authorities,
        store,
        tree: opened.tree,
        worker,
        verified,
        head: opened.head,
      },
      (committed) => this.#committed(committed),
    );
    this.mempool = new Mempool(MEMPOOL_LIMITS, this.chain);
    this.reader = new Reader(store, this.mempool);
    this.#driver = this.#createDriver();
    this.#consensusIntake = new ConsensusIntake(this.#driver, worker, this.genesisId, {
      authorities: () => this.#authorities,
      offend: (peer, offence, detail) =>
        this.#offend(peer, offence === 'malformed' ? 'MALFORMED_MESSAGE' : 'BAD_VOTE', detail),
      ahead: (peer, height) => this.#sync.claimed(peer, height),
    });
    this.#repair = new RoundRepair(this.#driver, this.#consensusIntake, clock, {
      address: this.address,
      peers: () => this.#network.peers.keys(),
      send: (peer, message) => this.#send(peer, message),
      giveFinal: (peer, height) => this.#giveFinal(peer, height),
      ahead: (peer, height) => this.#sync.claimed(peer, height),
      offerTransactions: (peer) => this.#gossip.offer(peer),
    });
    this.#gossip = new TransactionGossip(clock, {
      send: (peer, message) => this.#send(peer, message),
      broadcast: (message, except) => this.#broadcast(message, except),
      pending: () => this.mempool.readyAll(),
    });
    this.intake = new TransactionIntake(
      { chain: this.chain, mempool: this.mempool, clock, worker, verified },
      {
        status: (id) => this.reader.status(id),
        offend: (peer, code, detail) => this.#offend(peer, offenceOf(code), detail),
        gossip: (transactions, source) => this.#gossip.spread(transactions, source),
        changed: () => this.#considerDue(),
      },
    );
    this.#sync = this.#createSync();
    this.#network = this.#createNetwork();
  }

  /**
   * Opens the chain (or begins it with genesis), and rebuilds the state tree from it.
   * @throws StorageError for a chain that is damaged or of another genesis
   */
  static async open(ports: NodePorts, options: NodeOptions): Promise<Node> {
    const genesis = readGenesisBlock(options.genesisBlock);
    const { block, accounts: changes, supply } = genesis;
    const store =
      (await ChainStore.open(ports.chain, block.id)) ??
      (await ChainStore.initialise(ports.chain, { block, changes, supply }));
    const tree = await StateTree.buildAsync(store.accounts());
    store.assertStateRoot(tree.root);
    const headBytes = store.blockBytes(store.head.number);
    if (headBytes === undefined) throw new Error('the chain has no head');
    return new Node(ports, options, {
      genesis: genesis.config,
      authorities: authoritiesOf(genesis.config),
      store,
      tree,
      head: decodeBlock(headBytes.block, fromHex(block.id)),
      record: SignerRecordStore.open(ports.signerRecord),
    });
  }

  get phase(): Phase {
    return this.#sync.phase;
  }

  get syncProgress(): SyncProgress | null {
    return this.#sync.progress();
  }

  get bestKnownHeight(): number {
    return this.#sync.bestKnownHeight;
  }

  get consensus(): ConsensusDriver['core'] {
    return this.#driver.core;
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

  /** How long a block has been due at this height; 0 while none is. */
  get stalledMs(): number {
    return this.#dueSinceMs === null ? 0 : this.#ports.clock.monotonic() - this.#dueSinceMs;
  }

  /** How long fewer authorities than a quorum have been connected; null for a basic node, which need not know them. */
  get quorumLostMs(): number | null {
    if (this.role === 'basic') return null;
    return this.#quorumLostSinceMs === null ? 0 : this.#ports.clock.monotonic() - this.#quorumLostSinceMs;
  }

  /** Listens, dials, syncs. Resolves with the port listened on. */
  async start(): Promise<number> {
    const { log, role } = this.#options;
    if (role === 'validator' && this.role === 'basic') {
      log(
        'warn',
        { address: this.address },
        'this account is no authority of the genesis block: running as basic',
      );
    }
    this.#enterHeight();
    const port = await this.#network.start();
    this.#sync.start();
    this.#repair.start();
    this.#awaitDials();
    this.#expire();
    this.#countAuthorities();
    return port;
  }

  /** Stops in order: nothing new is taken, what is being applied is finished, peers are told. The stores stay open. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#repair.stop();
    this.#gossip.stop();
    this.#dueTimer?.cancel();
    this.#expireTimer?.cancel();
    this.#dialTimer?.cancel();
    this.#driver.stop();
    const synced = this.#sync.stop();
    await this.#network.stop();
    await synced;
    await this.chain.settled();
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

  #createDriver(): ConsensusDriver {
    const { clock, signer } = this.#ports;
    return new ConsensusDriver(
      {
        clock,
        signer: this.role === 'validator' ? signer : null,
        genesisId: this.genesisId,
        timeouts: this.genesis.consensus,
        height: this.chain.head.header.number + 1,
        authorities: this.#authorities,
      },
      {
        validate: (block) => this.#validate(block),
        isTimely: (block) => checkClock(block.header, clock.now()) === null,
        build: (height, signal) =>
          buildBlock(
            { ...this.#ports, chain: this.chain, mempool: this.mempool, genesis: this.genesis },
            height,
            signal,
          ),
        commit: async (block, certificate) => {
          await this.#options.checkDisk();
          await this.chain.commit(block, certificate);
        },
        broadcast: (message, source) => this.#broadcast(messageOf(message), source),
        persist: (state, messages) => this.#persist(state, messages),
        evidence: (evidence) => this.#keepEvidence(evidence),
        stranger: (message) =>
          this.#options.log(
            'error',
            { height: message.height, round: message.round },
            'a message signed with our key was not sent by us: another node runs with this key, or the record was lost',
          ),
        fail: (error) => this.#fail(error),
      },
    );
  }

  #createSync(): Sync {
    return new Sync(this.#ports.clock, {
      head: () => ({ number: this.chain.head.header.number, id: this.chain.head.id }),
      apply: async (block, certificate) => {
        await this.#options.checkDisk();
        return this.chain.applyCertified(block, certificate);
      },
      blockBytes: (number) => this.#store.blockBytes(number),
      send: (peer, message) => this.#send(peer, message),
      offend: (peer, offence, detail) => this.#offend(peer, SYNC_OFFENCES[offence], detail),
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
          this.#countAuthorities();
        },
        message: (peer, message) => this.#message(peer, message),
        log: options.log,
      },
    );
  }

  #peerUp(peer: Peer): void {
    this.#countAuthorities();
    this.#sync.peerUp(peer.address, peer.height);
    this.#repair.ask(peer.address);
    this.#gossip.offer(peer.address);
  }

  #message(from: Peer, message: Message): void {
    const peer = from.address;
    if (message.type === 'BLH' || message.type === 'RBH')
      from.height = Math.max(from.height, message.block_number);
    switch (message.type) {
      case 'PRP':
        return this.#track(this.#consensusIntake.proposal(peer, message.proposal));
      case 'VOT':
        return this.#track(this.#consensusIntake.vote(peer, message.vote));
      case 'TXN':
        return this.#track(this.intake.hear(peer, message.txns));
      case 'LDR':
        return this.#repair.answer(peer, message);
      case 'ADR':
        return this.#track(this.#repair.hear(peer, message));
      case 'RBH':
      case 'BLH':
      case 'RBL':
      case 'ABL':
      case 'BLK':
        return this.#sync.message(peer, message);
      default:
        throw new Error(`the network handed on a ${message.type}`);
    }
  }

  /** Work that runs on its own; only a broken invariant of ours makes it fail. */
  #track(work: Promise<void>): void {
    work.catch((error: unknown) => this.#fail(error instanceof Error ? error : new Error(String(error))));
  }

  #fail(error: Error): void {
    if (this.#stopping) return;
    this.#sync.fail(error.message);
    this.#options.onFailure(error);
  }

  async #validate(block: Block): Promise<boolean | undefined> {
    const error = await this.chain.validate(block);
    if (error === undefined || error === null) return error === null ? true : undefined;
    this.#options.log('warn', { height: block.header.number, id: block.id, code: error.code }, error.message);
    return false;
  }

  #persist(state: SignerState, messages: readonly ConsensusMessage[]): Promise<void> {
    return this.#record.persist(
      state,
      messages.map((message) => ({ kind: kindOf(message), wire: message.wire })),
    );
  }

  #keepEvidence({ authority, messages: [first, second] }: Evidence): void {
    const address = this.#authorities.at(authority)?.address;
    if (address === undefined) throw new Error(`evidence against authority ${authority}, which there is not`);
    const type = (['proposal', 'prevote', 'precommit'] as const)[kindOf(second)];
    const { height, round } = second;
    const blocks = [blockIdOfMessage(first), blockIdOfMessage(second)];
    this.#options.log(
      'warn',
      { authority: address, height, round, type, blocks },
      'an authority signed two things',
    );
    const foundMs = this.#ports.clock.now();
    const messages = [first.wire, second.wire] as const;
    this.#track(
      this.#evidence
        .add({ authority: address, height, round, type, foundMs, messages })
        .then(() => undefined),
    );
  }

  /** A block became final here. */
  #committed({ block, certificate, changes, synced }: Committed): void {
    const { clock } = this.#ports;
    const { log } = this.#options;
    const { number } = block.header;
    const nowMs = clock.monotonic();
    const finality: BlockFinality = {
      block,
      certificate,
      leader: leaderOf(this.#authorities, number, certificate.round).address,
      finalityMs: synced ? 0 : nowMs - (this.#driver.firstProposalMs ?? nowMs),
      synced,
    };
    this.mempool.blockApplied(block, changes.keys(), clock.now());
    this.#enterHeight();
    this.#sync.headMoved(number);
    this.#broadcast({ type: 'BLH', request_id: 0, block_number: number, block_id: block.id }, null);
    log(
      'info',
      {
        event: 'final',
        number,
        id: block.id,
        leader: finality.leader,
        round: certificate.round,
        transactions: block.transactions.length,
        finality_ms: Math.round(finality.finalityMs * 10) / 10,
        synced,
      },
      `block ${number} is final`,
    );
    for (const listener of this.#listeners) listener(finality);
  }

  /** Consensus turns to the height above the head. */
  #enterHeight(): void {
    const height = this.chain.head.header.number + 1;
    this.#dueTimer?.cancel();
    this.#dueSinceMs = null;
    this.#driver.enterHeight(height, this.#authorities, this.#recordOf(height));
    this.#considerActing();
    this.#considerDue();
  }

  #recordOf(height: number): SignerRecord | null {
    const { state } = this.#record;
    if (state === null || state.height !== height) return null;
    const messages = this.#record
      .messages()
      .map(({ kind, wire }) =>
        kind === 0 ? decodeProposal(wire, fromHex(this.genesisId)) : decodeVote(wire),
      );
    return { ...state, messages };
  }

  /** "No vote while catching up", none without the own record, none below what was signed already. */
  #considerActing(): void {
    let acting = this.role === 'validator' && this.#sync.phase === 'ready';
    if (acting) {
      const refusal = this.#permission.refusal(this.#driver.core.height);
      if (refusal !== null && refusal !== this.#refusalLogged) this.#options.log('error', {}, refusal);
      this.#refusalLogged = refusal;
      acting = refusal === null;
    }
    this.#driver.input({ type: 'acting', acting });
  }

  /** Rule 2: tells consensus once a block is due at this height, now or when its time has come. */
  #considerDue(): void {
    if (this.#dueSinceMs !== null || this.#stopping) return;
    const { clock } = this.#ports;
    const { time } = this.chain.head.header;
    const inMs = dueInMs(this.genesis.block_mining, time, this.mempool.readyCount, clock.now());
    this.#dueTimer?.cancel();
    if (inMs === undefined) return;
    if (inMs > 0) {
      this.#dueTimer = clock.after(inMs, () => this.#considerDue());
      return;
    }
    this.#dueSinceMs = clock.monotonic();
    this.#driver.input({ type: 'due', height: this.#driver.core.height });
  }

  #phaseChanged(phase: Phase): void {
    this.#options.log('info', { event: 'phase', phase, head: this.chain.head.header.number }, `now ${phase}`);
    this.#considerActing();
  }

  #countAuthorities(): void {
    const present = this.presentAuthorities().length;
    if (present >= this.#authorities.quorum) this.#quorumLostSinceMs = null;
    else this.#quorumLostSinceMs ??= this.#ports.clock.monotonic();
  }

  /** Authorities that are connected, ourselves included if we are one. */
  presentAuthorities(): Address[] {
    return this.#authorities.list
      .map(({ address }) => address)
      .filter(
        (address) =>
          this.#network.peers.has(address) || (address === this.address && this.role === 'validator'),
      );
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

  #broadcast(message: Message, except: Address | null): void {
    this.#network.broadcast(message, except === null ? undefined : this.#network.peers.get(except));
  }

  #offend(address: Address, offence: Offence | undefined, detail: string): void {
    const peer = this.#network.peers.get(address);
    if (peer !== undefined && offence !== undefined) this.#network.offend(peer, offence, detail);
  }
}

/** What `open` found in the stores. */
interface Opened {
  readonly genesis: GenesisConfig;
  readonly authorities: AuthoritySet;
  readonly store: ChainStore;
  readonly tree: StateTree;
  readonly head: Block;
  readonly record: SignerRecordStore;
}

function messageOf(message: ConsensusMessage): Message {
  return isProposal(message) ? { type: 'PRP', proposal: message.wire } : { type: 'VOT', vote: message.wire };
}
