/** Keeps the books of a load: which nonce is next, what is under way since when, and how it all went. Pure. */

/** Below the 256 that a pool takes of one sender, so that a load never runs into that limit. */
export const MAX_UNDER_WAY_PER_SENDER = 200;
/** The longest time from submission to final that is told apart. */
const MAX_LATENCY_MS = 60_000;

export interface LoadSummary {
  readonly sent: number;
  readonly final: number;
  readonly rejected: number;
  /** Sent, and neither final nor rejected in the end. */
  readonly unfinished: number;
  /** Final transfers a second, from the first submission to the last final block. */
  readonly per_second: number;
  /** From submission until a node said that the block is final; null if there was none. */
  readonly p50_ms: number | null;
  readonly p99_ms: number | null;
  /** How often each error code was the answer. */
  readonly reasons: Readonly<Record<string, number>>;
}

interface UnderWay {
  readonly sender: number;
  readonly nonce: number;
  readonly sentMs: number;
}

interface Sender {
  nextNonce: number;
  /** Nonces whose transaction was refused: they come first, as all later ones wait for them. */
  readonly gaps: number[];
  underWay: number;
}

export class LoadBook {
  readonly #senders: readonly Sender[];
  readonly #underWay = new Map<string, UnderWay>();
  readonly #reasons: Record<string, number> = {};
  /** How many took so many whole milliseconds. */
  readonly #latencies = new Uint32Array(MAX_LATENCY_MS + 1);
  #turn = 0;
  #sent = 0;
  #final = 0;
  #rejected = 0;
  #firstMs: number | undefined;
  #lastMs = 0;

  /** @param nonces the next nonce of each sender */
  constructor(nonces: readonly number[]) {
    this.#senders = nonces.map((nextNonce) => ({ nextNonce, gaps: [], underWay: 0 }));
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  /** Whose turn it is and with which nonce, in rotation; undefined while all have as much under way as they may. */
  take(): { readonly sender: number; readonly nonce: number } | undefined {
    for (let tried = 0; tried < this.#senders.length; tried++) {
      const index = this.#turn++ % this.#senders.length;
      const sender = this.#senders[index];
      if (sender === undefined || sender.underWay >= MAX_UNDER_WAY_PER_SENDER) continue;
      sender.underWay++;
      return { sender: index, nonce: sender.gaps.shift() ?? sender.nextNonce++ };
    }
    return undefined;
  }

  /** A transaction made of what `take` gave is on its way. */
  sent(id: string, sender: number, nonce: number, nowMs: number): void {
    this.#underWay.set(id, { sender, nonce, sentMs: nowMs });
    this.#firstMs ??= nowMs;
    this.#sent++;
  }

  /** A node refused it. Its nonce is used again, unless it was used already. */
  rejected(id: string, code: string): void {
    const entry = this.#end(id);
    if (entry === undefined) return;
    this.#rejected++;
    this.#reasons[code] = (this.#reasons[code] ?? 0) + 1;
    const gaps = this.#senders[entry.sender]?.gaps;
    if (code !== 'NONCE_TOO_LOW' && gaps !== undefined) {
      gaps.push(entry.nonce);
      gaps.sort((a, b) => a - b);
    }
  }

  /** These are in a final block; those that are not ours are passed over. */
  final(ids: Iterable<string>, nowMs: number): void {
    for (const id of ids) {
      const entry = this.#end(id);
      if (entry === undefined) continue;
      this.#final++;
      this.#lastMs = nowMs;
      const latencyMs = Math.min(MAX_LATENCY_MS, Math.max(0, Math.round(nowMs - entry.sentMs)));
      this.#latencies[latencyMs] = (this.#latencies[latencyMs] ?? 0) + 1;
    }
  }

  summary(): LoadSummary {
    const seconds = (this.#lastMs - (this.#firstMs ?? 0)) / 1000;
    return {
      sent: this.#sent,
      final: this.#final,
      rejected: this.#rejected,
      unfinished: this.#underWay.size,
      per_second: this.#final === 0 ? 0 : Math.round(this.#final / Math.max(seconds, 0.001)),
      p50_ms: this.#percentile(0.5),
      p99_ms: this.#percentile(0.99),
      reasons: { ...this.#reasons },
    };
  }

  /** The least latency that at least this share of the final ones kept to (nearest rank). */
  #percentile(share: number): number | null {
    const rank = Math.max(1, Math.ceil(this.#final * share));
    let seen = 0;
    for (const [latencyMs, count] of this.#latencies.entries()) {
      seen += count;
      if (seen >= rank) return latencyMs;
    }
    return null;
  }

  #end(id: string): UnderWay | undefined {
    const entry = this.#underWay.get(id);
    if (entry === undefined) return undefined;
    this.#underWay.delete(id);
    const sender = this.#senders[entry.sender];
    if (sender !== undefined) sender.underWay--;
    return entry;
  }
}
