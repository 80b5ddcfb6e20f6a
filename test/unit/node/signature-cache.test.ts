/** What is remembered of checked signatures, and for how long. */
import { describe, expect, it } from 'vitest';
import { GENERATION, SignatureCache } from '../../../src/node/signature-cache.js';

const transactions = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ wireHash: (from + i).toString(16).padStart(64, '0') }));
const hashOf = (index: number) => (transactions(index, 1)[0] as { wireHash: string }).wireHash;

describe('the cache of checked signatures', () => {
  it('knows what was put in until a whole generation came after it', () => {
    const cache = new SignatureCache();
    cache.addAll(transactions(0, 1));
    cache.addAll(transactions(1, GENERATION));
    expect([cache.has(hashOf(0)), cache.has(hashOf(GENERATION))]).toEqual([true, true]);
    expect(cache.has(hashOf(GENERATION + 1))).toBe(false);
  });

  it('has forgotten it after two', () => {
    const cache = new SignatureCache();
    cache.addAll(transactions(0, 2 * GENERATION));
    expect([cache.has(hashOf(0)), cache.has(hashOf(2 * GENERATION - 1))]).toEqual([false, true]);
  });

  it('spends no second place on what it knows', () => {
    const cache = new SignatureCache();
    cache.addAll(transactions(0, GENERATION));
    for (let i = 0; i < 2; i++) cache.addAll(transactions(0, GENERATION));
    cache.addAll(transactions(GENERATION, GENERATION - 1));
    expect([cache.has(hashOf(0)), cache.has(hashOf(2 * GENERATION - 2))]).toEqual([true, true]);
  });

  it('knows what is pending, and keeps no place for it', () => {
    const pending = new Set([hashOf(0)]);
    const cache = new SignatureCache((wireHash) => pending.has(wireHash));
    cache.addAll(transactions(0, 2));
    expect([cache.has(hashOf(0)), cache.has(hashOf(1))]).toEqual([true, true]);
    pending.clear();
    expect([cache.has(hashOf(0)), cache.has(hashOf(1))]).toEqual([false, true]);
  });
});
