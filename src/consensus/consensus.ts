/**
 * The consensus core: leader election and finality between the authorities of one height (section 8; the Tendermint
 * algorithm, arXiv 1807.04938). Synchronous and pure: no clock, socket, disk, key or randomness. Inputs go in, effects
 * come out, and `effects.ts` says what order they are owed. After every input all rules are looked at again, as votes
 * may come before their proposal.
 */
import type { AuthoritySet } from '../protocol/authorities.js';
import type { Block } from '../protocol/block.js';
import type { Address, Hash } from '../protocol/bytes.js';
import { encodeCertificate } from '../protocol/certificate.js';
import { PRECOMMIT, PREVOTE, type Proposal, type VoteType } from '../protocol/vote.js';
import type { Effect, Input, SignerRecord, SignerState, Statement, TimeoutId } from './effects.js';
import { HeightLog } from './height-log.js';
import { leaderOf, type TimeoutKind, type Timeouts, timeoutMs } from './leader.js';
import {
  type ConsensusMessage,
  isProposal,
  kindOf,
  type MessageKind,
  signerIndexOf,
  slotOf,
} from './message.js';
import { type Holds, holdsOf, missingFrom } from './repair.js';

export type Step = 'propose' | 'prevote' | 'precommit';

/** A block and the round in which it had a quorum of prevotes. */
interface Quorate {
  readonly block: Block;
  readonly round: number;
}

/** Messages of the next height that are kept until we get there: round 0 and 1, each kind once per authority. */
const EARLY_ROUNDS = 2;

export class Consensus {
  readonly #address: Address | null;
  readonly #timeouts: Timeouts;
  #authorities: AuthoritySet;
  #self: number | undefined;
  #acting = false;

  #height: number;
  #round = 0;
  #step: Step = 'propose';
  #due = false;
  #decided = false;
  #locked: Quorate | null = null;
  #valid: Quorate | null = null;
  #log: HeightLog;
  /** What is known of blocks' validity on our head; `null` while it is being found out. */
  #validity = new Map<Hash, { readonly valid: boolean; readonly timely: boolean } | null>();
  /** The "first time" of rules 5, 6 and 8, and of starting the propose timeout and building, per round. */
  #once = new Set<string>();
  /** The highest slot that we signed or are signing: nothing at or below it is ever signed again. */
  #slot = -1;
  #unstored: ConsensusMessage[] = [];
  #early = new Map<string, ConsensusMessage>();
  #effects: Effect[] = [];

  /** @param address ours, or null for a node that only follows; following starts at `height`, with nothing signed */
  constructor(address: Address | null, timeouts: Timeouts, height: number, authorities: AuthoritySet) {
    this.#address = address;
    this.#timeouts = timeouts;
    this.#height = height;
    this.#authorities = authorities;
    this.#self = address === null ? undefined : authorities.indexOf(address);
    this.#log = new HeightLog(height, authorities);
  }

  get height(): number {
    return this.#height;
  }

  get round(): number {
    return this.#round;
  }

  get currentStep(): Step {
    return this.#step;
  }

  get acting(): boolean {
    return this.#acting;
  }

  /** Whether a block of this height is final: nothing more is said of it. */
  get decided(): boolean {
    return this.#decided;
  }

  /** Whether a block is due (rule 2): from round 1 on it always is. */
  get isDue(): boolean {
    return this.#due || this.#round > 0;
  }

  /** Whether there is anything to decide: a block is due here, or somebody said something about one. */
  get isUnderWay(): boolean {
    return this.isDue || this.#log.rounds().length > 0;
  }

