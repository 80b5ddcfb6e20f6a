/** Things that happen, in their order, and tests that wait for one of them: past or to come, never by sleeping. */
export class History<T> {
  readonly all: T[] = [];
  readonly #waiting = new Set<{
    readonly matches: (item: T) => boolean;
    readonly found: (item: T) => void;
  }>();

  add(item: T): void {
    this.all.push(item);
    for (const waiting of [...this.#waiting]) {
      if (!waiting.matches(item)) continue;
      this.#waiting.delete(waiting);
      waiting.found(item);
    }
  }

  /** The first that matches, of those from `from` on; the test's own timeout is the guard against waiting for ever. */
  until(matches: (item: T) => boolean, from = 0): Promise<T> {
    const past = this.all.slice(from).find(matches);
    if (past !== undefined) return Promise.resolve(past);
    return new Promise((found) => this.#waiting.add({ matches, found }));
  }
}
