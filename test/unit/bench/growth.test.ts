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
      heap_bytes: 50 * MIB,
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
    expect(verdicts(hour(() => ({})))).toEqual([true, true, true, true]);
  });

  it('may not grow in memory', () => {
    const leak = hour((height) => ({ anonymous_bytes: 150 * MIB + height * 600 }));
    expect(verdicts(leak)).toEqual([false, true, true, true]);
  });

  it('may settle: grow at first, and less and less', () => {
    const last = 1 + 359 * 150;
    const settling = hour((height) => ({
      anonymous_bytes: 150 * MIB + 80 * MIB * (1 - (1 - height / last) ** 4),
    }));
    expect(verdicts(settling)[0]).toBe(true);
  });

  it('may not keep more and more files open', () => {
    expect(verdicts(hour((height) => ({ open_files: 60 + Math.floor(height / 1_000) })))[1]).toBe(false);
  });

  it('may not take more disk for each transfer, nor a growing record of what was signed', () => {
    expect(verdicts(hour((height) => ({ chain_bytes: height * height })))[2]).toBe(false);
    expect(verdicts(hour((height) => ({ signer_bytes: height * 2_000 })))[3]).toBe(false);
  });

  it('is judged after the warm-up, and not in a short run', () => {
    const early = hour((height) => ({
      anonymous_bytes: Math.min(height, WARM_UP_TRANSFERS / TRANSFERS_A_BLOCK) * MIB,
    }));
    expect(verdicts(early)[0]).toBe(true);
    expect(verdicts(early.slice(0, 160))).toEqual([true]);
  });
});

it('a trend is not moved by outliers', () => {
  const points = Array.from({ length: 50 }, (_, x): [number, number] => [
    x,
    x % 10 === 0 ? 1_000_000 : 2 * x,
  ]);
  expect(slope(points)).toBeCloseTo(2, 0);
});
