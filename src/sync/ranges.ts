/** A set of block numbers as disjoint, non-adjacent, rising ranges, so that "all from here on" costs one entry. */
export interface Range {
  readonly from: number;
  /** Inclusive; may be Infinity. */
  readonly to: number;
}

export class Ranges {
  #ranges: Range[] = [];

  /** The ranges in rising order. */
  get list(): readonly Range[] {
    return this.#ranges;
  }

  /** The lowest range, undefined if the set is empty. */
  get first(): Range | undefined {
    return this.#ranges[0];
  }

  add(from: number, to: number): void {
    const before = this.#ranges.filter((range) => range.to < from - 1);
    const after = this.#ranges.filter((range) => range.from > to + 1);
    const touching = this.#ranges.slice(before.length, this.#ranges.length - after.length);
    const merged = {
      from: Math.min(from, touching[0]?.from ?? from),
      to: Math.max(to, touching.at(-1)?.to ?? to),
    };
    this.#ranges = [...before, merged, ...after];
  }

  remove(from: number, to: number): void {
    this.#ranges = this.#ranges.flatMap((range) => {
      if (range.to < from || range.from > to) return [range];
      const rest: Range[] = [];
      if (range.from < from) rest.push({ from: range.from, to: from - 1 });
      if (range.to > to) rest.push({ from: to + 1, to: range.to });
      return rest;
    });
  }
}
