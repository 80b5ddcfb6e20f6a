/**
 * Blocks that arrived and wait for their turn to be applied, in any order: bounded in number and bytes, each under the
 * name of the peer that gave it. Bytes are copied, so that no block holds on to the frame it came in.
 */
import type { Address } from '../protocol/bytes.js';

/** How far beyond the head blocks are held (and fetched). */
export const MAX_AHEAD_BLOCKS = 2_048;
/** Bytes of held blocks; above it only the next block to apply is still taken. */
export const MAX_HELD_BYTES = 64 * 1024 * 1024;

/** A block that arrived, not checked yet. */
export interface HeldBlock {
  readonly number: number;
  readonly block: Uint8Array;
  readonly certificate: Uint8Array;
  readonly peer: Address;
  /** Whether we asked for it, or it was offered (BLK). */
  readonly fetched: boolean;
  /** Whether it came with all that its peer had claimed. */
  readonly founded: boolean;
}

export class HeldBlocks {
  #head: number;
  #reach: number;
  #bytes = 0;
  readonly #blocks = new Map<number, HeldBlock>();

  /** @param head the number of the last block applied */
  constructor(head: number) {
    this.#head = head;
    this.#reach = head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#blocks.size;
  }

  /** The last block of the unbroken run that is here after the head; the head itself if there is none. */
  get reach(): number {
    return this.#reach;
  }

  get(number: number): HeldBlock | undefined {
    return this.#blocks.get(number);
  }

  has(number: number): boolean {
    return this.#blocks.has(number);
  }

  /** Takes a block; false if it is not wanted, here already, or there is no room. */
  add(block: HeldBlock): boolean {
    const { number } = block;
    if (number <= this.#head || number > this.#head + MAX_AHEAD_BLOCKS || this.#blocks.has(number))
      return false;
    const sizeBytes = block.block.length + block.certificate.length;
    if (number !== this.#head + 1 && this.#bytes + sizeBytes > MAX_HELD_BYTES) return false;
    this.#blocks.set(number, {
      ...block,
      block: new Uint8Array(block.block),
      certificate: new Uint8Array(block.certificate),
    });
    this.#bytes += sizeBytes;
    this.#extendReach(this.#reach);
    return true;
  }

  /** The head is `head` now: drops what is held up to it. */
  advance(head: number): void {
    if (head - this.#head <= this.#blocks.size) {
      for (let number = this.#head + 1; number <= head; number++) this.#drop(number);
    } else {
      for (const number of [...this.#blocks.keys()]) if (number <= head) this.#drop(number);
    }
    this.#head = head;
    this.#extendReach(Math.max(this.#reach, head));
  }

  /** Drops all that `peer` gave; the numbers of these blocks. */
  discard(peer: Address): number[] {
    const numbers = [...this.#blocks.values()]
      .filter((held) => held.peer === peer)
      .map(({ number }) => number);
    for (const number of numbers) this.#drop(number);
    this.#extendReach(this.#head);
    return numbers;
  }

  #drop(number: number): void {
    const held = this.#blocks.get(number);
    if (held === undefined) return;
    this.#blocks.delete(number);
    this.#bytes -= held.block.length + held.certificate.length;
  }

  #extendReach(from: number): void {
    this.#reach = from;
    while (this.#blocks.has(this.#reach + 1)) this.#reach++;
  }
}
