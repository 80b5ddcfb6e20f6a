/**
 * Exchanges that halt a careless implementation for ever; test/unit/consensus/traces.test.ts plays the first two on
 * cores alone. In all of them A, B and X prevote v, which C missed, and only A hears that X did: A alone is locked.
 */
import { PRECOMMIT, PREVOTE } from '../spoken.js';
import type { Held } from './post.js';
import type { Scenario, Story } from './scenario.js';
import { HEIGHT, type Stage, until } from './stage.js';

const CORE = 'src/consensus/consensus.ts';
/** Without the part the others never follow the one that is locked. */
const HALTED = /the network stands still/;

function cast(stage: Stage) {
  return { x: stage.leader(0), a: stage.leader(1), b: stage.leader(2), c: stage.leader(3) };
}

/** Gives what B and C do not hear yet: that X prevoted v. */
function onlyALocks(stage: Stage): Held {
  const { x, b, c } = cast(stage);
  const { post } = stage;
  post.lose({ said: 'proposal', round: 0, to: [c] });
  post.lose({ said: 'precommit', round: 0, by: x });
  return post.hold({ said: 'prevote', round: 0, by: x, butBlock: null, to: [b, c] });
}

/** X prevotes v to A, and nil to B and C, who hear of v too late for their round; then it is silent for good. */
function* twoFacedVote(stage: Stage): Story {
  const { x, a, b, c } = cast(stage);
  const secondFace = onlyALocks(stage);
  stage.lies(x, (message, to) => {
    const isPrevote = message.height === HEIGHT && 'type' in message && message.type === PREVOTE;
    return isPrevote && to !== a.name ? null : undefined;
  });
  stage.post.lose({ said: 'prevote', round: 0, by: x, block: null, to: [a] });
  yield until('A locks v', () => stage.lock(a)?.round === 0);
  stage.dies(x);
  yield until('B and C go on to the next round', () => stage.isIn(1, b, c));
  secondFace.release();
}

/** X prevotes v to A only, and dies; A locks v, and crashes before anybody hears of it. */
function* lockWithoutReasons(stage: Stage): Story {
  const { x, a, b, c } = cast(stage);
  onlyALocks(stage);
  stage.post.lose({ said: 'precommit', round: 0, by: a });
  // What is sent is on the disk: A ends as its precommit would leave.
  yield until('A locks v', () => stage.lock(a)?.round === 0);
  stage.dies(x);
  yield until('A has said so to itself', () => stage.hasSaid(a, PRECOMMIT, 0));
  stage.restarts(a);
  yield until('A is back, and still locked', () => stage.lock(a)?.round === 0);
  yield until('B and C have given up the round', () =>
    [b, c].every((each) => stage.hasSaid(each, PRECOMMIT, 0)),
  );
}

/** Nobody lies: X dies after its prevote, which A alone heard. */
function* lockedAlone(stage: Stage): Story {
  const { x, a, b, c } = cast(stage);
  const theThird = onlyALocks(stage);
  yield until('A locks v', () => stage.lock(a)?.round === 0);
  stage.dies(x);
  yield until('B and C go on to the next round', () => stage.isIn(1, b, c));
  theThird.release();
}

export const TRACES: readonly Scenario[] = [
  {
    name: 'two-faced-vote',
    what: 'a liar prevotes v to one and nil to the others, and dies',
    authorities: 4,
    tell: twoFacedVote,
    parts: {
      'a second vote counts for the value it names': {
        file: 'src/consensus/height-log.ts',
        from: 'return first !== undefined && vote.blockId !== null && !this.#matters(vote.blockId);',
        to: 'return first !== undefined;',
        noticed: HALTED,
      },
    },
  },
  {
    name: 'lock-without-reasons',
    what: 'one locks on a prevote that only it heard, and crashes',
    authorities: 4,
    tell: lockWithoutReasons,
    parts: {
      'every counted vote is stored with the own word': {
        file: CORE,
        from: "this.#effects.push({ type: 'persist', state, messages: this.#unstored });",
        to: "this.#effects.push({ type: 'persist', state, messages: this.#unstored.filter((m) => isProposal(m) || m === message) });",
        noticed: HALTED,
      },
      'a restart takes the stored votes in': {
        file: CORE,
        from: 'for (const message of proposalsFirst(record.messages))',
        to: 'for (const message of proposalsFirst(record.messages).filter(isProposal))',
        noticed: HALTED,
      },
    },
  },
  {
    name: 'locked-alone',
    what: 'one is locked, one is dead, and only the valid block of the first can become final',
    authorities: 4,
    tell: lockedAlone,
    parts: {
      'a leader proposes its valid block': {
        file: CORE,
        from: 'if (this.#valid !== null) this.#propose(this.#valid.block, this.#valid.round);\n    else this',
        to: 'this',
        noticed: HALTED,
      },
    },
  },
];
