/** Time that counts against a peer that is silent. */
import { expect, it } from 'vitest';
import { Attention, TICK_MS } from '../../../src/sync/attention.js';

it('counts what passes between ticks, and of a long silence of our own no more than two ticks', () => {
  let nowMs = 5_000;
  const clock = { now: () => 0, monotonic: () => nowMs, after: () => ({ cancel: () => {} }) };
  const attention = new Attention(clock);
  expect(attention.nowMs).toBe(0);
  nowMs += TICK_MS;
  expect(attention.nowMs).toBe(TICK_MS);
  expect(attention.tick()).toBe(TICK_MS);
  nowMs += 60_000;
  expect(attention.nowMs).toBe(3 * TICK_MS);
  expect(attention.tick()).toBe(3 * TICK_MS);
  nowMs += 1;
  expect(attention.nowMs).toBe(3 * TICK_MS + 1);
});
