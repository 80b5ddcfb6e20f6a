/**
 * Hears all that the nodes say to each other, and holds every authority to its word: one message for each height, round
 * and type, across all kills, restores and restarts. It believes nobody's store or record.
 */

import { leaderOf } from '../../src/consensus/leader.js';
import type { AuthoritySet } from '../../src/protocol/authorities.js';
import type { Address, Hash } from '../../src/protocol/bytes.js';
import { FrameReader, MAX_FRAME_BYTES } from '../../src/protocol/frame.js';
import { sha256Hex } from '../../src/protocol/hash.js';
import { decodeBody } from '../../src/protocol/messages.js';
import { decodeProposal, decodeVote } from '../../src/protocol/vote.js';
import { History } from '../support/history.js';

const PROPOSAL = 0;

/** A signed word: kind 0 a proposal, 1 a prevote, 2 a precommit. */
export interface Word {
  readonly authority: Address;
  readonly height: number;
  readonly round: number;
  readonly kind: number;
  /** What it says, as text to compare. */
  readonly value: string;
  readonly wire: Uint8Array;
}

export class Witness {
  readonly #authorities: AuthoritySet;
  readonly #genesisId: Uint8Array;
  /** Wire forms looked at: each comes again from everybody who relays it. */
  readonly #known = new Set<Hash>();
  readonly #words = new Map<string, string>();
  readonly #heardWords = new History<Word>();
  readonly #highest = new Map<Address, number>();
  /** Empty as long as everybody keeps to what they said. */
  readonly contradictions: string[] = [];

  constructor(authorities: AuthoritySet, genesisId: Uint8Array) {
    this.#authorities = authorities;
    this.#genesisId = genesisId;
  }

  /** How many different words were heard. */
  get words(): number {
    return this.#words.size;
  }

  /** The greatest height at which this authority was heard; 0 if it never was. */
  highest(authority: Address): number {
    return this.#highest.get(authority) ?? 0;
  }

  /** Resolves with the next proposal of this authority that was not heard before. */
  untilProposes(authority: Address): Promise<Word> {
    const heard = this.#heardWords;
    return heard.until((word) => word.kind === PROPOSAL && word.authority === authority, heard.all.length);
  }

  /** A listener to one direction of one connection. */
  stream(): (bytes: Uint8Array) => void {
    const reader = new FrameReader();
    reader.maxFrameBytes = MAX_FRAME_BYTES;
    return (bytes) => {
      reader.push(bytes);
      for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
        if (frame.type === 'VOT' || frame.type === 'PRP' || frame.type === 'ADR')
          this.#heard(decodeBody(frame.type, frame.body));
      }
    };
  }

  /** Takes down a word, of a frame or of a signer's record, and compares it with what was said before. */
  add(word: Word): void {
    const { authority, height, round, kind, value } = word;
    const place = `${authority} height ${height} round ${round} ${['proposal', 'prevote', 'precommit'][kind]}`;
    const before = this.#words.get(place);
    if (before === undefined) {
      this.#words.set(place, value);
      this.#heardWords.add(word);
    }
    if (before !== undefined && before !== value)
      this.contradictions.push(`${place}: ${before}, then ${value}`);
    this.#highest.set(authority, Math.max(this.highest(authority), height));
  }

  /** The word that a proposal's or a vote's wire form is. */
  wordOf(kind: number, wire: Uint8Array): Word {
    if (kind === PROPOSAL) {
      const { height, round, validRound, block } = decodeProposal(wire, this.#genesisId);
      const { address } = leaderOf(this.#authorities, height, round);
      return {
        authority: address,
        height,
        round,
        kind,
        value: `${block.id} of valid round ${validRound}`,
        wire,
      };
    }
    const { height, round, type, blockId, authority } = decodeVote(wire);
    const { address } = this.#authorities.list[authority] ?? { address: `no authority ${authority}` };
    return { authority: address, height, round, kind: type, value: blockId ?? 'nil', wire };
  }

  #heard(message: ReturnType<typeof decodeBody>): void {
    if (message.type === 'VOT') this.#wire(1, message.vote);
    if (message.type === 'PRP') this.#wire(PROPOSAL, message.proposal);
    if (message.type !== 'ADR') return;
    for (const wire of message.proposals) this.#wire(PROPOSAL, wire);
    for (const wire of message.votes) this.#wire(1, wire);
  }

  #wire(kind: number, wire: Uint8Array): void {
    const id = sha256Hex(wire);
    if (this.#known.has(id)) return;
    this.#known.add(id);
    this.add(this.wordOf(kind, wire));
  }
}
