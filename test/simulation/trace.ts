/** What happened, line by line: the last ones are kept for people, all of them go into one hash. */

const KEPT = 200;

export class Trace {
  readonly #recent: string[] = [];
  readonly #print: ((line: string) => void) | undefined;
  #high = 0x811c9dc5;
  #low = 0x9dc5811c;
  #count = 0;

  constructor(print?: (line: string) => void) {
    this.#print = print;
  }

  add(nowMs: number, what: string): void {
    const line = `${nowMs.toFixed(3)} ${what}`;
    this.#recent[this.#count % KEPT] = line;
    this.#count++;
    let high = this.#high;
    let low = this.#low;
    for (let i = 0; i < line.length; i++) {
      const code = line.charCodeAt(i);
      high = Math.imul(high ^ code, 0x01000193);
      low = Math.imul(low + code, 0x85ebca6b) ^ (low >>> 15);
    }
    this.#high = high;
    this.#low = low;
    this.#print?.(line);
  }

  get count(): number {
    return this.#count;
  }

  /** The same for the same seed, on every machine. */
  get hash(): string {
    return [this.#high, this.#low].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  }

  recent(): string[] {
    const from = Math.max(0, this.#count - KEPT);
    return Array.from({ length: this.#count - from }, (_, i) => this.#recent[(from + i) % KEPT] ?? '');
  }
}
