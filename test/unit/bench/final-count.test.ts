import { describe, expect, it } from 'vitest';
import { FinalCount, type FinalLine } from '../../../bench/lib/cluster.js';

function line(number: number, transactions: number, id = `block ${number}`): FinalLine {
  return { event: 'final', number, transactions, id };
}

describe('FinalCount', () => {
  it('counts a block once, when the last node has it', () => {
    const count = new FinalCount(3);
    count.add(line(2, 10));
    count.add(line(2, 10));
    expect([count.transactions, count.height]).toEqual([0, 1]);
    count.add(line(2, 10));
    expect([count.transactions, count.height]).toEqual([10, 2]);
  });

  it('counts blocks in whatever order nodes have them', () => {
    const count = new FinalCount(2);
    for (const block of [line(2, 1), line(3, 2), line(4, 4)]) count.add(block);
    count.add(line(2, 1));
    expect([count.transactions, count.height]).toEqual([1, 2]);
    count.add(line(3, 2));
    count.add(line(4, 4));
    expect([count.transactions, count.height]).toEqual([7, 4]);
  });

  it('wakes everybody who waits for the next block, and whoever waits for a height when it is reached', async () => {
    const count = new FinalCount(1);
    const seen: string[] = [];
    const waiting = [
      count.next().then(() => seen.push(`next at ${count.height}`)),
      count.next().then(() => seen.push(`next at ${count.height}`)),
      count.reaches(3).then(() => seen.push(`reached ${count.height}`)),
    ];
    count.add(line(2, 1));
    await Promise.all(waiting.slice(0, 2));
    expect(seen).toEqual(['next at 2', 'next at 2']);
    count.add(line(3, 1));
    await waiting[2];
    expect(seen.at(-1)).toBe('reached 3');
    await count.reaches(3);
  });

  it('calls a difference between nodes by its name', async () => {
    const count = new FinalCount(2);
    count.add(line(2, 1));
    count.add(line(2, 1, 'another block'));
    await expect(count.next()).rejects.toThrow('block 2 is not the same on all nodes');
  });
});
