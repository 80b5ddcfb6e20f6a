/** What authorities say to each other at a height: proposals and votes under one roof. */
import type { AuthoritySet } from '../protocol/authorities.js';
import type { Hash } from '../protocol/bytes.js';
import type { Proposal, Vote } from '../protocol/vote.js';
import { leaderIndexOf } from './leader.js';

export type ConsensusMessage = Proposal | Vote;

/** 0 a proposal, 1 a prevote, 2 a precommit: the types of LDR (section 7). */
export type MessageKind = 0 | 1 | 2;

export function isProposal(message: ConsensusMessage): message is Proposal {
  return 'block' in message;
}

export function kindOf(message: ConsensusMessage): MessageKind {
  return isProposal(message) ? 0 : message.type;
}

export function blockIdOfMessage(message: ConsensusMessage): Hash | null {
  return isProposal(message) ? message.block.id : message.blockId;
}

/** The index of the authority that signed it: a proposal can only be the leader's. */
export function signerIndexOf(message: ConsensusMessage, authorities: AuthoritySet): number {
  return isProposal(message) ? leaderIndexOf(authorities, message.height, message.round) : message.authority;
}

/** Orders what one authority may sign at a height: by round, within it proposal, prevote, precommit. */
export function slotOf(message: { readonly round: number }, kind: MessageKind): number {
  return message.round * 3 + kind;
}