  /** The lock, for the checkers of the simulation. */
  get locked(): { readonly round: number; readonly blockId: Hash } | null {
    return summary(this.#locked);
  }

  /** Takes one input and returns what is to be done about it, in order. */
  step(input: Input): Effect[] {
    this.#effects = [];
    this.#take(input);
    this.#applyRules();
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /**
   * Whether hearing this message by itself would change nothing: its signature need not be checked. Not to be asked of
   * what came in an ADR, which may show the quorum that makes it count.
   */
  ignores(message: ConsensusMessage): boolean {
    const isOurs = message.height === this.#height && !this.#decided;
    return isOurs ? this.#log.ignores(message, this.#round) : this.knows(message);
  }

  /** Whether a message would teach us nothing, whatever it comes with: its signature need not be checked. */
  knows(message: ConsensusMessage): boolean {
    if (message.height === this.#height) return this.#decided || this.#log.knows(message, this.#round);
    if (message.height !== this.#height + 1) return false;
    return message.round >= EARLY_ROUNDS || this.#early.has(this.#earlyKey(message));
  }

  /** Whether `address` must have this message of our height: it signed it, or voted for the block that it proposes. */
  hasShown(address: Address, message: ConsensusMessage): boolean {
    const authority = this.#authorities.indexOf(address);
    if (authority === undefined) return false;
    if (authority === signerIndexOf(message, this.#authorities)) return true;
    return isProposal(message) && this.#log.hasVotedFor(authority, message.block.id);
  }

  /** All that we hold of this height, as LDR says it. */
  holds(): Holds {
    return holdsOf(this.#log, this.#authorities);
  }

  /**
   * What a peer that holds `holds` of this height lacks: proposals first, as votes for unknown blocks count less. It may
   * leave only after the effects given out so far are carried out: our newest word among it may not be on disk yet.
   */
  missing(holds: Holds): ConsensusMessage[] {
    return missingFrom(this.#log, this.#authorities, holds);
  }

  #take(input: Input): void {
    switch (input.type) {
      case 'height':
        return this.#enterHeight(input.height, input.authorities, input.record);
      case 'acting':
        return this.#setActing(input.acting);
      case 'due':
        if (input.height === this.#height) this.#due = true;
        return;
      case 'message':
        return this.#hear(input.message);
      case 'repair':
        return this.#repair(input.messages);
      case 'timeout':
        return this.#timeout(input.timeout);
      case 'validated':
        if (input.height === this.#height) this.#validity.set(input.blockId, input);
        return;
      case 'built':
        return this.#built(input.height, input.round, input.block);
      case 'signed':
        return this.#signed(input.message);
    }
  }

  #enterHeight(height: number, authorities: AuthoritySet, record: SignerRecord | null): void {
    if (height < this.#height) throw new Error(`height ${height} after ${this.#height}`);
    if (height === this.#height && this.#slot >= 0)
      throw new Error(`height ${height} again, after signing at it`);
    const early = height === this.#height + 1 ? [...this.#early.values()] : [];
    this.#height = height;
    this.#authorities = authorities;
    this.#self = this.#address === null ? undefined : authorities.indexOf(this.#address);
    this.#due = false;
    this.#decided = false;
    this.#locked = null;
    this.#valid = null;
    this.#log = new HeightLog(height, authorities);
    this.#validity = new Map();
    this.#once = new Set();
    this.#slot = -1;
    this.#unstored = [];
    this.#early = new Map();
    this.#round = 0;
    this.#step = 'propose';
    if (record !== null) this.#restore(record);
    this.#effects.push({ type: 'round', height, round: this.#round });
    for (const message of early) this.#hear(message);
  }

  /** "A restart reloads them, resumes at the highest signed (round, type), and offers them in ADR." */
  #restore(record: SignerRecord): void {
    if (record.height !== this.#height) throw new Error(`the signer's record is of height ${record.height}`);
    this.#slot = record.slot;
    if (record.slot >= 0) {
      this.#round = Math.floor(record.slot / 3);
      this.#step = (['propose', 'prevote', 'precommit'] as const)[(record.slot % 3) as MessageKind];
      this.#due = true;
    }
    // All of it was near when it was stored, our round may since have moved on: nothing of it is cut down as far.
    for (const blockId of this.#quorumsShownBy(record.messages)) this.#log.allow(blockId);
    for (const message of proposalsFirst(record.messages))
      this.#log.accept(message, Number.POSITIVE_INFINITY);
    this.#locked = this.#reload(record.locked);
    this.#valid = this.#reload(record.valid);
  }

  #reload(stored: SignerState['locked']): Quorate | null {
    if (stored === null) return null;
    const block = this.#log.block(stored.blockId);
    if (block === undefined)
      throw new Error(`the signer's record lacks the block ${stored.blockId} it is locked on`);
    return { block, round: stored.round };
  }

  #setActing(acting: boolean): void {
    if (acting === this.#acting) return;
    this.#acting = acting;
    // Timeouts that fired while we only followed were not acted on: they have to be started anew.
    this.#once = new Set([...this.#once].filter((key) => !key.startsWith('timeout ')));
  }

  #hear(message: ConsensusMessage): void {
    if (message.height === this.#height + 1) return this.#hearEarly(message);
    if (message.height !== this.#height || this.#decided) return;
    const { accepted, evidence } = this.#log.accept(message, this.#round);
    if (evidence !== null) this.#effects.push({ type: 'evidence', evidence });
    if (!accepted) return;
    if (message.round <= this.#round + 1) this.#unstored.push(message);
    const signer = signerIndexOf(message, this.#authorities);
    if (signer === this.#self) {
      // Another node with our key, or a record that is lost: never contradict what is out there already.
      this.#slot = Math.max(this.#slot, slotOf(message, kindOf(message)));
      this.#effects.push({ type: 'stranger', message });
    }
    this.#effects.push({ type: 'relay', message });
  }

  #hearEarly(message: ConsensusMessage): void {
    if (message.round < EARLY_ROUNDS && !this.#early.has(this.#earlyKey(message))) {
      this.#early.set(this.#earlyKey(message), message);
    }
  }

  #earlyKey(message: ConsensusMessage): string {
    return `${signerIndexOf(message, this.#authorities)} ${message.round} ${kindOf(message)}`;
  }

  #repair(messages: readonly ConsensusMessage[]): void {
    const current = messages.filter((message) => message.height === this.#height);
    for (const blockId of this.#quorumsShownBy(current)) this.#log.allow(blockId);
    for (const message of proposalsFirst(current)) this.#hear(message);
  }

  /** Block ids for which these votes, with ours, are a quorum of one round and type. */
  #quorumsShownBy(messages: readonly ConsensusMessage[]): Set<Hash> {
    const voters = new Map<string, Set<number>>();
    const shown = new Set<Hash>();
    for (const vote of messages) {
      if (isProposal(vote) || vote.blockId === null) continue;
      const key = `${vote.round} ${vote.type} ${vote.blockId}`;
      let signers = voters.get(key);
      if (signers === undefined) {
        const held = this.#log.votes(vote.round, vote.type)?.votesFor(vote.blockId) ?? [];
        signers = new Set(held.map((known) => known.authority));
        voters.set(key, signers);
      }
      if (signers.add(vote.authority).size >= this.#authorities.quorum) shown.add(vote.blockId);
    }
    return shown;
  }

  /** Rule 11: a timeout counts only in the height, round and step that started it. */
  #timeout({ kind, height, round }: TimeoutId): void {
    if (!this.#canAct() || height !== this.#height || round !== this.#round) return;
    if (kind === 'propose' && this.#step === 'propose') this.#vote(PREVOTE, null);
    else if (kind === 'prevote' && this.#step === 'prevote') this.#vote(PRECOMMIT, null);
    // As in the paper the step does not matter here: a quorum of precommits may come before our own.
    else if (kind === 'precommit') this.#startRound(this.#round + 1);
  }

  #built(height: number, round: number, block: Block | null): void {
    if (height !== this.#height || round !== this.#round || this.#step !== 'propose' || !this.#canAct())
      return;
    if (block === null) return;
    this.#validity.set(block.id, { valid: true, timely: true });
    this.#propose(block, null);
  }

  #signed(message: ConsensusMessage): void {
    if (message.height !== this.#height || this.#decided) return;
    const { accepted } = this.#log.accept(message, this.#round);
    if (accepted) this.#unstored.push(message);
    // The slot of what is signed, not of what is about to be: a restart must not believe it said more than it did.
    const state = {
      height: this.#height,
      slot: slotOf(message, kindOf(message)),
      locked: summary(this.#locked),
      valid: summary(this.#valid),
    };
    this.#effects.push({ type: 'persist', state, messages: this.#unstored });
    this.#unstored = [];
    this.#effects.push({ type: 'send', message });
  }

  /** "After every message, timer or finished validation all rules are looked at again." */
  #applyRules(): void {
    while (!this.#decided) {
      if (this.#rule9() || this.#rule10()) continue;
      this.#validateProposals();
      if (!this.#canAct()) return;
      if (
        this.#rule1() ||
        this.#rules3and4() ||
        this.#rule5() ||
        this.#rule6() ||
        this.#rule7() ||
        this.#rule8()
      )
        continue;
      return;
    }
  }

  #canAct(): boolean {
    return this.#acting && this.#self !== undefined && !this.#decided;
  }

  #startRound(round: number): void {
    this.#round = round;
    this.#step = 'propose';
    this.#effects.push({ type: 'round', height: this.#height, round });
    for (const message of this.#log.takeNear(round)) {
      if (this.#log.accept(message, round).accepted) this.#unstored.push(message);
    }
  }

  /** Rule 1: the leader proposes when a block is due; everybody, the leader too, starts the propose timeout. */
  #rule1(): boolean {
    if (this.#step !== 'propose' || !this.isDue) return false;
    if (!this.#first(`timeout propose ${this.#round}`)) return false;
    this.#schedule('propose');
    if (leaderOf(this.#authorities, this.#height, this.#round).address !== this.#address) return true;
    if (this.#slot >= slotOf({ round: this.#round }, 0) || !this.#first(`build ${this.#round}`)) return true;
    if (this.#valid !== null) this.#propose(this.#valid.block, this.#valid.round);
    else this.#effects.push({ type: 'build', height: this.#height, round: this.#round });
    return true;
  }

  /** Rules 3 and 4: prevote on a proposal of this round. */
  #rules3and4(): boolean {
    if (this.#step !== 'propose') return false;
    for (const proposal of this.#log.proposals(this.#round)) {
      const validity = this.#validity.get(proposal.block.id);
      if (validity === undefined || validity === null) continue;
      const accepted =
        proposal.validRound === null ? this.#rule3(proposal) : this.#rule4(proposal, proposal.validRound);
      if (accepted === undefined) continue;
      this.#vote(PREVOTE, accepted ? proposal.block.id : null);
      return true;
    }
    return false;
  }

  /** Rule 3, a fresh block: it must be the leader's own, valid, timely, and not another than the locked one. */
  #rule3({ block }: Proposal): boolean {
    const validity = this.#validity.get(block.id);
    const leader = leaderOf(this.#authorities, this.#height, this.#round);
    const unlocked = this.#locked === null || this.#locked.block.id === block.id;
    return (
      validity?.valid === true && validity.timely && block.header.coinbase === leader.address && unlocked
    );
  }

  /** Rule 4, a block proposed again: needs its quorum of prevotes of `validRound`; undefined while that is missing. */
  #rule4({ block }: Proposal, validRound: number): boolean | undefined {
    if (validRound >= this.#round || !this.#hasQuorum(validRound, PREVOTE, block.id)) return undefined;
    const free =
      this.#locked === null || this.#locked.round <= validRound || this.#locked.block.id === block.id;
    return this.#validity.get(block.id)?.valid === true && free;
  }

  /** Rule 5: a quorum of prevotes of any kind starts the prevote timeout. */
  #rule5(): boolean {
    if (this.#step !== 'prevote' || !this.#hasAnyQuorum(PREVOTE)) return false;
    if (!this.#first(`timeout prevote ${this.#round}`)) return false;
    this.#schedule('prevote');
    return true;
  }

  /** Rule 6: a quorum of prevotes for the valid proposal of this round: lock and precommit it; it is the valid block. */
  #rule6(): boolean {
    if (this.#step === 'propose') return false;
    for (const { block } of this.#log.proposals(this.#round)) {
      if (!this.#hasQuorum(this.#round, PREVOTE, block.id) || this.#validity.get(block.id)?.valid !== true)
        continue;
      if (!this.#first(`valid ${this.#round}`)) return false;
      this.#valid = { block, round: this.#round };
      if (this.#step === 'prevote') {
        this.#locked = this.#valid;
        this.#vote(PRECOMMIT, block.id);
      }
      return true;
    }
    return false;
  }

  /** Rule 7: a quorum of prevotes for nil: precommit nil; the lock stays. */
  #rule7(): boolean {
    if (this.#step !== 'prevote' || !this.#hasQuorum(this.#round, PREVOTE, null)) return false;
    this.#vote(PRECOMMIT, null);
    return true;
  }

  /** Rule 8: a quorum of precommits of any kind starts the precommit timeout. */
  #rule8(): boolean {
    if (!this.#hasAnyQuorum(PRECOMMIT) || !this.#first(`timeout precommit ${this.#round}`)) return false;
    this.#schedule('precommit');
    return true;
  }

  /** Rule 9: a proposal and a quorum of precommits for it, all of one round (never added up across rounds). */
  #rule9(): boolean {
    for (const round of this.#log.rounds()) {
      const precommits = this.#log.votes(round, PRECOMMIT);
      for (const blockId of precommits?.values() ?? []) {
        if (
          blockId === null ||
          precommits === undefined ||
          precommits.count(blockId) < this.#authorities.quorum
        )
          continue;
        const block = this.#log.block(blockId);
        if (block === undefined) continue;
        const validity = this.#validate(block);
        if (validity === null) continue;
        this.#decided = true;
        if (validity.valid) {
          this.#effects.push({
            type: 'commit',
            block,
            certificate: encodeCertificate(round, precommits.votesFor(blockId)),
          });
        } else {
          this.#effects.push({ type: 'broken', block });
        }
        return true;
      }
    }
    return false;
  }

  /** Rule 10: f + 1 authorities are in later rounds, so an honest one is: follow. */
  #rule10(): boolean {
    const round = this.#log.roundReachedBy(this.#authorities.faulty + 1);
    if (round <= this.#round) return false;
    this.#startRound(round);
    return true;
  }

  /** Finds out whether the blocks proposed in this round are valid, before anybody's votes ask for it. */
  #validateProposals(): void {
    for (const { block } of this.#log.proposals(this.#round)) this.#validate(block);
  }

  #validate(block: Block): { readonly valid: boolean } | null {
    const known = this.#validity.get(block.id);
    if (known !== undefined) return known;
    this.#validity.set(block.id, null);
    this.#effects.push({ type: 'validate', block });
    return null;
  }

  #propose(block: Block, validRound: number | null): void {
    this.#sign(0, {
      kind: 'proposal',
      content: { height: this.#height, round: this.#round, validRound, block },
    });
  }

  /** Casts a vote in this round and takes the step that goes with it. */
  #vote(type: VoteType, blockId: Hash | null): void {
    this.#step = type === PREVOTE ? 'prevote' : 'precommit';
    this.#sign(type, {
      kind: 'vote',
      content: { height: this.#height, round: this.#round, type, blockId },
      authority: this.#self as number,
    });
  }

  /** Never the same slot twice, never a lower one: what was signed already is in the log and offered in ADR. */
  #sign(kind: MessageKind, statement: Statement): void {
    const slot = slotOf(statement.content, kind);
    if (slot <= this.#slot) return;
    this.#slot = slot;
    this.#effects.push({ type: 'sign', statement });
  }

  #schedule(kind: TimeoutKind): void {
    const timeout = { kind, height: this.#height, round: this.#round };
    this.#effects.push({ type: 'schedule', timeout, delayMs: timeoutMs(kind, this.#round, this.#timeouts) });
  }

  #hasQuorum(round: number, type: VoteType, value: Hash | null): boolean {
    return (this.#log.votes(round, type)?.count(value) ?? 0) >= this.#authorities.quorum;
  }

  #hasAnyQuorum(type: VoteType): boolean {
    return (this.#log.votes(this.#round, type)?.authorities ?? 0) >= this.#authorities.quorum;
  }

  /** Whether this is the first time; from now on it is not. */
  #first(key: string): boolean {
    if (this.#once.has(key)) return false;
    this.#once.add(key);
    return true;
  }
}

/** Votes for a block that is known count for more. */
function proposalsFirst(messages: readonly ConsensusMessage[]): ConsensusMessage[] {
  return [...messages].sort((a, b) => kindOf(a) - kindOf(b));
}

function summary(quorate: Quorate | null): { round: number; blockId: Hash } | null {
  return quorate === null ? null : { round: quorate.round, blockId: quorate.block.id };
}
