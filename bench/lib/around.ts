/** L around a row and around each of its runs: what the machine did before and after, each the median of several samples. */
import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { BareVerifiers } from './bare-verifiers.js';
import { median } from './statistics.js';

export interface Around {
  /** L before and after, checks a second. */
  readonly before: number;
  readonly after: number;
  /** What the row or run is held against. */
  readonly perSecond: number;
  /** False if the two differ so much that something else was at work. */
  readonly quiet: boolean;
}

/** How far apart the two may be, as times. */
const SAME = 1.1;
const SAMPLES = { full: { count: 5, durationMs: 500 }, quick: { count: 3, durationMs: 100 } };
/** On a machine that others use it never becomes quiet: it is measured as it is then, and the row says so. */
const SETTLE_WITHIN_MS = { full: 20_000, quick: 1_000 };
const LOOK_MS = 500;
/** Of all cores: no more than this, and what the row left behind is done. */
const IDLE_PART = 0.9;

/** L drifts with whatever else the machine does: their mean, or, where they differ, the larger, which flatters least. */
export function around(before: number, after: number): Around {
  const larger = Math.max(before, after);
  const quiet = larger <= SAME * Math.min(before, after);
  return { before, after, perSecond: quiet ? (before + after) / 2 : larger, quiet };
}

/** L of this machine, measured now and again. */
export class MeterOfL {
  readonly #sample: () => Promise<number>;
  readonly #samples: number[] = [];

  /** @param sample measures L once */
  constructor(sample: () => Promise<number>) {
    this.#sample = sample;
  }

  /** All that was measured, in order. */
  get samples(): readonly number[] {
    return this.#samples;
  }

  /** What was measured last is the L before what comes next. */
  async around<T>(run: () => Promise<T>): Promise<{ readonly result: T; readonly around: Around }> {
    const before = this.#samples.at(-1) ?? (await this.#take());
    const result = await run();
    return { result, around: around(before, await this.#take()) };
  }

  async #take(): Promise<number> {
    const sample = await this.#sample();
    this.#samples.push(sample);
    return sample;
  }
}

/** The median of several samples, once what ran before has settled. */
export async function sampleL(verifiers: BareVerifiers, quick: boolean): Promise<number> {
  await settle(quick ? SETTLE_WITHIN_MS.quick : SETTLE_WITHIN_MS.full);
  const { count, durationMs } = quick ? SAMPLES.quick : SAMPLES.full;
  const rates: number[] = [];
  await verifiers.warmUp();
  while (rates.length < count) rates.push(await verifiers.perSecond(durationMs));
  return median(rates);
}

/** Until the machine is idle, with nothing left that is still to be written to the disk. */
async function settle(withinMs: number): Promise<void> {
  await promisify(execFile)('sync');
  const untilMs = performance.now() + withinMs;
  for (let from = processorTimes(); performance.now() < untilMs; ) {
    await sleep(LOOK_MS);
    const to = processorTimes();
    if (to.idleMs - from.idleMs >= IDLE_PART * (to.allMs - from.allMs)) return;
    from = to;
  }
}

/** Of all cores together, since the machine started. */
function processorTimes(): { readonly idleMs: number; readonly allMs: number } {
  const times = cpus().map(({ times }) => times);
  const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);
  return { idleMs: sum(times.map(({ idle }) => idle)), allMs: sum(times.flatMap(Object.values)) };
}
