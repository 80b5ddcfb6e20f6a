/** How long a node without a chain looks for a snapshot. */
import { describe, expect, it } from 'vitest';
import {
  LOOK_MS,
  MAX_ATTEMPTS,
  PACE_ACCOUNTS,
  PACE_MS,
  SETTLE_MS,
  SnapshotPatience,
  type SnapshotSituation,
  STRANDED_MS,
} from '../../../src/sync/snapshot-patience.js';

const LOOKING: SnapshotSituation = { taken: null, busy: false, hopeful: false, allHeard: false };
const TAKING: SnapshotSituation = { ...LOOKING, taken: 0, hopeful: true };
const STRANDED: SnapshotSituation = { ...TAKING, hopeful: false };

describe('looking for a snapshot', () => {
  it('waits for peers for so long, and then takes what is offered or goes without', () => {
    for (const [hopeful, end] of [
      [true, 'ask'],
      [false, 'give-up'],
    ] as const) {
      const patience = new SnapshotPatience();
      expect(patience.assess(LOOK_MS - 1, { ...LOOKING, hopeful })).toBe('wait');
      expect(patience.assess(LOOK_MS, { ...LOOKING, hopeful })).toBe(end);
    }
  });

  it('waits less when all have said what they have', () => {
    const heard = { ...LOOKING, allHeard: true, hopeful: true };
    expect(new SnapshotPatience().assess(SETTLE_MS - 1, heard)).toBe('wait');
    expect(new SnapshotPatience().assess(SETTLE_MS, heard)).toBe('ask');
  });

  it('neither asks nor gives up while a header is being checked', () => {
    expect(new SnapshotPatience().assess(LOOK_MS, { ...LOOKING, busy: true })).toBe('wait');
  });
});

describe('taking a snapshot', () => {
  it('begins again when nobody has had it for so long', () => {
    const patience = new SnapshotPatience();
    expect(patience.assess(0, TAKING)).toBe('ask');
    expect(patience.assess(STRANDED_MS - 1, STRANDED)).toBe('ask');
    expect(patience.assess(STRANDED_MS, STRANDED)).toBe('restart');
  });

  it('is patient again once somebody has it, and as long as the disk has work', () => {
    for (const hope of [TAKING, { ...STRANDED, busy: true }]) {
      const patience = new SnapshotPatience();
      expect(patience.assess(2 * STRANDED_MS, hope)).toBe('ask');
      expect(patience.assess(3 * STRANDED_MS - 1, STRANDED)).toBe('ask');
    }
  });

  it('goes without after so many attempts, each of which has its time', () => {
    const patience = new SnapshotPatience();
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      expect(patience.assess(attempt * STRANDED_MS - 1, STRANDED)).toBe('ask');
      const end = attempt < MAX_ATTEMPTS ? 'restart' : 'give-up';
      expect(patience.assess(attempt * STRANDED_MS, STRANDED)).toBe(end);
    }
  });

  it('begins again when accounts come too slowly, however true they are', () => {
    const patience = new SnapshotPatience();
    expect(patience.assess(1_000, LOOKING)).toBe('wait');
    expect(patience.assess(1_000 + PACE_MS, { ...TAKING, taken: PACE_ACCOUNTS })).toBe('ask');
    const slow = { ...TAKING, taken: 2 * PACE_ACCOUNTS - 1 };
    expect(patience.assess(1_000 + 2 * PACE_MS - 1, slow)).toBe('ask');
    expect(patience.assess(1_000 + 2 * PACE_MS, slow)).toBe('restart');
    // The next has its own time, from its proven header on.
    expect(patience.assess(1_000 + 5 * PACE_MS, { ...LOOKING, hopeful: true })).toBe('ask');
    expect(patience.assess(1_000 + 6 * PACE_MS - 1, TAKING)).toBe('ask');
    expect(patience.assess(1_000 + 6 * PACE_MS, TAKING)).toBe('restart');
  });

  it('does not hurry while our own disk has the work', () => {
    const patience = new SnapshotPatience();
    expect(patience.assess(PACE_MS, { ...TAKING, busy: true })).toBe('ask');
    expect(patience.assess(2 * PACE_MS - 1, TAKING)).toBe('ask');
  });
});
