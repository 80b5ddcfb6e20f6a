/**
 * The parts of a node, on the ports it is given, and what each is told of the others: all wires between rooms are here.
 * Nothing runs before the node starts it. Parts name each other in functions that are called only then, so some are made
 * before those that they name.
 */
import { leaderOf } from '../consensus/leader.js';
import { rulesOf } from '../ledger/rules.js';
import { MEMPOOL_LIMITS } from '../mempool/limits.js';
import { Mempool } from '../mempool/mempool.js';
import { Network } from '../network/network.js';
import { type Offence, offenceOf } from '../network/offences.js';
import type { AuthoritySet } from '../protocol/authorities.js';
import type { Address, Hash } from '../protocol/bytes.js';
import type { GenesisConfig } from '../protocol/genesis.js';
import type { StateTree } from '../protocol/state-tree.js';
import type { ChainStore } from '../storage/chain-store.js';
import { EvidenceStore } from '../storage/evidence.js';
import type { SignerRecordStore } from '../storage/signer-record.js';
import { SnapshotServer } from '../sync/snapshot-serve.js';
import { Sync, type SyncOffence } from '../sync/sync.js';
import { AuthorityPresence } from './authority-presence.js';
import { Chain } from './chain.js';
import { ConsensusService } from './consensus-service.js';
import type { Phase, Role } from './face.js';
import { Finality } from './finality.js';
import { HeadAnnouncer } from './head-announcer.js';
import type { NodeOptions, NodePorts } from './node-options.js';
import type { Opened } from './open-stores.js';
import { PeerMessages } from './peer-messages.js';
import { PeersByAddress } from './peers-by-address.js';
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

const SYNC_OFFENCES: Readonly<Record<SyncOffence, Offence>> = {
  'bad-block': 'BAD_BLOCK',
  'bad-answer': 'UNEXPECTED_MESSAGE',
  slow: 'NO_ANSWER',
};

/** What the parts tell the node that they make up. */
export interface NodeEvents {
  phaseChanged(phase: Phase): void;
  /** Something of our own is broken beyond repair. */
  fail(error: Error): void;
}

export class NodeParts {
  readonly genesis: GenesisConfig;
  readonly genesisId: Hash;
  readonly authorities: AuthoritySet;
  readonly address: Address;
  readonly role: Role;
  readonly store: ChainStore;
  readonly evidence: EvidenceStore;
  /** Null without files to keep it in, as are the snapshots. */
  readonly checkpoint: TreeCheckpoint | null;
  readonly snapshots: SnapshotMaker | null;
  readonly snapshotServer: SnapshotServer;
  readonly pruning: Pruning | null;
  readonly chain: Chain;
  readonly mempool: Mempool;
  readonly reader: Reader;
  readonly intake: TransactionIntake;
  readonly gossip: TransactionGossip;
  readonly consensus: ConsensusService;
  readonly sync: Sync;
  readonly network: Network;
  readonly presence: AuthorityPresence;
  readonly announcer: HeadAnnouncer;
  readonly finality: Finality;
  readonly #ports: NodePorts;
  readonly #options: NodeOptions;
  readonly #events: NodeEvents;
  readonly #peers: PeersByAddress;
  readonly #splits: SplitWatch;
  readonly #messages: PeerMessages;

