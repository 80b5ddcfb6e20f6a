/**
 * Brings the node to the head of the chain and keeps it there (section 9): compares heights with the peers, fetches what
 * is missing, hands it block by block to whoever checks and stores it, and answers the peers' own requests. The glue
 * between `life` (which phase), `claims` (whom to believe how far), `download` (what to ask of whom) and `serve`; the
 * decisions are theirs. It never looks into a block beyond its number.
 *
 * While downloading, blocks are handed on before those in front of them are applied, so that the steps of applying may
 * overlap; a bad one makes those behind it come again. They stay held until the head is beyond them.
 *
 * A claim in the ready phase (a height, a vote of a later height, a block beyond our next) makes the node ask for the
 * blocks, while it goes on voting. It leaves ready only for the real thing: blocks that it asked for, two in a row
 * checked and applied, so that one beyond its next was final, and more of them in hand.
 */
import type { Clock, Timer } from '../ports/clock.js';
import type { Address, Hash } from '../protocol/bytes.js';
import { asError, OtherParentError, ProtocolError } from '../protocol/errors.js';
import type { Message, MessageOf } from '../protocol/messages.js';
import { Attention, TICK_MS } from './attention.js';
import { numberOfBlock } from './block-number.js';
import { Claims, type OutOfReach } from './claims.js';
import { Download } from './download.js';
import type { HeldBlock } from './held-blocks.js';
import {
  beginLife,
  heedsAssessment,
  type Life,
  type LifeEvent,
  type Phase,
  phaseOf,
  stepLife,
  WAIT_MS,
} from './life.js';
import { ProgressMeter, type SyncProgress } from './progress.js';
import { BlockServer, type ServedBlock } from './serve.js';

/** In the ready phase consensus gets this long to reach a claimed height by itself before its blocks are asked for. */
export const CLAIM_GRACE_MS = 300;
/** Peers are asked for their height this often, in case the message that would have told it was lost. */
export const POLL_MS = 10_000;
/** A block that is sent to us unasked is kept if it is at most this far beyond the head. */
export const MAX_OFFER_AHEAD = 8;
const LOG_EVERY_MS = 3_000;
/** That no peer keeps our next block any more is said when it has been so this long, and then now and again. */
const OUT_OF_REACH_MS = WAIT_MS;
const TELL_OUT_OF_REACH_EVERY_MS = 60_000;

export type SyncOffence = 'bad-block' | 'bad-answer' | 'slow';
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface SyncDependencies {
  /** The last final block that is stored. Never goes back. */
  head(): { readonly number: number; readonly id: Hash };
  /** Whether `apply` may be called with a block and certificate of so many bytes while others are being applied. */
  hasRoom(sizeBytes: number): boolean;
  /**
   * Checks certificate and block, executes, stores durably, moves the head. Null if the head is at or beyond the block
   * now, also when it had been already; undefined if it was not judged, as one before it is bad; else what is wrong with
   * it. Called with the block after the head, or after the last one that is being applied; the answers come in that
   * order. An OtherParentError only for a block whose certificate holds. A rejection is a failure of our own and ends
   * the node.
   */
  apply(block: Uint8Array, certificate: Uint8Array): Promise<ProtocolError | null | undefined>;
  blockBytes(number: number): ServedBlock | undefined;
  /** Up to where blocks above genesis are not kept any more; 0 if all are. */
  base(): number;
  /** The block of our newest snapshot; undefined if there is none. */
  snapshot?(): number | undefined;
  send(peer: Address, message: Message): void;
  /** `bad-block` and `bad-answer` are proven; `slow` is not. Sync itself hears a proven offender no more. */
  offend(peer: Address, offence: SyncOffence, detail: string): void;
  /** The peer's block `number` is final, but does not follow ours: it has another one in front of it. */
  otherBranch(peer: Address, number: number): void;
  phaseChanged(phase: Phase): void;
  log(level: LogLevel, fields: Readonly<Record<string, unknown>>, text: string): void;
}

/** The messages that are for sync. */
export type SyncMessage = MessageOf<'RBH' | 'BLH' | 'RBL' | 'ABL' | 'BLK'>;

export class Sync {
  readonly #clock: Clock;
  readonly #dependencies: SyncDependencies;
  readonly #claims = new Claims();
  readonly #download = new Download(0);
  readonly #server: BlockServer;
  readonly #meter = new ProgressMeter();
  #life: Life;
  /** Of `#life`: asked for with every message. */
  #phase: Phase;
  #tick: Timer | undefined;
  #attention: Attention;
  #waitUntilMs = Number.POSITIVE_INFINITY;
  #pollAtMs = 0;
  #logAtMs = 0;
  /** Blocks that are being applied, in their order. */
  #applying: HeldBlock[] = [];
  /** Whether one of them was bad, so that no other may follow them. */
  #broken = false;
  #whenIdle: (() => void)[] = [];
  /** In the ready phase: the claim that consensus may still reach by itself, and until when. */
  #grace: { readonly height: number; readonly untilMs: number } | undefined;
  /** In the ready phase: whether a claim outlived its grace, so that its blocks are asked for. */
  #probing = false;
  #tellOutOfReachAtMs: number | null = null;
  /** The last fetched block that was applied, and how many were so in a row without anything else moving the head. */
  #run = { last: 0, length: 0 };

