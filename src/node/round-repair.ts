/**
 * "Everyone hears" (section 8): a node that made no progress for a second asks its peers with LDR, saying all that it
 * holds of the height, and gets with ADR what it lacks.
 */
import { isProposal } from '../consensus/message.js';
import { knowsMore } from '../consensus/repair.js';
import type { Clock, Timer } from '../ports/clock.js';
import type { Address } from '../protocol/bytes.js';
import type { Message, MessageOf } from '../protocol/messages.js';
import type { ConsensusDriver } from './consensus-driver.js';
import type { ConsensusIntake } from './consensus-intake.js';

const SILENCE_MS = 1_000;
/** What one ADR frame may carry of proposals and votes, with room for the rest below the frame limit. */
const MAX_ADR_BYTES = 2_400_000;
/** Questions to one peer whose answers are still taken, oldest forgotten first: an answer of many frames takes a while. */
const MAX_QUESTIONS_PER_PEER = 16;

export interface RepairDependencies {
  readonly address: Address;
  peers(): Iterable<Address>;
  send(peer: Address, message: Message): void;
  /** The peer decides `height`, which is final here: give it the block. */
  giveFinal(peer: Address, height: number): void;
  ahead(peer: Address, height: number): void;
  offerTransactions(peer: Address): void;
}

export class RoundRepair {
  readonly #driver: ConsensusDriver;
  readonly #intake: ConsensusIntake;
  readonly #clock: Clock;
  readonly #dependencies: RepairDependencies;
  /** Ids of the questions to each peer that it has not answered whole, oldest first. */
  readonly #asked = new Map<Address, Set<number>>();
  #lastRequestId = 0;
  #timer: Timer | null = null;
  #askedAllMs = Number.NEGATIVE_INFINITY;
  /**
   * Who was asked since the timer last fired. By peer, and apart from asking all: one that claims once a second to hold
   * more would keep us from asking anybody else.
   */
  readonly #askedLately = new Set<Address>();

  constructor(
    driver: ConsensusDriver,
    intake: ConsensusIntake,
    clock: Clock,
    dependencies: RepairDependencies,
  ) {
    this.#driver = driver;
    this.#intake = intake;
    this.#clock = clock;
    this.#dependencies = dependencies;
  }

  start(): void {
    this.#timer = this.#clock.after(SILENCE_MS, () => {
      const now = this.#clock.monotonic();
      const since = Math.max(this.#driver.progressMs, this.#askedAllMs);
      this.#askedLately.clear();
      this.#forgetAbsent();
      if (this.#driver.core.isUnderWay && now - since >= SILENCE_MS) this.#askAll(now);
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** A peer that just came, or that seems to hold more, is asked at once. */
  ask(peer: Address): void {
    const { core } = this.#driver;
    const requestId = ++this.#lastRequestId;
    this.#askedLately.add(peer);
    let questions = this.#asked.get(peer);
    if (questions === undefined) {
      questions = new Set();
      this.#asked.set(peer, questions);
    }
    questions.add(requestId);
    const [oldest] = questions;
    if (oldest !== undefined && questions.size > MAX_QUESTIONS_PER_PEER) questions.delete(oldest);
    this.#dependencies.send(peer, {
      type: 'LDR',
      request_id: requestId,
      address: this.#dependencies.address,
      height: core.height,
      round: core.round,
      holds: core.holds(),
    });
  }

  answer(peer: Address, question: MessageOf<'LDR'>): void {
    const { core } = this.#driver;
    if (question.height < core.height) this.#dependencies.giveFinal(peer, question.height);
    else if (question.height > core.height) this.#dependencies.ahead(peer, question.height - 1);
    else this.#answerHeight(peer, question.request_id, question.holds);
  }

  async hear(peer: Address, answer: MessageOf<'ADR'>): Promise<void> {
    const questions = this.#asked.get(peer);
    if (questions?.has(answer.request_id) !== true) return;
    if (!answer.more) questions.delete(answer.request_id);
    if (answer.height > this.#driver.core.height) this.#dependencies.ahead(peer, answer.height - 1);
    await this.#intake.repair(peer, answer.proposals, answer.votes);
  }

  /** Of peers that left no answer will come. */
  #forgetAbsent(): void {
    const present = new Set(this.#dependencies.peers());
    for (const peer of this.#asked.keys()) if (!present.has(peer)) this.#asked.delete(peer);
  }

  #askAll(now: number): void {
    this.#askedAllMs = now;
    for (const peer of this.#dependencies.peers()) {
      this.ask(peer);
      this.#dependencies.offerTransactions(peer);
    }
  }

  #answerHeight(peer: Address, requestId: number, holds: MessageOf<'LDR'>['holds']): void {
    const { core } = this.#driver;
    const frames: { proposals: Uint8Array[]; votes: Uint8Array[] }[] = [{ proposals: [], votes: [] }];
    let bytes = 0;
    for (const message of core.missing(holds)) {
      if (bytes + message.wire.length > MAX_ADR_BYTES) {
        frames.push({ proposals: [], votes: [] });
        bytes = 0;
      }
      bytes += message.wire.length + 8;
      const frame = frames[frames.length - 1] as (typeof frames)[number];
      (isProposal(message) ? frame.proposals : frame.votes).push(message.wire);
    }
    const { address } = this.#dependencies;
    const { height, round } = core;
    this.#driver.behindEffects(() => {
      for (const [index, frame] of frames.entries()) {
        const more = index < frames.length - 1;
        const answer = { request_id: requestId, address, height, round, ...frame, more };
        this.#dependencies.send(peer, { type: 'ADR', ...answer });
      }
    });
    if (!this.#askedLately.has(peer) && knowsMore(core.holds(), holds)) this.ask(peer);
  }
}
