import { expect, it } from 'vitest';
import { nodeFor } from '../../../bench/rows/latency.js';

const NODES = 4;

it('hands transfers to every validator at every distance from the leader, equally often from wherever one begins', () => {
  for (const first of [0, 2_000, 2_003]) {
    const met = new Set<string>();
    for (let index = first; index < first + NODES * NODES; index++) {
      const node = nodeFor(index);
      // The leader's place grows by one with each block, and so with each transfer.
      const distance = (((index - node) % NODES) + NODES) % NODES;
      met.add(`${node} at ${distance}`);
    }
    expect(met.size).toBe(NODES * NODES);
  }
});