  constructor(clock: Clock, dependencies: SyncDependencies) {
    this.#clock = clock;
    this.#attention = new Attention(clock);
    this.#dependencies = dependencies;
    this.#server = new BlockServer(
      (number) => dependencies.blockBytes(number),
      () => dependencies.base(),
    );
    [this.#life] = beginLife();
    this.#phase = phaseOf(this.#life);
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Why the node died; null while it lives and after an orderly end. */
  get failure(): Error | null {
    return this.#life.context.failure;
  }

  /** The highest block that a peer in good standing says it has, as far as we can get there; never less than our head. */
  get bestKnownHeight(): number {
    const head = this.#head;
    return Math.max(head, this.#claims.best(head, this.#now()), this.#download.reach);
  }

  /** If our next block is kept by no peer any more, what they say they have; null otherwise. */
  get outOfReach(): OutOfReach | null {
    return this.#alive && this.bestKnownHeight === this.#head ? this.#claims.outOfReach(this.#head) : null;
  }

  /** How the download goes; null while there is none. */
  progress(): SyncProgress | null {
    if (this.phase !== 'downloading') return null;
    return this.#meter.report(this.#head, this.bestKnownHeight, this.#clock.monotonic());
  }

  /** The node has its genesis, so `head()` answers: boot begins. */
  start(): void {
    if (this.phase !== 'genesis') throw new Error('sync was started twice');
    this.#attention = new Attention(this.#clock);
    this.#pollAtMs = this.#now() + POLL_MS;
    this.#download.advance(this.#head);
    this.#step({ type: 'genesisKnown' });
    this.#scheduleTick();
  }

  /** Resolves when no block is being applied any more and none will be. */
  stop(): Promise<void> {
    this.#step({ type: 'stop' });
    this.#tick?.cancel();
    if (this.#applying.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  /** Everything is closed: the node is dead. */
  stopped(): void {
    this.#step({ type: 'stopped' });
  }

  /** Something of our own is broken beyond repair. */
  fail(failure: Error): void {
    this.#dependencies.log('error', { reason: failure.message }, 'the node cannot go on');
    this.#tick?.cancel();
    this.#step({ type: 'failed', failure });
  }

  /** The first dial to every configured peer has ended, well or not. */
  dialsDone(): void {
    this.#step({ type: 'dialsDone' });
    this.#assess();
  }

  /** A handshake is whole; `height` is what the peer's ACK said. */
  peerUp(peer: Address, height: number): void {
    this.#claims.add(peer, height);
    this.#assess();
  }

  peerDown(peer: Address): void {
    this.#claims.remove(peer);
    this.#download.release(peer);
    this.#server.forget(peer);
    this.#assess();
  }

  /** Consensus made block `number` final and stored it. */
  headMoved(number: number): void {
    this.#download.advance(number);
    this.#assess();
  }

  /**
   * The peer did what only a node with final block `height` does: a message of consensus height h implies h − 1. Nobody
   * has checked that message, and there may be thousands of them a second: only the first claim of a peer beyond the
   * head is acted upon at once, higher ones at the next tick.
   */
  claimed(peer: Address, height: number): void {
    const head = this.#head;
    const isNews = height > head && this.#claims.heightOf(peer) <= head;
    this.#claims.implies(peer, height);
    if (isNews) this.#assess();
  }

  message(peer: Address, message: SyncMessage): void {
    if (!this.#alive || !this.#claims.hears(peer)) return;
    switch (message.type) {
      case 'RBH':
        this.#claims.tells(peer, message.block_number);
        this.#tellHeight(peer, message.request_id);
        return this.#assess();
      case 'BLH':
        this.#claims.tells(peer, message.block_number, message.request_id);
        return this.#assess();
      case 'RBL':
        if (this.#server.request(peer, message, this.#now())) this.#serve();
        return;
      case 'ABL':
        return this.#takeAnswer(peer, message);
      case 'BLK':
        return this.#takeBlock(peer, message);
    }
  }

  get #head(): number {
    return this.#dependencies.head().number;
  }

  /** Whether sync does anything: from genesis known to stopping. */
  get #alive(): boolean {
    return this.#phase !== 'genesis' && this.#phase !== 'stopping' && this.#phase !== 'dead';
  }

  #now(): number {
    return this.#attention.nowMs;
  }

  #scheduleTick(): void {
    this.#tick = this.#clock.after(TICK_MS, () => this.#onTick());
  }

  #onTick(): void {
    if (!this.#alive) return;
    const nowMs = this.#attention.tick();
    this.#scheduleTick();
    for (const { peer, from, count } of this.#download.expire(nowMs)) {
      this.#claims.unfounded(peer, nowMs);
      this.#dependencies.offend(peer, 'slow', `no answer to a request for ${count} blocks from ${from} on`);
    }
    if (nowMs >= this.#waitUntilMs) {
      this.#waitUntilMs = Number.POSITIVE_INFINITY;
      this.#step({ type: 'waited' });
    }
    if (nowMs >= this.#pollAtMs) this.#askHeights();
    this.#serve();
    this.#assess();
    this.#logProgress();
    this.#tellOutOfReach(nowMs);
  }

  #step(event: LifeEvent): void {
    const [life, effects] = stepLife(this.#life, event);
    this.#life = life;
    this.#phase = phaseOf(life);
    for (const effect of effects) {
      switch (effect.type) {
        case 'enter':
          this.#enter(effect.phase);
          break;
        case 'askHeights':
          this.#askHeights();
          break;
        case 'startWaiting':
          this.#waitUntilMs = this.#now() + WAIT_MS;
          break;
      }
    }
  }

  #enter(phase: Phase): void {
    this.#grace = undefined;
    this.#probing = false;
    this.#run = { last: 0, length: 0 };
    if (phase === 'connecting' || phase === 'ready') this.#meter.reset();
    this.#dependencies.phaseChanged(phase);
  }

  /** Tells `life` where we stand, and asks for the blocks that are wanted now. To be called after whatever changed. */
  #assess(): void {
    if (!this.#alive) return;
    const nowMs = this.#now();
    const head = this.#head;
    this.#download.advance(head);
    let before: Phase;
    do {
      before = this.#phase;
      if (!heedsAssessment(before)) break;
      const best = Math.max(head, this.#claims.best(head, nowMs), this.#download.reach);
      this.#step({ type: 'assessed', head, best, unanswered: this.#claims.unanswered(nowMs) });
    } while (this.#phase !== before);
    if (before === 'ready') this.#considerProbe(head, nowMs);
    if (before === 'downloading' || this.#probing) this.#request(head, nowMs);
    this.#applyNext();
  }

  #considerProbe(head: number, nowMs: number): void {
    const height = this.#claims.best(head, nowMs);
    if (height <= head) {
      this.#grace = undefined;
      this.#probing = false;
    } else if (this.#grace === undefined || head >= this.#grace.height) {
      this.#grace = { height, untilMs: nowMs + CLAIM_GRACE_MS };
    } else if (nowMs >= this.#grace.untilMs) {
      this.#probing = true;
    }
  }

  #request(head: number, nowMs: number): void {
    for (const { id, peer, from, count } of this.#download.plan(this.#claims.sources(head, nowMs), nowMs)) {
      this.#dependencies.send(peer, { type: 'RBL', request_id: id, start_from_block: from, count });
    }
  }

  /** Hands on the blocks that are here, as many as may be applied at once. */
  #applyNext(): void {
    if (!this.#alive || this.#broken) return;
    for (;;) {
      const last = this.#applying.at(-1)?.number ?? 0;
      const held = this.#download.at(Math.max(this.#head, last) + 1);
      if (held === undefined || !this.#mayApply(held)) return;
      this.#apply(held);
    }
  }

  /** In the ready phase one at a time, as consensus may make the next one final as well. */
  #mayApply({ block, certificate }: HeldBlock): boolean {
    if (this.#applying.length === 0) return true;
    return this.phase === 'downloading' && this.#dependencies.hasRoom(block.length + certificate.length);
  }

  #apply(held: HeldBlock): void {
    this.#applying.push(held);
    if (held.fetched) this.#step({ type: 'applying' });
    this.#dependencies.apply(held.block, held.certificate).then(
      (error) => this.#afterApply(held, error),
      (error: unknown) => {
        this.#leave();
        this.fail(asError(error));
      },
    );
  }

  #afterApply(held: HeldBlock, error: ProtocolError | null | undefined): void {
    if (error !== null) this.#broken = true;
    this.#leave();
    if (!this.#alive) return;
    if (error !== null) this.#refused(held, error);
    else if (this.#head < held.number)
      this.fail(new Error(`block ${held.number} was applied but the head did not move`));
    else this.#applied(held);
    if (this.#applying.some(({ fetched }) => fetched)) this.#step({ type: 'applying' });
    this.#assess();
  }

  /** The first of those that are being applied is not any more. */
  #leave(): void {
    this.#applying.shift();
    if (this.#applying.length > 0) return;
    this.#broken = false;
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  #applied(held: HeldBlock): void {
    this.#download.advance(this.#head);
    this.#meter.sample(this.#head, this.#clock.monotonic());
    if (held.founded) this.#claims.founded(held.peer, held.number);
    if (!held.fetched) return;
    this.#step({ type: 'applied' });
    const length = this.#run.last === held.number - 1 ? this.#run.length + 1 : 1;
    this.#run = { last: held.number, length };
    if (length >= 2 && this.#download.next !== undefined) this.#step({ type: 'fellBehind' });
  }

  /** @param error undefined if another one is to blame */
  #refused(held: HeldBlock, error: ProtocolError | undefined): void {
    if (error instanceof OtherParentError) this.#otherBranch(held, error);
    else if (error !== undefined)
      this.#bar(held.peer, 'bad-block', `block ${held.number}: ${error.code}: ${error.message}`);
    if (held.fetched) this.#step({ type: 'refused' });
  }

  /** It lives on another branch in good faith: it has to be heard, but hardly ever asked for what we cannot use. */
  #otherBranch({ peer, number }: HeldBlock, { message }: OtherParentError): void {
    this.#claims.unfounded(peer, this.#now());
    this.#download.discard(peer);
    const fields = { peer, number, reason: message };
    this.#dependencies.log('debug', fields, 'a final block of a peer does not follow ours');
    this.#dependencies.otherBranch(peer, number);
  }

  #bar(peer: Address, offence: SyncOffence, detail: string): void {
    this.#claims.bar(peer);
    this.#download.discard(peer);
    this.#dependencies.log('warn', { peer, offence, detail }, 'a peer sent what it must not send');
    this.#dependencies.offend(peer, offence, detail);
  }

  #takeAnswer(peer: Address, message: MessageOf<'ABL'>): void {
    const nowMs = this.#now();
    const answer = this.#download.answer(peer, message.request_id, message.blocks, nowMs);
    if (answer.kind === 'stale') return;
    if (answer.kind === 'offence') this.#bar(peer, 'bad-answer', answer.detail);
    else if (message.base !== undefined && message.base > answer.last)
      this.#claims.keepsAbove(peer, message.base);
    else if (answer.short) {
      this.#claims.tells(peer, answer.last);
      this.#claims.unfounded(peer, nowMs);
    }
    this.#assess();
  }

  #takeBlock(peer: Address, message: MessageOf<'BLK'>): void {
    let number: number;
    try {
      number = numberOfBlock(message.block);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#bar(peer, 'bad-block', error.message);
      return this.#assess();
    }
    this.#claims.implies(peer, number);
    const head = this.#head;
    if (number <= head) return;
    if (number <= head + MAX_OFFER_AHEAD) {
      this.#download.offer(peer, number, message.block, message.certificate);
    }
    this.#assess();
  }

