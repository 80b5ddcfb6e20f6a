/**
 * Authorities, blocks and messages for tests of the consensus core: real encodings, fake signatures (the core never
 * checks one).
 */
import type { SignerRecord, Statement } from '../../../src/consensus/effects.js';
import type { Timeouts } from '../../../src/consensus/leader.js';
import type { ConsensusMessage } from '../../../src/consensus/message.js';
import { AuthoritySet } from '../../../src/protocol/authorities.js';
import { assembleBlock, type Block } from '../../../src/protocol/block.js';
import type { Hash } from '../../../src/protocol/bytes.js';
import {
  encodeProposal,
  encodeVote,
  PRECOMMIT,
  PREVOTE,
  type Proposal,
  type Vote,
  type VoteType,
} from '../../../src/protocol/vote.js';

export const ZERO_HASH = '00'.repeat(32);
export const TIMEOUTS: Timeouts = {
  timeout_propose_ms: 3000,
  timeout_vote_ms: 1000,
  timeout_delta_ms: 500,
  timeout_max_ms: 60_000,
};

/** n authorities; the one with index i has the address i in hex. */
export function authoritySet(n: number): AuthoritySet {
  return new AuthoritySet(
    Array.from({ length: n }, (_, i) => ({
      address: i.toString(16).padStart(40, '0'),
      publicKey: Uint8Array.of(i),
    })),
  );
}

/** A block of `height`; another `salt`, another block. */
export function fakeBlock(
  height: number,
  coinbase: string,
  salt: string,
  hashParent: Hash = ZERO_HASH,
): Block {
  const header = {
    number: height,
    time: height,
    hashParent,
    hashState: ZERO_HASH,
    hashTxns: ZERO_HASH,
    hashAuthorities: ZERO_HASH,
    coinbase,
    reward: 0,
    difficulty: 0,
    data: new TextEncoder().encode(salt),
  };
  return assembleBlock(header, 0, Uint8Array.of(1), []);
}

export function propose(height: number, round: number, block: Block, validRound: number | null): Proposal {
  return encodeProposal({ height, round, validRound, block }, Uint8Array.of(round & 255, 0));
}

export function vote(
  height: number,
  round: number,
  type: VoteType,
  block: Block | Hash | null,
  authority: number,
): Vote {
  const blockId = block === null || typeof block === 'string' ? block : block.id;
  return encodeVote({ height, round, type, blockId }, authority, Uint8Array.of(authority, round & 255, type));
}

export function prevotes(height: number, round: number, block: Block | null, ...by: number[]): Vote[] {
  return by.map((authority) => vote(height, round, PREVOTE, block, authority));
}

export function precommits(height: number, round: number, block: Block | null, ...by: number[]): Vote[] {
  return by.map((authority) => vote(height, round, PRECOMMIT, block, authority));
}

export function signStatement(statement: Statement): ConsensusMessage {
  return statement.kind === 'proposal'
    ? encodeProposal(statement.content, Uint8Array.of(9))
    : encodeVote(statement.content, statement.authority, Uint8Array.of(9));
}

/** What the disk holds after one more `persist`. */
export function persisted(
  record: SignerRecord | null,
  effect: { readonly state: Omit<SignerRecord, 'messages'>; readonly messages: readonly ConsensusMessage[] },
): SignerRecord {
  const before = record !== null && record.height === effect.state.height ? record.messages : [];
  return { ...effect.state, messages: [...before, ...effect.messages] };
}
