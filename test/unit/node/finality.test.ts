/** Who is told of final blocks, and in which order. */
import { describe, expect, it } from 'vitest';
import type { Committed } from '../../../src/node/chain.js';
import type { BlockFinality } from '../../../src/node/face.js';
import { Finality } from '../../../src/node/finality.js';
import { AuthoritySet } from '../../../src/protocol/authorities.js';
import { encodeCertificate } from '../../../src/protocol/certificate.js';
import { TEST_KEYS } from '../../support/genesis.js';
import { ManualClock } from '../../support/manual-clock.js';
import { fakeBlock } from '../consensus/fakes.js';

const WORKED_MS = 12.34;
const ALICE = 'aa'.repeat(20);

function committed(number: number, synced: boolean): Committed {
  const changes = new Map([[ALICE, { nonce: number, balance: 1, stake: 0 }]]);
  const certificate = encodeCertificate(0, []);
  return { block: fakeBlock(number, ALICE, 'ours'), certificate, changes, synced };
}

describe('what follows when blocks became final', () => {
  it('is told to the mempool, to consensus, to those who follow the head, to listeners, and last to the log', () => {
    const told: string[] = [];
    const blocks = [committed(1, false), committed(2, false)];
    const last = blocks.at(-1) as Committed;
    let workedMs = WORKED_MS;
    const finality = new Finality({
      clock: new ManualClock(),
      log: (_level, { event, number }) => told.push(`log: ${event} ${number}`),
      authorities: new AuthoritySet(TEST_KEYS.slice(0, 4)),
      chain: { head: last.block },
      mempool: {
        blockApplied: ({ header }, touched) => told.push(`mempool: ${header.number} ${[...touched]}`),
      },
      consensus: {
        get workedMs() {
          return workedMs;
        },
        enterHeight: () => {
          workedMs = 0;
          told.push('consensus');
        },
      },
      followers: ['one', 'other'].map((name) => ({
        headMoved: (number) => told.push(`${name}: ${number}`),
      })),
    });
    finality.onFinal(({ block, finalityMs }) => told.push(`listener: ${block.header.number} ${finalityMs}`));
    finality.reached(blocks);
    expect(told).toEqual([
      `mempool: 1 ${ALICE}`,
      `mempool: 2 ${ALICE}`,
      'consensus',
      'one: 2',
      'other: 2',
      `listener: 1 ${WORKED_MS}`,
      'log: final 1',
      `listener: 2 ${WORKED_MS}`,
      'log: final 2',
    ]);
  });

  it('counts no time of ours for blocks that peers gave, and is told to nobody who listens no more', () => {
    const block = committed(1, true);
    const finality = new Finality({
      clock: new ManualClock(),
      log: () => {},
      authorities: new AuthoritySet(TEST_KEYS.slice(0, 4)),
      chain: { head: block.block },
      mempool: { blockApplied: () => {} },
      consensus: { workedMs: WORKED_MS, enterHeight: () => {} },
      followers: [],
    });
    const heard: BlockFinality[] = [];
    const end = finality.onFinal((final) => heard.push(final));
    finality.reached([block]);
    expect(heard).toMatchObject([{ finalityMs: 0, synced: true }]);
    end();
    finality.reached([block]);
    expect(heard).toHaveLength(1);
  });
});
