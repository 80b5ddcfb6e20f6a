/**
 * What follows when blocks have become final here: who is told of it, and in which order. They are on the disk and the
 * head has moved; nothing here can change that any more.
 */
import { leaderOf } from '../consensus/leader.js';
import type { Mempool } from '../mempool/mempool.js';
import type { Clock } from '../ports/clock.js';
import type { AuthoritySet } from '../protocol/authorities.js';
import type { Chain, Committed } from './chain.js';
import type { ConsensusService } from './consensus-service.js';
import type { BlockFinality } from './face.js';
import type { Log } from './log.js';

export interface FinalityParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly authorities: AuthoritySet;
  readonly chain: Pick<Chain, 'head'>;
  readonly mempool: Pick<Mempool, 'blockApplied'>;
  readonly consensus: Pick<ConsensusService, 'workedMs' | 'enterHeight'>;
  /** Told in this order, after mempool and consensus, which block is the head. */
  readonly followers: readonly { headMoved(number: number): void }[];
}

export class Finality {
  readonly #parts: FinalityParts;
  readonly #listeners = new Set<(finality: BlockFinality) => void>();

  constructor(parts: FinalityParts) {
    this.#parts = parts;
  }

  /** @returns what ends the listening */
  onFinal(listener: (finality: BlockFinality) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Blocks became final together. */
  reached(committed: readonly Committed[]): void {
    const { clock, chain, mempool, consensus, followers } = this.#parts;
    // Of the height that ends here.
    const { workedMs } = consensus;
    for (const { block, changes } of committed) mempool.blockApplied(block, changes.keys(), clock.now());
    consensus.enterHeight();
    const { number } = chain.head.header;
    for (const follower of followers) follower.headMoved(number);
    for (const block of committed) this.#tell(block, block.synced ? 0 : workedMs);
  }

  #tell({ block, certificate, synced }: Committed, finalityMs: number): void {
    const { authorities, log } = this.#parts;
    const { number } = block.header;
    const leader = leaderOf(authorities, number, certificate.round).address;
    // Somebody waits for it; nobody does for the line, which is written before anything else goes on.
    for (const listener of this.#listeners) listener({ block, certificate, leader, finalityMs, synced });
    log(
      'info',
      {
        event: 'final',
        number,
        id: block.id,
        leader,
        round: certificate.round,
        transactions: block.transactions.length,
        finality_ms: Math.round(finalityMs * 10) / 10,
        synced,
      },
      `block ${number} is final`,
    );
  }
}
