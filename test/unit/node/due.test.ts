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

describe('rule 2: when a block is due', () => {
  it('is due at once with min_bound ready transactions', () => {
    expect(dueInMs(mining, 1, 3)).toBe(0);
  });

  it('is due when the interval has passed since the head, counted from its time', () => {
    expect(dueInMs(mining, 1_000, 0)).toBe(4_000);
    expect(dueInMs(mining, 5_000, 2)).toBe(0);
    expect(dueInMs(mining, 60_000, 0)).toBe(0);
  });

  it('waits for something ready where empty blocks are not allowed, and then for the interval', () => {
    const full = { ...mining, allow_empty: false };
    expect(dueInMs(full, 60_000, 0)).toBeUndefined();
    expect(dueInMs(full, 2_000, 1)).toBe(3_000);
    expect(dueInMs(full, 60_000, 1)).toBe(0);
  });

  it('understands fractions of a second', () => {
    expect(dueInMs({ ...mining, interval: 0.25 }, 0, 0)).toBe(250);
    expect(dueInMs({ ...mining, interval: 0 }, 0, 0)).toBe(0);
    expect(dueInMs({ ...mining, interval: 0.25 }, 249.999_999, 0)).toBe(1);
  });
});
