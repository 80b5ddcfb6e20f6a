/**
 * Transfers at a steady rate, as a careful application sends them: signed here, handed to a validator, looked for in
 * the final blocks that a node shows, and handed in again, the very same bytes, while they are not there. So a node that
 * is killed with transfers that nobody else has costs time, and nothing else.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { LOAD_AMOUNT, LOAD_FEE } from '../../plugins/lib/devnet/plan.js';
import { type SignedTransfer, signTransfer } from '../../src/client/index.js';
import type { Account } from '../../src/keys/account.js';
import type { LocalNetwork, LocalNode } from './local-network.js';

const TICK_MS = 50;
/** What was missed while the machine was busy is made up for, but not by more than this at once. */
const MAX_CATCH_UP_MS = 1_000;
/** Below the 256 that a pool takes of one sender. */
const MAX_UNDER_WAY_PER_SENDER = 200;
const RESEND_AFTER_MS = 3_000;
const LOOK_EVERY_MS = 200;
const PAGE_BLOCKS = 100;

interface UnderWay extends SignedTransfer {
  readonly firstSentMs: number;
  lastSentMs: number;
}

interface Sender {
  readonly account: Account;
  nextNonce: number;
  /** In the order of nonces. */
  readonly underWay: Map<string, UnderWay>;
  /** H(H(H(first id) || second id) …): what the chain must hold of this sender, in that order, and nothing else. */
  digest: string;
}

/** What a chain must hold of one sender. */
export interface Expected {
  readonly address: string;
  readonly transactions: number;
  readonly digest: string;
}

export class SteadyLoad {
  readonly #senders: readonly Sender[];
  readonly #network: LocalNetwork;
  readonly #validators: readonly LocalNode[];
  readonly #reader: LocalNode;
  #turn = 0;
  #sent = 0;
  #final = 0;
  #resent = 0;
  #nextBlock = 1;
  /** Milliseconds from the first submission to being seen in a final block, since they were taken last. */
  #latencies: number[] = [];

  /** @param reader the node whose final blocks are believed; it is never killed alone */
  constructor(network: LocalNetwork, reader: LocalNode) {
    this.#network = network;
    this.#validators = network.nodes.filter(({ role }) => role === 'validator');
    this.#reader = reader;
    this.#senders = network.senders.map((account) => ({
      account,
      nextNonce: 0,
      underWay: new Map(),
      digest: '',
    }));
  }

  get sent(): number {
    return this.#sent;
  }

  /** Seen in final blocks of the reader. */
  get final(): number {
    return this.#final;
  }

  /** Handed in more than once, counted each further time. */
  get resent(): number {
    return this.#resent;
  }

  expected(): Expected[] {
    return this.#senders.map(({ account, nextNonce, digest }) => ({
      address: account.address,
      transactions: nextNonce,
      digest,
    }));
  }

  /** Milliseconds from submission to final, of those that became final since the last call. */
  takeLatencies(): readonly number[] {
    const taken = this.#latencies;
    this.#latencies = [];
    return taken;
  }

  /** Sends until `signal` is aborted. */
  async run(perSecond: number, signal: AbortSignal): Promise<void> {
    let lastMs = performance.now();
    let owed = 0;
    while (!signal.aborted) {
      await sleep(TICK_MS);
      const nowMs = performance.now();
      owed += (Math.min(nowMs - lastMs, MAX_CATCH_UP_MS) * perSecond) / 1000;
      lastMs = nowMs;
      for (; owed >= 1; owed--) {
        const sender = this.#nextSender();
        if (sender === undefined) {
          // The network does not keep up: what is not sent now is not owed later.
          owed = 0;
          break;
        }
        this.#sign(sender, nowMs);
      }
      this.#submitWaiting(nowMs);
    }
  }

  /** Looks for what is final, and hands in again what is not, until `signal` is aborted. */
  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#look();
      await sleep(LOOK_EVERY_MS);
    }
  }

  /** Resolves once everything sent is final; nothing more may be sent meanwhile. @throws Error after `withinMs` */
  async drain(withinMs: number): Promise<void> {
    const untilMs = performance.now() + withinMs;
    while (this.#final < this.#sent) {
      if (performance.now() > untilMs)
        throw new Error(
          `${this.#sent - this.#final} transfers are not final ${withinMs / 1000} s after the last one`,
        );
      this.#submitWaiting(performance.now());
      await sleep(TICK_MS);
    }
  }

  #nextSender(): Sender | undefined {
    for (let tried = 0; tried < this.#senders.length; tried++) {
      const sender = this.#senders[this.#turn++ % this.#senders.length] as Sender;
      if (sender.underWay.size < MAX_UNDER_WAY_PER_SENDER) return sender;
    }
    return undefined;
  }

  #sign(sender: Sender, nowMs: number): void {
    const to = this.#senders[(this.#senders.indexOf(sender) + 1) % this.#senders.length] as Sender;
    const signed = signTransfer(
      { to: to.account.address, amount: LOAD_AMOUNT, fee: LOAD_FEE, nonce: sender.nextNonce++ },
      sender.account.privateKey,
      this.#network.genesisId,
    );
    sender.digest = extend(sender.digest, signed.id);
    sender.underWay.set(signed.id, { ...signed, firstSentMs: nowMs, lastSentMs: Number.NEGATIVE_INFINITY });
    this.#sent++;
  }

  /** What was never handed in, or too long ago; a sender keeps to one validator as long as that answers. */
  #submitWaiting(nowMs: number): void {
    this.#senders.forEach((sender, index) => {
      const due = [...sender.underWay.values()].filter((one) => nowMs - one.lastSentMs > RESEND_AFTER_MS);
      if (due.length === 0) return;
      for (const one of due) {
        if (one.lastSentMs > 0) this.#resent++;
        one.lastSentMs = nowMs;
      }
      void this.#submit(
        due.map(({ wire }) => wire),
        index,
      );
    });
  }

  /** To one validator after another until one takes them; if none does, their time comes again. */
  async #submit(wires: readonly Uint8Array[], at: number): Promise<void> {
    for (let tried = 0; tried < this.#validators.length; tried++) {
      const node = this.#validators[(at + tried) % this.#validators.length] as LocalNode;
      // What is refused (its nonce may be final by now) is not judged here: the chain is, in the end.
      const answers = await node.client.submitAll(wires).catch(() => undefined);
      if (answers !== undefined) return;
    }
  }

  async #look(): Promise<void> {
    const page = await this.#reader.client
      .blocks({ from: this.#nextBlock, limit: PAGE_BLOCKS })
      .catch(() => undefined);
    if (page === undefined) return;
    const nowMs = performance.now();
    for (const { number, body } of page.items) {
      this.#nextBlock = number + 1;
      for (const { id, from } of body) this.#isFinal(from, id, nowMs);
    }
  }

  #isFinal(from: string, id: string, nowMs: number): void {
    const sender = this.#senders.find(({ account }) => account.address === from);
    const known = sender?.underWay.get(id);
    if (sender === undefined || known === undefined)
      throw new Error(`${id} was never sent, or is final twice`);
    sender.underWay.delete(id);
    this.#latencies.push(nowMs - known.firstSentMs);
    this.#final++;
  }
}

/** One more id in a digest of a list of ids. */
export function extend(digest: string, id: string): string {
  return createHash('sha256').update(digest).update(id).digest('hex');
}
