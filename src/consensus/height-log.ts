/**
 * Everything heard at one height: the proposals and votes of all its rounds, each verified before it comes here.
 * Bounded (section 8): per (round, type, authority) the first message, and one more per block id that matters; of the
 * rounds above our own + 1 only each authority's newest message.
 */
import type { AuthoritySet } from '../protocol/authorities.js';
import type { Block } from '../protocol/block.js';
import type { Hash } from '../protocol/bytes.js';
import { PRECOMMIT, PREVOTE, type Proposal, type Vote, type VoteType } from '../protocol/vote.js';
import { type ConsensusMessage, isProposal, kindOf, signerIndexOf, slotOf } from './message.js';
import { Tally } from './tally.js';

/** Two different messages signed by one authority for the same (height, round, type). */
export interface Evidence {
  readonly authority: number;
  readonly messages: readonly [ConsensusMessage, ConsensusMessage];
}

export interface Acceptance {
  /** New to us: to be counted, kept and relayed. */
  readonly accepted: boolean;
  readonly evidence: Evidence | null;
}

interface Round {
  readonly proposals: Proposal[];
  readonly prevotes: Tally;
  readonly precommits: Tally;
}

/** Two prove the leader a liar; more are kept only if votes show that they matter. */
const PROPOSALS_PER_ROUND = 2;
const NOTHING: Acceptance = { accepted: false, evidence: null };

export class HeightLog {
  readonly height: number;
  readonly #authorities: AuthoritySet;
  readonly #rounds = new Map<number, Round>();
  readonly #blocks = new Map<Hash, Block>();
  /** Block ids without a proposal here that a quorum of votes was shown for. */
  readonly #shown = new Set<Hash>();
  /** Messages of rounds above our own + 1, the newest of each authority. */
  readonly #far = new Map<number, ConsensusMessage>();
  /** The highest round each authority was heard in. */
  readonly #reached: number[];

  constructor(height: number, authorities: AuthoritySet) {
    this.height = height;
    this.#authorities = authorities;
    this.#reached = new Array<number>(authorities.size).fill(-1);
  }