  constructor(ports: NodePorts, options: NodeOptions, opened: Opened, events: NodeEvents) {
    const { clock, worker, files } = ports;
    const { log, checkDisk, prune = null } = options;
    const { store, tree, authorities } = opened;
    this.#ports = ports;
    this.#options = options;
    this.#events = events;
    this.genesis = opened.genesis;
    this.genesisId = store.genesisId;
    this.authorities = authorities;
    this.address = ports.signer.address;
    this.role = options.role === 'validator' && authorities.has(this.address) ? 'validator' : 'basic';
    this.network = this.#createNetwork();
    this.#peers = new PeersByAddress(this.network);
    this.presence = this.#createPresence();

    this.store = store;
    this.evidence = new EvidenceStore(ports.chain);
    this.checkpoint = files === undefined ? null : new TreeCheckpoint(files, store, opened, log);
    this.pruning =
      prune === null ? null : new Pruning({ store, keep: prune, clock, log }, (error) => events.fail(error));
    this.snapshots = this.#createSnapshots(tree);
    this.snapshotServer = this.#createSnapshotServer();

    const verified = new SignatureCache((wireHash) => this.mempool.hasWire(wireHash));
    const rules = rulesOf(this.genesis, this.genesisId);
    this.chain = new Chain(
      { rules, authorities, store, tree, worker, verified, head: opened.head, checkDisk },
      (committed) => this.finality.reached(committed),
    );
    this.mempool = new Mempool(MEMPOOL_LIMITS, this.chain);
    this.reader = new Reader(store, this.mempool);
    this.consensus = this.#createConsensus(opened.record);
    this.gossip = this.#createGossip();
    this.intake = this.#createIntake(verified);
    this.sync = this.#createSync();
    this.#splits = this.#createSplitWatch();
    this.announcer = this.#createAnnouncer();
    this.finality = this.#createFinality();
    this.#messages = new PeerMessages(
      {
        presence: this.presence,
        intake: this.intake,
        gossip: this.gossip,
        consensus: this.consensus,
        sync: this.sync,
        splits: this.#splits,
        snapshotServer: this.snapshotServer,
        peers: this.#peers,
      },
      (error) => events.fail(error),
    );
  }

  #createNetwork(): Network {
    const { genesisBlock, agent, listen, advertise, peers, allow, maxInbound, log } = this.#options;
    return new Network(
      this.#ports,
      {
        genesis: { id: this.genesisId, networkId: this.genesis.network_id, block: genesisBlock },
        role: this.role,
        agent,
        listen,
        advertise,
        peers,
        allow,
        maxInbound,
        maxPeers: this.genesis.max_peers,
        authorities: () => new Set(this.authorities.list.map(({ address }) => address)),
        height: () => this.chain.head.header.number,
      },
      {
        peerUp: (peer) => this.#messages.up(peer),
        peerDown: (peer) => this.#messages.down(peer),
        message: (peer, message) => this.#messages.heard(peer, message),
        log,
      },
    );
  }

  #createPresence(): AuthorityPresence {
    return new AuthorityPresence(
      this.authorities,
      this.#ports.clock,
      (address) => this.network.peers.has(address) || (this.role === 'validator' && address === this.address),
    );
  }

  #createSnapshots(tree: StateTree): SnapshotMaker | null {
    const { files, clock } = this.#ports;
    const { snapshotEvery: everyBlocks = 0, snapshotPartAccounts: maxPartAccounts, log } = this.#options;
    return files === undefined
      ? null
      : new SnapshotMaker({ store: this.store, tree, files, clock, log, everyBlocks, maxPartAccounts });
  }

  #createSnapshotServer(): SnapshotServer {
    return new SnapshotServer({
      clock: this.#ports.clock,
      snapshot: (number) => this.snapshots?.of(number),
      send: (peer, message) => this.#peers.send(peer, message),
      fail: (error) => this.#events.fail(error),
    });
  }

  #createConsensus(record: SignerRecordStore): ConsensusService {
    const { log, checkDisk } = this.#options;
    const { genesis, genesisId, chain, mempool, evidence } = this;
    const permission = this.role === 'basic' ? null : this.#createPermission(record);
    return new ConsensusService(
      { ...this.#ports, genesis, genesisId, chain, mempool, evidence, record, permission, log, checkDisk },
      {
        peers: () => this.network.peers.keys(),
        send: (peer, message) => this.#peers.send(peer, message),
        broadcast: (message, isFor, isFirst) => this.#peers.broadcast(message, isFor, isFirst),
        offend: (peer, offence, detail) =>
          this.#peers.offend(peer, offence === 'malformed' ? 'MALFORMED_MESSAGE' : 'BAD_VOTE', detail),
        ahead: (peer, height) => this.sync.claimed(peer, height),
        giveFinal: (peer, height) => this.#giveFinal(peer, height),
        offerTransactions: (peer) => this.gossip.offer(peer),
        isAmongEquals: () =>
          this.presence.present.length >= this.authorities.quorum &&
          this.sync.bestKnownHeight <= this.chain.head.header.number &&
          // Sync ignores what it cannot get: a chain that has gone on and is kept by nobody from here on.
          credibleHeight(this.network.peers.values(), this.authorities) <= this.chain.head.header.number,
        fail: (error) => this.#events.fail(error),
      },
    );
  }

  #createPermission(record: SignerRecordStore): SigningPermission {
    const { store, address } = this;
    const ownIndex = this.authorities.indexOf(address) ?? -1;
    const lookBack = (above: number) => findOwnMark(store, above, address, ownIndex);
    return new SigningPermission(
      record,
      lookBack,
      this.#options.acceptLostRecord,
      store.base.lowestHeader - 1,
    );
  }

  /** A peer decides a height that is final here. */
  #giveFinal(peer: Address, height: number): void {
    const stored = this.store.blockBytes(height);
    if (stored === undefined || stored.certificate === null) return;
    this.#peers.send(peer, { type: 'BLK', block: stored.block, certificate: stored.certificate });
  }

  #createGossip(): TransactionGossip {
    const { clock, random } = this.#ports;
    return new TransactionGossip(clock, random, {
      self: this.address,
      peers: () => this.network.peers.keys(),
      send: (peer, message) => this.#peers.send(peer, message),
      broadcast: (message, isFor, isFirst) => this.#peers.broadcast(message, isFor, isFirst),
      isAuthority: (peer) => this.authorities.has(peer),
      isNextLeader: (peer) =>
        leaderOf(this.authorities, this.chain.head.header.number + 1, 0).address === peer,
      isPending: ({ wireHash }) => this.mempool.hasWire(wireHash),
      pending: () => this.mempool.readyAll(),
    });
  }

  #createIntake(verified: SignatureCache): TransactionIntake {
    const { clock, worker } = this.#ports;
    return new TransactionIntake(
      { chain: this.chain, mempool: this.mempool, clock, worker, verified },
      {
        status: (id) => this.reader.status(id),
        offend: (peer, code, detail) => this.#peers.offend(peer, offenceOf(code), detail),
        gossip: (transactions, source) => this.gossip.spread(transactions, source),
        changed: () => this.consensus.considerDue(),
      },
    );
  }

  #createSync(): Sync {
    return new Sync(this.#ports.clock, {
      head: () => ({ number: this.chain.head.header.number, id: this.chain.head.id }),
      hasRoom: (sizeBytes) => this.chain.hasRoom(sizeBytes),
      apply: (block, certificate) => this.chain.applyCertified(block, certificate),
      blockBytes: (number) => this.store.blockBytes(number),
      base: () => this.store.base.number,
      snapshot: () => this.snapshots?.newest,
      send: (peer, message) => this.#peers.send(peer, message),
      offend: (peer, offence, detail) => this.#peers.offend(peer, SYNC_OFFENCES[offence], detail),
      otherBranch: (peer, number) => this.#splits.suspect(peer, number - 1),
      phaseChanged: (phase) => this.#events.phaseChanged(phase),
      log: this.#options.log,
    });
  }

  #createSplitWatch(): SplitWatch {
    const { clock, worker } = this.#ports;
    const { authorities, genesisId, store, evidence } = this;
    const { log } = this.#options;
    return new SplitWatch(
      { clock, worker, authorities, genesisId, store, evidence, log },
      {
        send: (peer, message) => this.#peers.send(peer, message),
        offend: (peer, detail) => this.#peers.offend(peer, 'BAD_BLOCK', detail),
      },
    );
  }

  #createAnnouncer(): HeadAnnouncer {
    return new HeadAnnouncer(this.#ports.clock, {
      isReady: () => this.sync.phase === 'ready',
      announce: () => {
        const { id, header } = this.chain.head;
        const snapshot = this.snapshots?.newest;
        this.#peers.broadcast({
          type: 'BLH',
          request_id: 0,
          block_number: header.number,
          block_id: id,
          snapshot,
        });
      },
    });
  }

  #createFinality(): Finality {
    const { authorities, chain, mempool, consensus, sync, checkpoint, snapshots, pruning, announcer } = this;
    const followers = [sync, checkpoint, snapshots, pruning, announcer].filter((part) => part !== null);
    const { clock } = this.#ports;
    const { log } = this.#options;
    return new Finality({ clock, log, authorities, chain, mempool, consensus, followers });
  }
}
