/** Proposals and votes: what the authorities sign while they decide a height (section 8). */

import { type Block, type DecodedBefore, decodeBlock } from './block.js';
import { concat, fromHex, type Hash } from './bytes.js';
import { encode } from './encoding.js';
import { malformed } from './errors.js';
import { Fields, MAX_HEIGHT } from './fields.js';
import { tag } from './hash.js';

export const PREVOTE = 1;
export const PRECOMMIT = 2;
export type VoteType = typeof PREVOTE | typeof PRECOMMIT;

/** What a vote says. `blockId` null is a vote for nil. */
export interface VoteContent {
  readonly height: number;
  readonly round: number;
  readonly type: VoteType;
  readonly blockId: Hash | null;
}

/** A decoded vote: well-formed, its signature not checked. */
export interface Vote extends VoteContent {
  /** Index in the authority set of `height`. */
  readonly authority: number;
  readonly signature: Uint8Array;
  readonly wire: Uint8Array;
}

export interface ProposalContent {
  readonly height: number;
  readonly round: number;
  /** The round in which this block had a quorum of prevotes, null for a fresh block. */
  readonly validRound: number | null;
  readonly block: Block;
}

/** A decoded proposal: well-formed, neither signature nor block checked. */
export interface Proposal extends ProposalContent {
  readonly signature: Uint8Array;
  readonly wire: Uint8Array;
}

const VOTE_TAG = tag('ccoin/vote');
const PROPOSAL_TAG = tag('ccoin/proposal');

export function voteBytes(vote: VoteContent, genesisId: Uint8Array): Uint8Array {
  const { height, round, type, blockId } = vote;
  return concat(
    VOTE_TAG,
    genesisId,
    encode([height, round, type, blockId === null ? null : fromHex(blockId)]),
  );
}

export function encodeVote(vote: VoteContent, authority: number, signature: Uint8Array): Vote {
  const { height, round, type, blockId } = vote;
  const wire = encode([
    height,
    round,
    type,
    blockId === null ? null : fromHex(blockId),
    authority,
    signature,
  ]);
  return { height, round, type, blockId, authority, signature, wire };
}

/** @throws ProtocolError MALFORMED */
export function decodeVote(wire: Uint8Array): Vote {
  const fields = Fields.decode(wire, 6, 'vote');
  const height = fields.integer('height', MAX_HEIGHT);
  const round = fields.integer('round', MAX_HEIGHT);
  const type = fields.integer('type');
  if (type !== PREVOTE && type !== PRECOMMIT)
    throw malformed(`vote: type ${type} is neither prevote nor precommit`);
  const blockId = fields.hashOrNil('block id');
  const authority = fields.integer('authority', MAX_HEIGHT);
  return { height, round, type, blockId, authority, signature: fields.bytes('signature'), wire };
}

export function proposalBytes(
  proposal: { height: number; round: number; validRound: number | null; blockId: Hash },
  genesisId: Uint8Array,
): Uint8Array {
  const { height, round, validRound, blockId } = proposal;
  return concat(PROPOSAL_TAG, genesisId, encode([height, round, validRound, fromHex(blockId)]));
}

export function encodeProposal(proposal: ProposalContent, signature: Uint8Array): Proposal {
  const { height, round, validRound, block } = proposal;
  return { ...proposal, signature, wire: encode([height, round, validRound, block.wire, signature]) };
}

/**
 * The height that a proposal says it is of, without decoding its block, which may hold thousands of transactions.
 * @throws ProtocolError MALFORMED
 */
export function heightOfProposal(wire: Uint8Array): number {
  return Fields.decode(wire, 5, 'proposal').integer('height', MAX_HEIGHT);
}

/**
 * @param decodedBefore as for `decodeBlock`
 * @throws ProtocolError MALFORMED
 */
export function decodeProposal(
  wire: Uint8Array,
  genesisId: Uint8Array,
  decodedBefore?: DecodedBefore,
): Proposal {
  const fields = Fields.decode(wire, 5, 'proposal');
  const height = fields.integer('height', MAX_HEIGHT);
  const round = fields.integer('round', MAX_HEIGHT);
  const validRound = fields.integerOrNil('valid_round', MAX_HEIGHT);
  const block = decodeBlock(fields.bytes('block'), genesisId, decodedBefore);
  return { height, round, validRound, block, signature: fields.bytes('signature'), wire };
}
