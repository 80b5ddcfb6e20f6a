import { describe, expect, it } from 'vitest';
import { judgeGrowth, slope, WARM_UP_TRANSFERS } from '../../../bench/soak/growth.js';
import type { Sample } from '../../../bench/soak/samples.js';

const MIB = 1024 * 1024;
const TRANSFERS_A_BLOCK = 13;

/** An hour in which a node behaves, but for what `change` says of it. */
function hour(change: (height: number) => Partial<Sample>): Sample[] {
  return Array.from({ length: 360 }, (_, i) => {
    const height = 1 + i * 150;
    return {
      at_s: i * 10,
      node: 'one',
      life: 1,
      resident_bytes: 300 * MIB,
      // As garbage collection leaves it.
      anonymous_bytes: (150 + (i % 7) * 10) * MIB,
      heap_bytes: (50 + (i % 5) * 10) * MIB,
      open_files: 60,
      processor_ms: i,
      chain_bytes: height * 20_000,
      signer_bytes: MIB,
      height,
      blocks_per_s: 15,
      transfers: height * TRANSFERS_A_BLOCK,
      finality_p50_ms: 20,
      finality_p99_ms: 50,
      pool: 5,
      ...change(height),
    };
  });
}

const verdicts = (samples: readonly Sample[]) => judgeGrowth(samples, ['one']).map(({ held }) => held);

describe('what a node takes over time', () => {
  it('may follow the chain on disk, and waver', () => {
    expect(verdicts(hour(() => ({})))).toEqual([true, true, true, true, true]);
  });

  it('may not hold more in JavaScript with each transfer, however collecting it wavers', () => {
    const leak = hour((height) => ({ heap_bytes: (50 + (height % 7) * 10) * MIB + height * 600 }));
    expect(verdicts(leak)).toEqual([false, true, true, true, true]);
    expect(() => verdicts(hour(() => ({ heap_bytes: null })))).toThrow('a median of nothing');
  });

  it('may not take more outside of it either', () => {
    const buffers = hour((height) => ({ anonymous_bytes: 150 * MIB + height * TRANSFERS_A_BLOCK * 300 }));
    expect(verdicts(buffers)).toEqual([true, false, true, true, true]);
    const jump = hour((height) => ({ anonymous_bytes: (height < 30_000 ? 250 : 900) * MIB }));
    expect(verdicts(jump)).toEqual([true, false, true, true, true]);
  });

  it('may settle: take more of the system at first, and less and less', () => {
    const last = 1 + 359 * 150;
    const settling = hour((height) => ({
      anonymous_bytes: 150 * MIB + 80 * MIB * (1 - (1 - height / last) ** 4),
    }));
    expect(verdicts(settling)).toEqual([true, true, true, true, true]);
  });

  it('may not keep more and more files open', () => {
    expect(verdicts(hour((height) => ({ open_files: 60 + Math.floor(height / 1_000) })))[2]).toBe(false);
  });

  it('may not take more disk for each transfer, nor a growing record of what was signed', () => {
    expect(verdicts(hour((height) => ({ chain_bytes: height * height })))[3]).toBe(false);
    expect(verdicts(hour((height) => ({ signer_bytes: height * 2_000 })))[4]).toBe(false);
  });

  it('is judged after the warm-up, and not in a short run', () => {
    const early = hour((height) => ({
      anonymous_bytes: Math.min(height, WARM_UP_TRANSFERS / TRANSFERS_A_BLOCK) * MIB,
      heap_bytes: Math.min(height, WARM_UP_TRANSFERS / TRANSFERS_A_BLOCK) * MIB,
    }));
    expect(verdicts(early)).toEqual([true, true, true, true, true]);
    expect(verdicts(early.slice(0, 280))).toEqual([true]);
  });
});

it('a trend is not moved by outliers', () => {
  const points = Array.from({ length: 50 }, (_, x): [number, number] => [
    x,
    x % 10 === 0 ? 1_000_000 : 2 * x,
  ]);
  expect(slope(points)).toBeCloseTo(2, 0);
});
