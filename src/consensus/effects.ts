/** What goes into the consensus core and what comes out of it: the whole of its contract with the shell around it. */
import type { AuthoritySet } from '../protocol/authorities.js';
import type { Block } from '../protocol/block.js';
import type { Hash } from '../protocol/bytes.js';
import type { Certificate } from '../protocol/certificate.js';
import type { Proposal, ProposalContent, Vote, VoteContent } from '../protocol/vote.js';
import type { Evidence } from './height-log.js';
import type { TimeoutKind } from './leader.js';
import type { ConsensusMessage } from './message.js';

export interface TimeoutId {
  readonly kind: TimeoutKind;
  readonly height: number;
  readonly round: number;
}

/** The signer's record of one height: what must be on disk before a signature leaves (section 8, "Own word kept"). */
export interface SignerState {
  readonly height: number;
  /** The highest slot signed (see `slotOf`), -1 if nothing yet. */
  readonly slot: number;
  readonly locked: { readonly round: number; readonly blockId: Hash } | null;
  readonly valid: { readonly round: number; readonly blockId: Hash } | null;
}

/** A reloaded record: the state, and every proposal and vote that it rested on, our own among them. */
export interface SignerRecord extends SignerState {
  readonly messages: readonly ConsensusMessage[];
}

export type Input =
  /** The head moved: decide `height` now. `record` is ours of this height, if there is one. */
  | {
      readonly type: 'height';
      readonly height: number;
      readonly authorities: AuthoritySet;
      readonly record: SignerRecord | null;
    }
  /** Whether we may sign: a validator that is caught up and whose record is in order. */
  | { readonly type: 'acting'; readonly acting: boolean }
  /** A block is due at this height (rule 2). */
  | { readonly type: 'due'; readonly height: number }
  /** A proposal or vote whose signature (and, of a proposal, seal, proof of work and hash_txns) was checked. */
  | { readonly type: 'message'; readonly message: ConsensusMessage }
  /** What a peer had that we lacked (ADR), verified like any message. */
  | { readonly type: 'repair'; readonly messages: readonly ConsensusMessage[] }
  | { readonly type: 'timeout'; readonly timeout: TimeoutId }
  /** The answer to `validate`. `timely`: its time was at most 15 s ahead of our clock (fresh proposals only). */
  | {
      readonly type: 'validated';
      readonly height: number;
      readonly blockId: Hash;
      readonly valid: boolean;
      readonly timely: boolean;
    }
  /** The answer to `build`; null if no block could be built. */
  | { readonly type: 'built'; readonly height: number; readonly round: number; readonly block: Block | null }
  /** The answer to `sign`. */
  | { readonly type: 'signed'; readonly message: ConsensusMessage };

/**
 * Effects are carried out in the order given, across steps too: `sign` and `persist` are finished before anything
 * behind them starts, so nothing that we said leaves before it is on disk. An ADR waits in the same queue, behind what
 * was in it when `missing` was asked. `commit` comes last: nothing of its height follows it.
 */
export type Effect =
  /** A round of this height began: work on earlier rounds (a block being built, proof of work) is void. */
  | { readonly type: 'round'; readonly height: number; readonly round: number }
  | { readonly type: 'schedule'; readonly timeout: TimeoutId; readonly delayMs: number }
  /** Check the block on our head; answer with `validated`. */
  | { readonly type: 'validate'; readonly block: Block }
  /** Build a block on our head; answer with `built`. */
  | { readonly type: 'build'; readonly height: number; readonly round: number }
  /** Sign this and answer with `signed`. */
  | { readonly type: 'sign'; readonly statement: Statement }
  /** One synced batch: the state, and the messages not stored yet (our own, just signed, is the last of them). */
  | { readonly type: 'persist'; readonly state: SignerState; readonly messages: readonly ConsensusMessage[] }
  /** Our own message, to every peer. */
  | { readonly type: 'send'; readonly message: ConsensusMessage }
  /** Somebody else's, heard for the first time, to every peer but the one it came from. */
  | { readonly type: 'relay'; readonly message: ConsensusMessage }
  | { readonly type: 'evidence'; readonly evidence: Evidence }
  /** Our own key signed this, but not through us: another node runs with our key, or our record is lost. */
  | { readonly type: 'stranger'; readonly message: ConsensusMessage }
  /** The block is final: apply it with its certificate, then answer with `height`. */
  | { readonly type: 'commit'; readonly block: Block; readonly certificate: Certificate }
  /** A quorum certified a block that is invalid here: more than f authorities lie, or we are broken. Stop loudly. */
  | { readonly type: 'broken'; readonly block: Block };

export type Statement =
  | { readonly kind: 'proposal'; readonly content: ProposalContent }
  | { readonly kind: 'vote'; readonly content: VoteContent; readonly authority: number };

export type { ConsensusMessage, Proposal, Vote };