  #tellHeight(peer: Address, requestId: number): void {
    const { number, id } = this.#dependencies.head();
    const snapshot = this.#dependencies.snapshot?.();
    this.#dependencies.send(peer, {
      type: 'BLH',
      request_id: requestId,
      block_number: number,
      block_id: id,
      snapshot,
    });
  }

  #askHeights(): void {
    const nowMs = this.#now();
    this.#pollAtMs = nowMs + POLL_MS;
    const head = this.#head;
    for (const { peer, id } of this.#claims.ask(nowMs)) {
      this.#dependencies.send(peer, { type: 'RBH', request_id: id, block_number: head });
    }
  }

  #serve(): void {
    for (const { peer, message } of this.#server.due(this.#now())) this.#dependencies.send(peer, message);
  }

  #tellOutOfReach(nowMs: number): void {
    const { outOfReach } = this;
    if (outOfReach === null) {
      this.#tellOutOfReachAtMs = null;
      return;
    }
    this.#tellOutOfReachAtMs ??= nowMs + OUT_OF_REACH_MS;
    if (nowMs < this.#tellOutOfReachAtMs) return;
    this.#tellOutOfReachAtMs = nowMs + TELL_OUT_OF_REACH_EVERY_MS;
    this.#dependencies.log(
      'warn',
      { head: this.#head, ...outOfReach },
      outOfReachText(this.#head, outOfReach),
    );
  }

  #logProgress(): void {
    const progress = this.progress();
    if (progress === null || this.#now() < this.#logAtMs) return;
    this.#logAtMs = this.#now() + LOG_EVERY_MS;
    this.#dependencies.log('info', { ...progress }, 'syncing');
  }
}

/** For people. */
export function outOfReachText(head: number, { base }: OutOfReach): string {
  return (
    `no peer keeps block ${head + 1} any more, those that have gone on only the blocks above ${base}: this node needs a ` +
    'peer that keeps everything, or a snapshot'
  );
}
