/** What is said in frames, and what signatures say: votes and proposals, read from bytes. */
import { type Hash, toHex } from '../../src/protocol/bytes.js';
import { decode } from '../../src/protocol/encoding.js';
import { FrameReader, MAX_FRAME_BYTES } from '../../src/protocol/frame.js';
import { decodeBody } from '../../src/protocol/messages.js';
import { decodeProposal, decodeVote, type Proposal, type Vote } from '../../src/protocol/vote.js';
import { frameType } from './internet.js';

export const PROPOSAL = 0;
export const PREVOTE = 1;
export const PRECOMMIT = 2;
export type Kind = typeof PROPOSAL | typeof PREVOTE | typeof PRECOMMIT;

/** What one signature of consensus says. */
export interface Statement {
  readonly kind: Kind;
  readonly height: number;
  readonly round: number;
  readonly blockId: Hash | null;
  readonly validRound: number | null;
}

const SPEAKING = new Set(['VOT', 'PRP', 'ADR']);

/** The votes and proposals in a frame. @throws ProtocolError for one that is malformed */
export function messagesIn(frame: Uint8Array, genesisId: Uint8Array): (Vote | Proposal)[] {
  if (!SPEAKING.has(frameType(frame))) return [];
  const reader = new FrameReader();
  reader.maxFrameBytes = MAX_FRAME_BYTES;
  reader.push(frame);
  const read = reader.next();
  if (read === undefined) return [];
  const message = decodeBody(read.type, read.body);
  switch (message.type) {
    case 'VOT':
      return [decodeVote(message.vote)];
    case 'PRP':
      return [decodeProposal(message.proposal, genesisId)];
    case 'ADR': {
      const proposals = message.proposals.map((wire) => decodeProposal(wire, genesisId));
      return [...proposals, ...message.votes.map(decodeVote)];
    }
    default:
      return [];
  }
}

export function statementOf(message: Vote | Proposal): Statement {
  const { height, round } = message;
  return 'block' in message
    ? { kind: PROPOSAL, height, round, blockId: message.block.id, validRound: message.validRound }
    : { kind: message.type, height, round, blockId: message.blockId, validRound: null };
}

/** The place in the authorities' order of whoever must have signed it. */
export function signerIndexOf(message: Vote | Proposal, authorities: number): number {
  return 'block' in message ? (message.height + message.round) % authorities : message.authority;
}

const VOTE_TAG = Buffer.from('ccoin/vote\0');
const PROPOSAL_TAG = Buffer.from('ccoin/proposal\0');
const HASH_BYTES = 32;

/** What these signed bytes say about a height; undefined if they are no vote or proposal. */
export function statementIn(signed: Uint8Array): Statement | undefined {
  for (const tag of [VOTE_TAG, PROPOSAL_TAG]) {
    if (Buffer.compare(signed.subarray(0, tag.length), tag) !== 0) continue;
    const fields = decode(signed.subarray(tag.length + HASH_BYTES));
    const [height, round, third, id] = fields as unknown as [
      number,
      number,
      number | null,
      Uint8Array | null,
    ];
    const blockId = id === null ? null : toHex(id);
    if (tag === VOTE_TAG) return { kind: third as Kind, height, round, blockId, validRound: null };
    return { kind: PROPOSAL, height, round, blockId, validRound: third };
  }
  return undefined;
}
