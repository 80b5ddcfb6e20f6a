import { describe, expect, it } from 'vitest';
import type { ConsensusMessage } from '../../../src/consensus/message.js';
import { MAX_RELAY_DELAY_MS, MessageRelay } from '../../../src/node/message-relay.js';
import type { Clock } from '../../../src/ports/clock.js';
import type { Address } from '../../../src/protocol/bytes.js';

const NOBODY: ReadonlySet<Address> = new Set();

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

describe('the relay of messages', () => {
  it('comes to an end where alarms go off a rounding error too early', () => {
    const clock = new RoundingClock();
    const sent: ConsensusMessage[] = [];
    const relay = new MessageRelay(clock, 10_000, {
      isAuthority: () => true,
      hasShown: () => false,
      send: (message, isFor) => {
        if (isFor('a' as Address)) sent.push(message);
      },
    });
    const messages = [{}, {}, {}] as ConsensusMessage[];
    for (const message of messages) {
      relay.pass(message, NOBODY);
      clock.pass(MAX_RELAY_DELAY_MS / 10);
    }

    let alarms = 0;
    while (alarms < 100 && clock.next()) alarms++;

    expect(sent).toEqual(messages);
    expect(alarms).toBeLessThan(10);
  });
});