  /** Takes a verified message in, seen from `ownRound`. */
  accept(message: ConsensusMessage, ownRound: number): Acceptance {
    if (this.ignores(message, ownRound)) return NOTHING;
    const authority = signerIndexOf(message, this.#authorities);
    this.#reach(authority, message.round);
    if (message.round > ownRound + 1) {
      this.#far.set(authority, message);
      return { accepted: true, evidence: null };
    }
    const first = isProposal(message) ? this.#addProposal(message) : this.#addVote(message);
    return { accepted: true, evidence: first === undefined ? null : this.#evidence(first, message) };
  }

  /** Whether `accept` would change nothing as things are: a quorum shown in an ADR can make it accept more. */
  ignores(message: ConsensusMessage, ownRound: number): boolean {
    if (this.knows(message, ownRound)) return true;
    const round = this.#rounds.get(message.round);
    if (round === undefined || message.round > ownRound + 1) return false;
    return isProposal(message)
      ? this.#isSurplusProposal(message, round)
      : this.#isSurplusVote(message, round);
  }

  /** Whether it is here already, or a newer one of the same authority in its stead. */
  knows(message: ConsensusMessage, ownRound: number): boolean {
    if (message.round > ownRound + 1) {
      const newest = this.#far.get(signerIndexOf(message, this.#authorities));
      return newest !== undefined && slotOf(newest, kindOf(newest)) >= slotOf(message, kindOf(message));
    }
    const round = this.#rounds.get(message.round);
    if (round === undefined) return false;
    if (isProposal(message)) return round.proposals.some((known) => sameProposal(known, message));
    return tallyOf(round, message.type).has(message.authority, message.blockId);
  }

  /** Lets votes for a block id count although its proposal is missing: a quorum of them was shown in an ADR. */
  allow(blockId: Hash): void {
    this.#shown.add(blockId);
  }

  /** Our round moved: returns the messages that were too far ahead until now; they are to be accepted anew. */
  takeNear(ownRound: number): ConsensusMessage[] {
    const near = [...this.#far].filter(([, message]) => message.round <= ownRound + 1);
    for (const [authority] of near) this.#far.delete(authority);
    return near.map(([, message]) => message);
  }

  proposals(round: number): readonly Proposal[] {
    return this.#rounds.get(round)?.proposals ?? [];
  }

  block(id: Hash): Block | undefined {
    return this.#blocks.get(id);
  }

  votes(round: number, type: VoteType): Tally | undefined {
    const record = this.#rounds.get(round);
    return record === undefined ? undefined : tallyOf(record, type);
  }

  /** Whether the authority voted for this block in any round: nobody does who has no proposal of it. */
  hasVotedFor(authority: number, blockId: Hash): boolean {
    for (const { prevotes, precommits } of this.#rounds.values())
      if (prevotes.has(authority, blockId) || precommits.has(authority, blockId)) return true;
    return false;
  }

  /** Rounds with anything in them, lowest first. */
  rounds(): number[] {
    return [...this.#rounds.keys()].sort((a, b) => a - b);
  }

  /** The highest round that `count` authorities have reached, -1 if none (rule 10). */
  roundReachedBy(count: number): number {
    return [...this.#reached].sort((a, b) => b - a)[count - 1] ?? -1;
  }

  /** All messages, round by round, proposals first: what an ADR or the signer's record holds. */
  *messages(): Generator<ConsensusMessage> {
    for (const number of this.rounds()) {
      const round = this.#rounds.get(number) as Round;
      yield* round.proposals;
      for (const tally of [round.prevotes, round.precommits]) {
        for (const value of tally.values()) yield* tally.votesFor(value);
      }
    }
    yield* this.#far.values();
  }

  /** The first proposal of its round before this one, if there is one. */
  #addProposal(proposal: Proposal): Proposal | undefined {
    const { proposals } = this.#round(proposal.round);
    const first = proposals[0];
    proposals.push(proposal);
    if (!this.#blocks.has(proposal.block.id)) this.#blocks.set(proposal.block.id, proposal.block);
    return first;
  }

  /** The first vote of the same authority before this one, if there is one. */
  #addVote(vote: Vote): Vote | undefined {
    const tally = tallyOf(this.#round(vote.round), vote.type);
    const first = tally.first(vote.authority);
    tally.add(vote);
    return first;
  }

  #isSurplusProposal(proposal: Proposal, { proposals }: Round): boolean {
    return proposals.length >= PROPOSALS_PER_ROUND && !this.#isFurther(proposal, proposals);
  }

  #isSurplusVote(vote: Vote, round: Round): boolean {
    const first = tallyOf(round, vote.type).first(vote.authority);
    return first !== undefined && vote.blockId !== null && !this.#matters(vote.blockId);
  }

  #evidence(first: ConsensusMessage, second: ConsensusMessage): Evidence {
    return { authority: signerIndexOf(second, this.#authorities), messages: [first, second] };
  }

  /** Of many proposals one a block, whatever their valid rounds: a liar has two billion of those. */
  #isFurther({ block }: Proposal, known: readonly Proposal[]): boolean {
    if (known.some((proposal) => proposal.block.id === block.id)) return false;
    return this.#matters(block.id) || this.#hasQuorum(block.id);
  }

  #matters(blockId: Hash): boolean {
    return this.#blocks.has(blockId) || this.#shown.has(blockId);
  }

  #hasQuorum(blockId: Hash): boolean {
    const { quorum } = this.#authorities;
    return [...this.#rounds.values()].some(
      ({ prevotes, precommits }) => prevotes.count(blockId) >= quorum || precommits.count(blockId) >= quorum,
    );
  }

  #reach(authority: number, round: number): void {
    this.#reached[authority] = Math.max(this.#reached[authority] as number, round);
  }

  #round(number: number): Round {
    let round = this.#rounds.get(number);
    if (round === undefined) {
      round = { proposals: [], prevotes: new Tally(), precommits: new Tally() };
      this.#rounds.set(number, round);
    }
    return round;
  }
}

function tallyOf(round: Round, type: VoteType): Tally {
  return type === PREVOTE ? round.prevotes : round.precommits;
}

function sameProposal(a: Proposal, b: Proposal): boolean {
  return a.block.id === b.block.id && a.validRound === b.validRound;
}

export const VOTE_TYPES: readonly VoteType[] = [PREVOTE, PRECOMMIT];
