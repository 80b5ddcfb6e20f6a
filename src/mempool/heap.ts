/** A binary heap whose items know their place in it, so that any of them can be moved or taken out in O(log n). */

export interface HeapItem {
  /** Kept by the heap: -1 while the item is in none. */
  heapIndex: number;
}

export class Heap<T extends HeapItem> {
  readonly #items: T[] = [];
  readonly #before: (a: T, b: T) => boolean;

  /** @param before whether `a` comes out before `b` */
  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before;
  }

  get size(): number {
    return this.#items.length;
  }

  /** The item that comes out first. */
  peek(): T | undefined {
    return this.#items[0];
  }

  /** Puts an item in, or to its new place if what it is compared by has changed. */
  place(item: T): void {
    if (item.heapIndex === -1) {
      item.heapIndex = this.#items.length;
      this.#items.push(item);
    }
    this.#sink(this.#rise(item));
  }

  /** Takes an item out, if it is in. */
  remove(item: T): void {
    const index = item.heapIndex;
    if (index === -1) return;
    item.heapIndex = -1;
    const last = this.#items.pop() as T;
    if (last === item) return;
    this.#put(last, index);
    this.#sink(this.#rise(last));
  }

  #rise(item: T): T {
    while (item.heapIndex > 0) {
      const index = item.heapIndex;
      const parent = this.#items[(index - 1) >> 1] as T;
      if (!this.#before(item, parent)) break;
      this.#put(item, parent.heapIndex);
      this.#put(parent, index);
    }
    return item;
  }

  #sink(item: T): void {
    for (;;) {
      const index = item.heapIndex;
      const left = this.#items[2 * index + 1];
      const right = this.#items[2 * index + 2];
      const child = left && right && this.#before(right, left) ? right : left;
      if (child === undefined || !this.#before(child, item)) return;
      this.#put(item, child.heapIndex);
      this.#put(child, index);
    }
  }

  #put(item: T, index: number): void {
    this.#items[index] = item;
    item.heapIndex = index;
  }
}
