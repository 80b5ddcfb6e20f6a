import { describe, expect, it } from 'vitest';
import { DelayLine } from '../../../src/node/delay-line.js';
import type { Clock } from '../../../src/ports/clock.js';
import { ManualClock } from '../../support/manual-clock.js';

const DELAY_MS = 200;

/** Its alarms go off by a rounding error too early, as those of a clock that drifts do. */
class RoundingClock implements Clock {
  #nowMs = 1_000;
  readonly #alarms: { atMs: number; fire: () => void }[] = [];

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  after(delayMs: number, fire: () => void) {
    this.#alarms.push({ atMs: this.#nowMs + delayMs - 1e-9, fire });
    return { cancel: () => undefined };
  }

  pass(ms: number): void {
    this.#nowMs += ms;
  }

  /** Whether there was an alarm to go off. */
  next(): boolean {
    const alarm = this.#alarms.shift();
    if (alarm === undefined) return false;
    this.#nowMs = Math.max(this.#nowMs, alarm.atMs);
    alarm.fire();
    return true;
  }
}

describe('a delay line', () => {
  it('gives each its time, and what is due at once together', async () => {
    const clock = new ManualClock();
    const came: (readonly string[])[] = [];
    const line = new DelayLine<string>(clock, DELAY_MS, (items) => came.push(items));
    line.put('a');
    line.put('b');
    await clock.advance(DELAY_MS / 2);
    line.put('c');
    await clock.advance(DELAY_MS / 2 - 1);
    expect(came).toEqual([]);
    await clock.advance(1);
    expect(came).toEqual([['a', 'b']]);
    await clock.advance(DELAY_MS / 2);
    expect(came).toEqual([['a', 'b'], ['c']]);
    expect(clock.pending).toBe(0);
    line.put('d');
    await clock.advance(DELAY_MS);
    expect(came.at(-1)).toEqual(['d']);
  });

  it('forgets what waits', async () => {
    const clock = new ManualClock();
    const came: (readonly string[])[] = [];
    const line = new DelayLine<string>(clock, DELAY_MS, (items) => came.push(items));
    line.put('a');
    line.clear();
    expect(clock.pending).toBe(0);
    await clock.advance(DELAY_MS / 2);
    line.put('b');
    await clock.advance(DELAY_MS);
    expect(came).toEqual([['b']]);
  });

  it('comes to an end where alarms go off a rounding error too early', () => {
    const clock = new RoundingClock();
    const came: string[] = [];
    const line = new DelayLine<string>(clock, DELAY_MS, (items) => came.push(...items));
    for (const item of ['a', 'b', 'c']) {
      line.put(item);
      clock.pass(DELAY_MS / 10);
    }

    let alarms = 0;
    while (alarms < 100 && clock.next()) alarms++;

    expect(came).toEqual(['a', 'b', 'c']);
    expect(alarms).toBeLessThan(10);
  });
});
