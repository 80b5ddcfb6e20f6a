/** Makes one list of final blocks out of what all nodes report. */
import type { ChildEvent } from './child.js';

/** A final block, in the names of the devnet's JSON lines. */
export interface BlockLine {
  readonly number: number;
  readonly id: string;
  readonly leader: string;
  readonly round: number;
  readonly transactions: number;
  readonly finality_ms: number;
}

export class BlockFeed {
  #last = 0;

  /**
   * The block that `event` reports, if it is the first report of it. Blocks that a node fetched from others are no
   * news: they became final elsewhere, perhaps long ago.
   */
  next(event: ChildEvent): BlockLine | undefined {
    if (event.event !== 'final' || event.synced === true) return undefined;
    const { number, id, leader, round, transactions, finality_ms } = event as unknown as BlockLine;
    if (number <= this.#last) return undefined;
    this.#last = number;
    return { number, id, leader, round, transactions, finality_ms };
  }
}
