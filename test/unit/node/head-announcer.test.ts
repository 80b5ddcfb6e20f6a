/** When peers are told our height unasked. */
import { beforeEach, describe, expect, it } from 'vitest';
import { HeadAnnouncer } from '../../../src/node/head-announcer.js';
import { ManualClock } from '../../support/manual-clock.js';

const LONG_MS = 60_000;

describe('announcing the head', () => {
  let clock: ManualClock;
  let announcer: HeadAnnouncer;
  let ready: boolean;
  let announced: number;

  beforeEach(() => {
    clock = new ManualClock();
    ready = true;
    announced = 0;
    const announce = () => announced++;
    announcer = new HeadAnnouncer(clock, { isReady: () => ready, announce });
  });

  it('waits a moment, and speaks once of all that became final meanwhile', async () => {
    announcer.headMoved();
    announcer.headMoved();
    expect(announced).toBe(0);
    await clock.advance(LONG_MS);
    expect(announced).toBe(1);
    announcer.headMoved();
    await clock.advance(LONG_MS);
    expect(announced).toBe(2);
  });

  it('says nothing while the node is not ready', async () => {
    ready = false;
    announcer.headMoved();
    await clock.advance(LONG_MS);
    expect(announced).toBe(0);
  });

  it('says nothing any more once it is stopped', async () => {
    announcer.headMoved();
    announcer.stop();
    await clock.advance(LONG_MS);
    expect(announced).toBe(0);
  });
});
