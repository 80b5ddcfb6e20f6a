import { describe, expect, test } from 'vitest';
import { type Address, fromHex, type Hash, toHex } from '../../../src/protocol/bytes.js';
import { encodeFrame, FrameReader, MAX_FRAME_BYTES } from '../../../src/protocol/frame.js';
import { authoritiesOf, type GenesisConfig } from '../../../src/protocol/genesis.js';
import { answererText, openerText } from '../../../src/protocol/handshake.js';
import { addressOf, verify } from '../../../src/protocol/keys.js';
import { decodeBody } from '../../../src/protocol/messages.js';
import {
  decodeProposal,
  decodeVote,
  encodeProposal,
  encodeVote,
  proposalBytes,
  voteBytes,
} from '../../../src/protocol/vote.js';
import { vectors } from './load.js';

const { frames, handshake, proposal, vote } = vectors<{
  frames: { header: string; frame: string }[];
  handshake: Record<
    | 'answerers_challenge'
    | 'answerers_public_key'
    | 'openers_challenge'
    | 'openers_public_key'
    | 'openers_last_signature'
    | 'refuse_as_last_signature'
    | 'signature',
    string
  > & { genesis_id: Hash; opener: Address; answerer: Address };
  proposal: {
    height: number;
    round: number;
    valid_round: number | null;
    leader: Address;
    block_id: Hash;
    proposal: string;
  };
  vote: {
    height: number;
    round: number;
    type: number;
    authority_index: number;
    authority: Address;
    block_id: Hash | null;
    vote: string;
  };
}>('frames');

const genesis = vectors<{ config: GenesisConfig; id: Hash }>('genesis');
const authorities = authoritiesOf(genesis.config);
const genesisId = fromHex(genesis.id);

describe('frames (section 7)', () => {
  for (const { header, frame } of frames) {
    test(`${header} of ${frame.length / 2} bytes is read and written again`, () => {
      const reader = new FrameReader();
      reader.maxFrameBytes = MAX_FRAME_BYTES;
      reader.push(fromHex(frame));
      const read = reader.next();
      if (read === undefined) throw new Error('the frame is not whole');
      expect(read.type).toBe(header);
      expect(reader.pendingBytes).toBe(0);
      expect(toHex(encodeFrame(decodeBody(read.type, read.body)))).toBe(frame);
    });
  }
});

describe('the signatures of the handshake (section 7)', () => {
  const common = { genesisId: handshake.genesis_id, channel: new Uint8Array(0) };
  const { opener, answerer } = handshake;
  const openersKey = fromHex(handshake.openers_public_key);
  const answerersKey = fromHex(handshake.answerers_public_key);
  const ack = answererText({
    ...common,
    challenge: fromHex(handshake.openers_challenge),
    challenger: opener,
    signer: answerer,
  });
  const lastAck = openerText({
    ...common,
    challenge: fromHex(handshake.answerers_challenge),
    challenger: answerer,
    signer: opener,
  });
  const check = (publicKey: Uint8Array, message: Uint8Array, signature: string) =>
    verify({ publicKey, message, signature: fromHex(signature) });

  test('the keys belong to the addresses', () => {
    expect(addressOf(openersKey)).toBe(opener);
    expect(addressOf(answerersKey)).toBe(answerer);
  });

  test("the answerer's ACK", () => {
    expect(check(answerersKey, ack, handshake.signature)).toBe(true);
    expect(check(answerersKey, lastAck, handshake.signature)).toBe(false);
  });

  test("the opener's last ACK", () => {
    expect(check(openersKey, lastAck, handshake.openers_last_signature)).toBe(true);
  });

  test("the opener's last ACK with the answerer's tag is refused", () => {
    expect(check(openersKey, lastAck, handshake.refuse_as_last_signature)).toBe(false);
  });
});

describe('proposals and votes (section 8)', () => {
  test('the proposal', () => {
    const wire = fromHex(proposal.proposal);
    const read = decodeProposal(wire, genesisId);
    expect(read).toMatchObject({
      height: proposal.height,
      round: proposal.round,
      validRound: proposal.valid_round,
      block: { id: proposal.block_id },
    });
    expect(toHex(encodeProposal(read, read.signature).wire)).toBe(proposal.proposal);

    const leader = authorities.at((read.height + read.round) % authorities.size);
    if (leader === undefined) throw new Error('no leader');
    expect(leader.address).toBe(proposal.leader);
    const message = proposalBytes({ ...read, blockId: read.block.id }, genesisId);
    expect(verify({ publicKey: leader.publicKey, message, signature: read.signature })).toBe(true);
  });

  test('the vote', () => {
    const read = decodeVote(fromHex(vote.vote));
    expect(read).toMatchObject({
      height: vote.height,
      round: vote.round,
      type: vote.type,
      blockId: vote.block_id,
      authority: vote.authority_index,
    });
    expect(toHex(encodeVote(read, read.authority, read.signature).wire)).toBe(vote.vote);

    const voter = authorities.at(read.authority);
    if (voter === undefined) throw new Error('no such authority');
    expect(voter.address).toBe(vote.authority);
    const message = voteBytes(read, genesisId);
    expect(verify({ publicKey: voter.publicKey, message, signature: read.signature })).toBe(true);
  });
});
