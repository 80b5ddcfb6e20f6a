import { describe, expect, it } from 'vitest';
import { dueInMs } from '../../../src/node/due.js';

const mining = {
  interval: 5,
  min_bound: 3,
  max_bound: 100,
  reward: 0,
  difficulty: 0,
  allow_empty: true,
  placeholder_data: ['rnd', 15],
} as const;
const HEAD_MS = 1_000_000;

describe('rule 2: when a block is due', () => {
  it('is due at once with min_bound ready transactions', () => {
    expect(dueInMs(mining, HEAD_MS, 3, HEAD_MS + 1)).toBe(0);
  });

  it('is due when the interval has passed since the head, counted from its time', () => {
    expect(dueInMs(mining, HEAD_MS, 0, HEAD_MS + 1_000)).toBe(4_000);
    expect(dueInMs(mining, HEAD_MS, 2, HEAD_MS + 5_000)).toBe(0);
    expect(dueInMs(mining, HEAD_MS, 0, HEAD_MS + 60_000)).toBe(0);
  });

  it('waits for something ready where empty blocks are not allowed, and then for the interval', () => {
    const full = { ...mining, allow_empty: false };
    expect(dueInMs(full, HEAD_MS, 0, HEAD_MS + 60_000)).toBeUndefined();
    expect(dueInMs(full, HEAD_MS, 1, HEAD_MS + 2_000)).toBe(3_000);
    expect(dueInMs(full, HEAD_MS, 1, HEAD_MS + 60_000)).toBe(0);
  });

  it('understands fractions of a second', () => {
    expect(dueInMs({ ...mining, interval: 0.25 }, HEAD_MS, 0, HEAD_MS)).toBe(250);
    expect(dueInMs({ ...mining, interval: 0 }, HEAD_MS, 0, HEAD_MS)).toBe(0);
  });
});
