/**
 * Peers come, say something, and go: which part of the node hears of it. What follows is decided there; messages that the
 * network itself answers never come here.
 */
import { offenceOf } from '../network/offences.js';
import type { Peer } from '../network/peer.js';
import type { Address } from '../protocol/bytes.js';
import { asError, ProtocolError } from '../protocol/errors.js';
import type { Message, MessageOf } from '../protocol/messages.js';
import type { SnapshotServer } from '../sync/snapshot-serve.js';
import type { Sync } from '../sync/sync.js';
import type { AuthorityPresence } from './authority-presence.js';
import type { ConsensusService } from './consensus-service.js';
import type { PeersByAddress } from './peers-by-address.js';
import type { SplitWatch } from './split-watch.js';
import type { TransactionGossip } from './transaction-gossip.js';
import type { TransactionIntake } from './transaction-intake.js';

export interface Hearers {
  readonly presence: AuthorityPresence;
  readonly intake: TransactionIntake;
  readonly gossip: TransactionGossip;
  readonly consensus: ConsensusService;
  readonly sync: Sync;
  readonly splits: SplitWatch;
  readonly snapshotServer: SnapshotServer;
  readonly peers: Pick<PeersByAddress, 'offend'>;
}

export class PeerMessages {
  readonly #hearers: Hearers;
  readonly #fail: (error: Error) => void;

  /** @param fail called for a broken invariant of ours */
  constructor(hearers: Hearers, fail: (error: Error) => void) {
    this.#hearers = hearers;
    this.#fail = fail;
  }

  up({ address, height }: Peer): void {
    const { presence, sync, consensus, gossip } = this.#hearers;
    presence.changed();
    sync.peerUp(address, height);
    consensus.peerUp(address);
    gossip.offer(address);
  }

  down({ address }: Peer): void {
    const { presence, sync, splits, snapshotServer } = this.#hearers;
    sync.peerDown(address);
    splits.forget(address);
    snapshotServer.forget(address);
    presence.changed();
  }

  heard(from: Peer, message: Message): void {
    const { intake, consensus, sync, splits, peers } = this.#hearers;
    const peer = from.address;
    if (message.type === 'BLH' || message.type === 'RBH')
      from.height = Math.max(from.height, message.block_number);
    switch (message.type) {
      case 'TXN':
        return this.#track(intake.hear(peer, message.txns));
      case 'PRP':
      case 'VOT':
      case 'LDR':
      case 'ADR':
        return this.#track(consensus.message(peer, message));
      case 'ABL':
        if (splits.awaits(peer, message)) return this.#track(splits.answered(peer, message));
        return sync.message(peer, message);
      case 'BLH':
      case 'BLK':
        splits.heard(peer, message);
        return sync.message(peer, message);
      case 'RBH':
      case 'RBL':
        return sync.message(peer, message);
      case 'RSN':
      case 'RSP':
        return this.#serveSnapshot(peer, message);
      case 'ASN':
      case 'ASP':
        return peers.offend(peer, 'UNEXPECTED_MESSAGE', `${message.type} that was not asked for`);
      default:
        throw new Error(`the network handed on a ${message.type}`);
    }
  }

  #serveSnapshot(peer: Address, message: MessageOf<'RSN' | 'RSP'>): void {
    const { snapshotServer, peers } = this.#hearers;
    try {
      snapshotServer.request(peer, message);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      peers.offend(peer, offenceOf(error.code), error.message);
    }
  }

  /** Work that runs on its own; only a broken invariant of ours makes it fail. */
  #track(work: Promise<void> | undefined): void {
    work?.catch((error: unknown) => this.#fail(asError(error)));
  }
}
