/**
 * A lock is carried to a later round, where the lock test decides between one block and two. Nobody lies here, and
 * nobody crashes: letters are late. Without the test the chain splits.
 */
import type { Scenario, Story } from './scenario.js';
import { type Stage, until } from './stage.js';

const CORE = 'src/consensus/consensus.ts';
const LEFT = /although locked on|two final blocks/;

/**
 * Round 0: A's block v is final at A, whom then nobody hears; B and C are locked on it; X heard nothing of it. Round 1:
 * X proposes w. Round 2: B proposes v again, and with X it becomes final.
 */
function* freshBlock(stage: Stage): Story {
  const [a, x, b, c] = [stage.leader(0), stage.leader(1), stage.leader(2), stage.leader(3)];
  const { post } = stage;
  post.lose({ said: 'proposal', round: 0, to: [x] });
  post.lose({ said: 'precommit', round: 0, by: a });
  yield until('A has made v final', () => stage.isFinal(a));
  stage.cutOff(a);
  yield until('B, C and X are in round 1', () => stage.isIn(1, b, c, x));
  yield until('B and C have carried their lock to round 2', () =>
    [b, c].every((each) => stage.isIn(2, each) && stage.lock(each)?.round === 0),
  );
  yield until('v is final everywhere, two rounds later', () => stage.isFinal(b, c, x));
}

/**
 * Round 0: only A sees a quorum for X's block v, and locks it. Round 1: B, C and X lock B's block w, which is final at
 * B, whom then nobody hears. Round 2: A proposes v again, with the quorum of round 0: C and X, locked later, refuse.
 * Round 3: C proposes w again, and A leaves its older lock for it.
 */
function* olderBlock(stage: Stage): Story {
  const [x, b, a, c] = [stage.leader(0), stage.leader(1), stage.leader(2), stage.leader(3)];
  const { post } = stage;
  post.lose({ said: 'proposal', round: 0, to: [c] });
  const forV = [
    post.hold({ said: 'prevote', round: 0, by: x, to: [b, c] }),
    post.hold({ said: 'prevote', round: 0, by: b, to: [x] }),
  ];
  const forW = post.hold({ said: 'prevote', round: 1, by: c, to: [a] });
  post.lose({ said: 'precommit', round: 1, by: b });
  yield until('A is locked on v', () => stage.lock(a)?.round === 0);
  yield until('C and X are locked on w', () => [c, x].every((each) => stage.lock(each)?.round === 1));
  yield until('B has made w final', () => stage.isFinal(b));
  stage.cutOff(b);
  yield until('A, C and X are in round 2', () => stage.isIn(2, a, c, x));
  for (const held of forV) held.release();
  yield until('they refuse v', () => stage.isIn(3, a, c, x) && stage.lock(c)?.round === 1);
  forW.release();
  yield until('w is final everywhere', () => stage.isFinal(a, c, x));
}

export const LOCKS: readonly Scenario[] = [
  {
    name: 'lock-against-fresh-block',
    what: 'two are locked on a block that is final elsewhere, and a new one is proposed',
    authorities: 4,
    tell: freshBlock,
    parts: {
      'rule 3 looks at the lock': {
        file: CORE,
        from: 'block.header.coinbase === leader.address && unlocked',
        to: 'block.header.coinbase === leader.address',
        noticed: LEFT,
      },
      'rule 6 locks': {
        file: CORE,
        from: '        this.#locked = this.#valid;\n',
        to: '',
        noticed: LEFT,
      },
    },
  },
  {
    name: 'lock-against-older-block',
    what: 'two are locked on a block that is final elsewhere, and one of an earlier round is proposed again',
    authorities: 4,
    tell: olderBlock,
    parts: {
      'rule 4 compares the lock with the valid round': {
        file: CORE,
        from: 'return this.#validity.get(block.id)?.valid === true && free;',
        to: 'return this.#validity.get(block.id)?.valid === true;',
        noticed: LEFT,
      },
      'a nil lock is its own case, and an older lock is left': {
        file: CORE,
        from: 'this.#locked === null || this.#locked.round <= validRound || this.#locked.block.id === block.id;',
        to: 'this.#locked === null || this.#locked.block.id === block.id;',
        noticed: /never comes|stands still/,
      },
    },
  },
];
