/** The rules of PROTOCOL section 8 by their numbers, each kept and each not applied where it must not be. */
import { describe, expect, it } from 'vitest';
import type { Effect } from '../../../src/consensus/effects.js';
import { timeoutMs } from '../../../src/consensus/leader.js';
import { type ConsensusMessage, isProposal, kindOf, slotOf } from '../../../src/consensus/message.js';
import { knowsMore } from '../../../src/consensus/repair.js';
import type { Block } from '../../../src/protocol/block.js';
import { PRECOMMIT, PREVOTE } from '../../../src/protocol/vote.js';
import { Bench, brief, HEIGHT as H } from './bench.js';
import { authoritySet, fakeBlock, precommits, prevotes, propose, TIMEOUTS, vote } from './fakes.js';

const SET = authoritySet(4);

/** A block of the leader of `round` (of 4). */
function blockOf(round: number, salt = 'v'): Block {
  return fakeBlock(H, SET.list[round % 4]?.address ?? '', salt);
}
const id = (block: Block) => block.id.slice(0, 6);
const v = blockOf(0);
const w = blockOf(1, 'w');

/** Two others (f + 1) are in `round`, without being near any quorum there. */
function ahead(round: number, one: number, other: number): ConsensusMessage[] {
  return [...prevotes(H, round, null, one), ...precommits(H, round, null, other)];
}

/** Authority 3, in round `round`, step propose. */
function inRound(round: number, options: ConstructorParameters<typeof Bench>[0] = {}): Bench {
  const bench = new Bench({ self: 3, ...options });
  bench.hear(...ahead(round, 1, 2));
  expect(bench.core.round).toBe(round);
  return bench;
}

/** Authority 3, locked on v in round 0, having precommitted it. */
function lockedOnV(options: ConstructorParameters<typeof Bench>[0] = {}): Bench {
  const bench = new Bench({ self: 3, ...options });
  bench.hear(propose(H, 0, v, null), ...prevotes(H, 0, v, 0, 1));
  expect(bench.core.locked).toEqual({ round: 0, blockId: v.id });
  return bench;
}

describe('rule 1', () => {
  it('rule 1: the leader builds a new block, and starts the propose timeout all the same', () => {
    const bench = new Bench({ self: 0 });
    expect(bench.of('build')).toEqual([{ type: 'build', height: H, round: 0 }]);
    expect(bench.timers).toEqual(['propose 0']);
  });

  it('rule 1: the built block is proposed, prevoted by its leader, and not built twice', () => {
    const bench = new Bench({ self: 0 });
    bench.do({ type: 'built', height: H, round: 0, block: v });
    bench.do({ type: 'due', height: H });
    bench.do({ type: 'built', height: H, round: 0, block: blockOf(0, 'again') });
    expect(bench.said).toEqual([`0 propose ${id(v)}`, `0 prevote ${id(v)}`]);
    expect(bench.of('build')).toHaveLength(1);
  });

  it('rule 1: a leader whose building fails goes on by its own propose timeout', () => {
    const bench = new Bench({ self: 0 });
    bench.do({ type: 'built', height: H, round: 0, block: null });
    bench.fire('propose');
    expect(bench.said).toEqual(['0 prevote nil']);
  });

  it('rule 1: nobody else builds, but everybody starts the timeout', () => {
    const bench = new Bench({ self: 2 });
    expect(bench.of('build')).toEqual([]);
    expect(bench.timers).toEqual(['propose 0']);
  });

  it('rule 1: nothing starts while no block is due', () => {
    const bench = new Bench({ self: 0, due: false });
    expect(bench.of('build')).toEqual([]);
    expect(bench.timers).toEqual([]);
  });

  it('rule 1: the leader of a later round proposes its valid block, with its round, instead of a new one', () => {
    const bench = new Bench({ self: 3 });
    bench.hear(propose(H, 0, v, null), ...prevotes(H, 0, v, 0, 1));
    bench.hear(...prevotes(H, 3, null, 0, 1));
    const [proposal] = bench.sent.filter(isProposal);
    expect(proposal).toMatchObject({ height: H, round: 3, validRound: 0 });
    expect(proposal?.block.id).toBe(v.id);
    expect(bench.of('build')).toEqual([]);
  });

  it('rule 1: a valid block of round 0 is one, although 0 is falsy', () => {
    const bench = new Bench({ self: 1 });
    bench.hear(propose(H, 0, v, null), ...prevotes(H, 0, v, 0, 2), ...precommits(H, 0, null, 0, 2, 3));
    bench.fire('precommit', 0);
    expect(bench.said.at(-2)).toBe(`1 propose ${id(v)}`);
    expect(bench.sent.filter(isProposal)[0]?.validRound).toBe(0);
  });

  it('rule 1: a block built too late, in another round or step, is not proposed', () => {
    const late = new Bench({ self: 0 });
    late.fire('propose');
    late.do({ type: 'built', height: H, round: 0, block: v });
    expect(late.said).toEqual(['0 prevote nil']);
    const moved = new Bench({ self: 0 });
    moved.hear(...prevotes(H, 4, null, 1, 2));
    moved.do({ type: 'built', height: H, round: 0, block: v });
    moved.do({ type: 'built', height: H - 1, round: 4, block: v });
    expect(moved.said).toEqual([]);
  });
});

describe('rule 2', () => {
  it('rule 2: from round 1 on a block is always due', () => {
    const bench = new Bench({ self: 1, due: false });
    expect(bench.core.isDue).toBe(false);
    bench.hear(...prevotes(H, 1, null, 2, 3));
    expect(bench.core.isDue).toBe(true);
    expect(bench.timers).toEqual(['propose 1']);
    expect(bench.of('build')).toEqual([{ type: 'build', height: H, round: 1 }]);
  });

  it('rule 2: what was due at another height is not due at this one', () => {
    const bench = new Bench({ self: 0, due: false });
    bench.do({ type: 'due', height: H - 1 });
    expect(bench.core.isDue).toBe(false);
    bench.do({ type: 'due', height: H });
    bench.do({ type: 'height', height: H + 1, authorities: SET, record: null });
    expect(bench.core.isDue).toBe(false);
  });

  it('rule 2: who finds no block due still votes on one that is proposed', () => {
    const bench = new Bench({ self: 2, due: false });
    bench.hear(propose(H, 0, v, null));
    expect(bench.said).toEqual([`0 prevote ${id(v)}`]);
  });
});

describe('rule 3', () => {
  it('rule 3: prevotes a valid fresh block', () => {
    const bench = new Bench({ self: 2 });
    bench.hear(propose(H, 0, v, null));
    expect(bench.said).toEqual([`0 prevote ${id(v)}`]);
    expect(bench.core.currentStep).toBe('prevote');
  });

  for (const [why, verdict] of [
    ['invalid', { valid: false, timely: true }],
    ['from the future', { valid: true, timely: false }],
  ] as const) {
    it(`rule 3: prevotes nil on a fresh block that is ${why}`, () => {
      const bench = new Bench({ self: 2 });
      bench.verdict = () => verdict;
      bench.hear(propose(H, 0, v, null));
      expect(bench.said).toEqual(['0 prevote nil']);
    });
  }

  it("rule 3: prevotes nil on a fresh block that is another miner's", () => {
    const bench = new Bench({ self: 2 });
    bench.hear(propose(H, 0, w, null));
    expect(bench.said).toEqual(['0 prevote nil']);
  });

  it('rule 3: prevotes nil on another block than the locked one, and the locked one itself', () => {
    const other = lockedOnV();
    other.hear(...ahead(1, 0, 2), propose(H, 1, w, null));
    expect(other.said.at(-1)).toBe('1 prevote nil');
    const same = lockedOnV();
    same.hear(...ahead(4, 1, 2), propose(H, 4, v, null));
    expect(same.said.at(-1)).toBe(`4 prevote ${id(v)}`);
  });

  it('rule 3: waits for the validation, and the propose timeout does not', () => {
    const bench = new Bench({ self: 2 });
    bench.verdict = () => undefined;
    bench.hear(propose(H, 0, v, null));
    expect(bench.said).toEqual([]);
    expect(bench.of('validate').map(({ block }) => block.id)).toEqual([v.id]);
    bench.do({ type: 'validated', height: H - 1, blockId: v.id, valid: true, timely: true });
    expect(bench.said).toEqual([]);
    bench.do({ type: 'validated', height: H, blockId: v.id, valid: true, timely: true });
    expect(bench.said).toEqual([`0 prevote ${id(v)}`]);
    bench.fire('propose');
    expect(bench.said).toHaveLength(1);
  });

  it('rule 3: a proposal of another round moves nothing', () => {
    const bench = new Bench({ self: 2 });
    bench.hear(propose(H, 1, w, null));
    expect(bench.said).toEqual([]);
  });
});

describe('rule 4', () => {
  it('rule 4: prevotes a block proposed again once its quorum of prevotes is there, unlocked', () => {
    const bench = inRound(1);
    bench.hear(propose(H, 1, v, 0));
    expect(bench.said).toEqual([]);
    bench.hear(...prevotes(H, 0, v, 0, 1));
    expect(bench.said).toEqual([]);
    bench.hear(...prevotes(H, 0, v, 2));
    expect(bench.said).toEqual([`1 prevote ${id(v)}`]);
  });

  it('rule 4: it keeps its first miner, and its time is not asked for again', () => {
    const bench = inRound(1);
    bench.verdict = () => ({ valid: true, timely: false });
    bench.hear(...prevotes(H, 0, v, 0, 1, 2), propose(H, 1, v, 0));
    expect(bench.said).toEqual([`1 prevote ${id(v)}`]);
  });

  it('rule 4: prevotes nil if the block is invalid here', () => {
    const bench = inRound(1);
    bench.verdict = () => ({ valid: false, timely: true });
    bench.hear(...prevotes(H, 0, v, 0, 1, 2), propose(H, 1, v, 0));
    expect(bench.said).toEqual(['1 prevote nil']);
  });

  it('rule 4: a lock gives way to a quorum of its own round or a later one', () => {
    const bench = lockedOnV();
    bench.hear(...prevotes(H, 1, w, 0, 1, 2), ...ahead(2, 0, 1), propose(H, 2, w, 1));
    expect(bench.said.at(-1)).toBe(`2 prevote ${id(w)}`);
  });

  it('rule 4: a lock does not give way to a quorum of an earlier round', () => {
    const bench = inRound(1);
    bench.hear(propose(H, 1, w, null), ...prevotes(H, 1, w, 0, 1));
    expect(bench.core.locked).toEqual({ round: 1, blockId: w.id });
    bench.hear(...prevotes(H, 0, v, 0, 1, 2), ...ahead(2, 0, 1), propose(H, 2, v, 0));
    expect(bench.said.at(-1)).toBe('2 prevote nil');
  });

  it('rule 4: the locked block itself is prevoted whatever its valid round', () => {
    const bench = inRound(4);
    bench.hear(propose(H, 4, v, null), ...prevotes(H, 4, v, 0, 1));
    expect(bench.core.locked).toEqual({ round: 4, blockId: v.id });
    bench.hear(...prevotes(H, 0, v, 0, 1, 2), ...ahead(5, 0, 1), propose(H, 5, v, 0));
    expect(bench.said.at(-1)).toBe(`5 prevote ${id(v)}`);
  });

  it('rule 4: precommits of its round, and prevotes of other rounds or blocks, are no quorum for it', () => {
    const bench = inRound(2);
    bench.hear(propose(H, 2, v, 1), ...precommits(H, 1, v, 0, 1), ...prevotes(H, 0, v, 0, 1, 2));
    bench.hear(...prevotes(H, 1, v, 0), ...prevotes(H, 1, w, 1), ...prevotes(H, 1, null, 2));
    expect(bench.said).toEqual([]);
    bench.fire('propose');
    expect(bench.said).toEqual(['2 prevote nil']);
  });

  it('rule 4: a valid round that is not below the round is never voted for', () => {
    for (const validRound of [1, 2]) {
      const bench = inRound(1);
      bench.hear(...prevotes(H, 1, v, 0, 1, 2), ...prevotes(H, 2, v, 0, 1, 2), propose(H, 1, v, validRound));
      expect(bench.said.filter((said) => said.startsWith('1 prevote'))).toEqual([]);
    }
  });
});

describe('rule 5', () => {
  it('rule 5: a quorum of prevotes of any kind starts the prevote timeout, once', () => {
    const bench = new Bench({ self: 3 });
    bench.hear(propose(H, 0, v, null), ...prevotes(H, 0, null, 0));
    expect(bench.timers).toEqual(['propose 0']);
    bench.hear(...prevotes(H, 0, w, 1));
    bench.hear(...prevotes(H, 0, null, 2));
    expect(bench.timers).toEqual(['propose 0', 'prevote 0']);
  });

  it('rule 5: not in step propose, and an authority with two values is one authority', () => {
    const propose0 = new Bench({ self: 3 });
    propose0.hear(...prevotes(H, 0, null, 0), ...prevotes(H, 0, w, 1), ...prevotes(H, 0, v, 2));
    expect(propose0.timers).toEqual(['propose 0']);
    propose0.fire('propose');
    expect(propose0.timers).toEqual(['propose 0', 'prevote 0']);
    const twoFaced = new Bench({ self: 3 });
    twoFaced.hear(propose(H, 0, v, null), ...prevotes(H, 0, null, 0), ...prevotes(H, 0, v, 0));
    expect(twoFaced.timers).toEqual(['propose 0']);
  });
});

describe('rule 6', () => {
  it('rule 6: a quorum of prevotes for the proposal locks it and precommits it', () => {
    const bench = new Bench({ self: 3 });
    bench.hear(propose(H, 0, v, null), ...prevotes(H, 0, v, 0));
    expect(bench.core.locked).toBe(null);
    bench.hear(...prevotes(H, 0, v, 1));
    expect(bench.core.locked).toEqual({ round: 0, blockId: v.id });
    expect(bench.said).toEqual([`0 prevote ${id(v)}`, `0 precommit ${id(v)}`]);
    expect(bench.core.currentStep).toBe('precommit');
  });

  it('rule 6: votes may come before their proposal', () => {
    const bench = new Bench({ self: 3 });
    bench.hear(...prevotes(H, 0, v, 0, 1, 2));
    expect(bench.said).toEqual([]);
    bench.hear(propose(H, 0, v, null));
    expect(bench.said).toEqual([`0 prevote ${id(v)}`, `0 precommit ${id(v)}`]);
  });

  it('rule 6: after the own precommit it becomes the valid block only', () => {
    const bench = new Bench({ self: 3 });
    bench.hear(propose(H, 0, v, null), ...prevotes(H, 0, v, 0), ...prevotes(H, 0, null, 1));
    bench.fire('prevote');
    bench.hear(...prevotes(H, 0, v, 2));
    expect(bench.core.locked).toBe(null);
    expect(bench.said).toEqual([`0 prevote ${id(v)}`, '0 precommit nil']);
    bench.hear(...prevotes(H, 3, null, 0, 1));
    expect(bench.sent.filter(isProposal)).toMatchObject([{ round: 3, validRound: 0 }]);
  });

  it('rule 6: who prevoted nil locks it as well', () => {
    const bench = new Bench({ self: 3 });
    bench.fire('propose');
    bench.hear(propose(H, 0, v, null), ...prevotes(H, 0, v, 0, 1, 2));
    expect(bench.core.locked).toEqual({ round: 0, blockId: v.id });
    expect(bench.said).toEqual(['0 prevote nil', `0 precommit ${id(v)}`]);
  });

  it('rule 6: not for an invalid block, not for one never proposed in this round, not for one of another round', () => {
    const invalid = new Bench({ self: 3 });
    invalid.verdict = () => ({ valid: false, timely: true });
    invalid.hear(propose(H, 0, v, null), ...prevotes(H, 0, v, 0, 1, 2));
    expect(invalid.said).toEqual(['0 prevote nil']);
    const unproposed = inRound(1);
    unproposed.fire('propose');
    unproposed.hear(propose(H, 0, v, null), ...prevotes(H, 0, v, 0, 1, 2), ...prevotes(H, 1, v, 0, 1, 2));
    expect(unproposed.core.locked).toBe(null);
    expect(unproposed.said).toEqual(['1 prevote nil']);
  });
});

describe('rule 7', () => {
  it('rule 7: a quorum of prevotes for nil: precommits nil', () => {
    const bench = new Bench({ self: 3 });
    bench.hear(propose(H, 0, v, null), ...prevotes(H, 0, null, 0, 1));
    expect(bench.said).toEqual([`0 prevote ${id(v)}`]);
    bench.hear(...prevotes(H, 0, null, 2));
    expect(bench.said).toEqual([`0 prevote ${id(v)}`, '0 precommit nil']);
  });

  it('rule 7: the lock stays', () => {
    const bench = lockedOnV();
    bench.hear(...prevotes(H, 1, null, 0, 1));
    bench.fire('propose', 1);
    expect(bench.said.at(-1)).toBe('1 precommit nil');
    expect(bench.core.locked).toEqual({ round: 0, blockId: v.id });
  });

  it('rule 7: not in step propose', () => {
    const bench = new Bench({ self: 3 });
    bench.hear(...prevotes(H, 0, null, 0, 1, 2));
    expect(bench.said).toEqual([]);
  });
});

describe('rule 8', () => {
  it('rule 8: a quorum of precommits of any kind starts the precommit timeout, once, in whatever step', () => {
    const bench = new Bench({ self: 3 });
    bench.hear(...precommits(H, 0, null, 0), ...precommits(H, 0, v, 1));
    expect(bench.timers).toEqual(['propose 0']);
    bench.hear(...precommits(H, 0, w, 2));
    bench.fire('propose');
    expect(bench.timers).toEqual(['propose 0', 'precommit 0']);
    bench.fire('precommit', 0);
    expect(bench.core.round).toBe(1);
  });

  it('rule 8: precommits of another round start nothing', () => {
    const bench = inRound(1);
    bench.hear(...precommits(H, 0, null, 0, 1, 2));
    expect(bench.timers).not.toContain('precommit 0');
    expect(bench.timers).not.toContain('precommit 1');
  });
});

describe('rule 9', () => {
  it('rule 9: a proposal and a quorum of precommits of one round make it final, the commit last', () => {
    const bench = new Bench({ self: 3 });
    bench.hear(propose(H, 0, v, null), ...precommits(H, 0, v, 2, 0));
    const effects = bench.hear(...precommits(H, 0, v, 1));
    const last = effects.at(-1);
    expect(last).toMatchObject({ type: 'commit', block: v });
    const [commit] = bench.of('commit');
    expect(commit?.certificate.round).toBe(0);
    expect(commit?.certificate.signatures.map(({ authority }) => authority)).toEqual([0, 1, 2]);
  });

  it('rule 9: of an earlier round too, and for one who only follows', () => {
    for (const self of [3, null]) {
      const bench = new Bench({ self });
      bench.hear(...prevotes(H, 2, null, 1, 2), ...precommits(H, 0, v, 0, 1, 2));
      expect(bench.core.round).toBe(2);
      bench.hear(propose(H, 0, v, null));
      expect(bench.of('commit')).toHaveLength(1);
    }
  });

  it('rule 9: with a proposal of another round than the precommits', () => {
    const bench = new Bench({ self: 3 });
    bench.hear(propose(H, 0, v, null), ...precommits(H, 1, v, 0, 1, 2));
    expect(bench.of('commit')[0]?.certificate.round).toBe(1);
  });

  it('rule 9: precommits of different rounds are never added up', () => {
    const bench = new Bench({ self: 3 });
    bench.hear(propose(H, 0, v, null), ...precommits(H, 0, v, 0), ...precommits(H, 1, v, 1, 2));
    bench.hear(...prevotes(H, 1, v, 0, 1, 2));
    expect(bench.of('commit')).toEqual([]);
  });

  it('rule 9: neither prevotes, nor nil, nor one authority twice, nor a block unknown make anything final', () => {
    const bench = new Bench({ self: 3 });
    bench.hear(propose(H, 0, v, null), ...precommits(H, 0, v, 0, 0, 1), ...precommits(H, 0, v, 1));
    bench.hear(...precommits(H, 1, null, 0, 1, 2), ...precommits(H, 1, w, 0, 1, 2));
    expect(bench.of('commit')).toEqual([]);
  });

  it('rule 9: waits for the validation, and a certified block that is invalid stops loudly', () => {
    const bench = new Bench({ self: null });
    bench.verdict = () => undefined;
    bench.hear(propose(H, 0, v, null), ...precommits(H, 0, v, 0, 1, 2));
    expect(bench.of('commit')).toEqual([]);
    const effects = bench.do({ type: 'validated', height: H, blockId: v.id, valid: false, timely: true });
    expect(effects).toEqual([{ type: 'broken', block: v }]);
    expect(bench.of('commit')).toEqual([]);
  });

  it('rule 9: nothing of the height follows its commit', () => {
    const bench = new Bench({ self: 3 });
    bench.signingHeld = true;
    bench.hear(propose(H, 0, v, null), ...prevotes(H, 0, v, 0, 1, 2), ...precommits(H, 0, v, 0, 1, 2));
    expect(bench.of('commit')).toHaveLength(1);
    const after = [
      ...bench.releaseSigning(),
      ...bench.fire('propose', 0),
      ...bench.fire('precommit', 0),
      ...bench.hear(...prevotes(H, 5, null, 1, 2)),
      ...bench.do({ type: 'built', height: H, round: 0, block: w }),
      ...bench.do({ type: 'acting', acting: false }),
    ];
    expect(after).toEqual([]);
    expect(bench.core.knows(propose(H, 9, w, null))).toBe(true);
  });

  it('rule 9: the next height starts at round 0, unlocked, with nothing signed', () => {
    const bench = lockedOnV();
    bench.hear(...precommits(H, 0, v, 0, 1));
    bench.do({ type: 'height', height: H + 1, authorities: SET, record: null });
    bench.do({ type: 'due', height: H + 1 });
    expect(bench.core).toMatchObject({ height: H + 1, round: 0, currentStep: 'propose', locked: null });
    bench.fire('propose', 0, H + 1);
    expect(bench.sent.at(-1)).toMatchObject({ height: H + 1, round: 0, type: PREVOTE, blockId: null });
  });
});

describe('rule 10', () => {
  it('rule 10: f + 1 authorities in later rounds: the highest round that f + 1 have reached', () => {
    const bench = new Bench({ self: 3 });
    bench.hear(...prevotes(H, 9, null, 1));
    expect(bench.core.round).toBe(0);
    bench.hear(propose(H, 6, blockOf(6), null));
    expect(bench.core.round).toBe(6);
    bench.hear(...precommits(H, 7, null, 0));
    expect(bench.core.round).toBe(7);
  });

  it('rule 10: one authority alone, however often, moves nobody', () => {
    const bench = new Bench({ self: 3 });
    for (let round = 1; round < 20; round++)
      bench.hear(...prevotes(H, round, null, 1), ...precommits(H, round, v, 1));
    expect(bench.core.round).toBe(0);
  });

  it('rule 10: what was too far ahead counts in the round once we are there', () => {
    const bench = new Bench({ self: 3 });
    bench.hear(...precommits(H, 8, null, 0, 1, 2));
    expect(bench.core.round).toBe(8);
    expect(bench.timers).toEqual(['propose 0', 'propose 8', 'precommit 8']);
  });

  it('rule 10: for one who only follows, or is catching up, too', () => {
    for (const options of [{ self: null }, { self: 3, acting: false }]) {
      const bench = new Bench(options);
      bench.hear(...prevotes(H, 4, null, 0, 1));
      expect(bench.core.round).toBe(4);
      expect(bench.said).toEqual([]);
    }
  });

  it('rule 10: with no liars to bear (n up to 3) one authority is enough', () => {
    const bench = new Bench({ n: 3, self: 0 });
    bench.hear(...prevotes(H, 2, null, 1));
    expect(bench.core.round).toBe(2);
  });
});

describe('rule 11', () => {
  it('rule 11: propose timeout: prevote nil; prevote timeout: precommit nil; precommit timeout: next round', () => {
    const bench = new Bench({ self: 3 });
    bench.fire('propose');
    expect(bench.said).toEqual(['0 prevote nil']);
    bench.hear(...prevotes(H, 0, v, 0, 1));
    bench.fire('prevote');
    expect(bench.said).toEqual(['0 prevote nil', '0 precommit nil']);
    bench.hear(...precommits(H, 0, v, 0, 1));
    bench.fire('precommit');
    expect(bench.core).toMatchObject({ round: 1, currentStep: 'propose' });
    expect(bench.timers).toEqual(['propose 0', 'prevote 0', 'precommit 0', 'propose 1']);
  });

  it('rule 11: in another step, round or height they count for nothing', () => {
    const bench = new Bench({ self: 3 });
    bench.fire('prevote');
    bench.fire('propose', 1);
    bench.fire('propose', 0, H - 1);
    bench.fire('precommit', 1);
    bench.fire('precommit', 0, H + 1);
    expect(bench.said).toEqual([]);
    bench.hear(propose(H, 0, v, null));
    bench.fire('propose');
    expect(bench.said).toEqual([`0 prevote ${id(v)}`]);
    bench.hear(...prevotes(H, 0, v, 0, 1));
    bench.fire('prevote');
    expect(bench.said).toHaveLength(2);
    expect(bench.core.round).toBe(0);
  });

  it('rule 11: a precommit timeout that began before our own precommit still ends the round', () => {
    const bench = new Bench({ self: 3 });
    bench.hear(...precommits(H, 0, null, 0, 1, 2));
    bench.fire('propose');
    bench.hear(...prevotes(H, 0, null, 0, 1));
    expect(bench.core.currentStep).toBe('precommit');
    bench.fire('precommit');
    expect(bench.core.round).toBe(1);
  });

  it('timeouts grow linearly and are capped', () => {
    const delays = [0, 1, 2, 1000].map((round) => [
      timeoutMs('propose', round, TIMEOUTS),
      timeoutMs('prevote', round, TIMEOUTS),
      timeoutMs('precommit', round, TIMEOUTS),
    ]);
    expect(delays).toEqual([
      [3000, 1000, 1000],
      [3500, 1500, 1500],
      [4000, 2000, 2000],
      [60_000, 60_000, 60_000],
    ]);
    const bench = inRound(2);
    expect(bench.of('schedule').at(-1)?.delayMs).toBe(4000);
  });
});

describe('own word kept', () => {
  it('is on disk before it is sent, with all it rests on', () => {
    const bench = lockedOnV();
    const stored: ConsensusMessage[] = [];
    for (const effect of bench.effects) {
      if (effect.type === 'persist') stored.push(...effect.messages);
      if (effect.type === 'send') expect(stored).toContain(effect.message);
    }
    expect(bench.record).toMatchObject({
      height: H,
      slot: slotOf({ round: 0 }, PRECOMMIT),
      locked: { round: 0, blockId: v.id },
      valid: { round: 0, blockId: v.id },
    });
    expect(bench.record?.messages.map(brief).sort()).toEqual(
      [`0 propose ${id(v)}`, ...Array(3).fill(`0 prevote ${id(v)}`), `0 precommit ${id(v)}`].sort(),
    );
  });

  it('what is not signed yet is not in the record: a restart must not believe that it was said', () => {
    const bench = new Bench({ self: 3 });
    bench.signingHeld = true;
    bench.hear(propose(H, 0, v, null), ...prevotes(H, 0, v, 0, 1, 2));
    expect(bench.record).toBe(null);
    const effects = bench.releaseSigning();
    const slots = bench.of('persist', effects).map(({ state }) => state.slot);
    expect(slots).toEqual([slotOf({ round: 0 }, PREVOTE), slotOf({ round: 0 }, PRECOMMIT)]);
  });

  for (const [step, prepare, expected] of [
    ['proposal', (bench: Bench) => bench.do({ type: 'built', height: H, round: 0, block: v }), 'prevote'],
    ['prevote', (bench: Bench) => bench.fire('propose'), 'prevote'],
    [
      'precommit',
      (bench: Bench) => [bench.fire('propose'), bench.hear(...prevotes(H, 0, null, 1, 2, 3))],
      'precommit',
    ],
  ] as const) {
    it(`a restart after the ${step} resumes there and says nothing twice`, () => {
      const bench = new Bench({ self: 0 });
      prepare(bench);
      const again = bench.restart({ due: false });
      expect(again.core).toMatchObject({ height: H, round: 0, currentStep: expected, isDue: true });
      expect(again.said).toEqual([]);
      again.do({ type: 'built', height: H, round: 0, block: blockOf(0, 'other') });
      again.fire('propose');
      again.fire('prevote');
      const all = [...bench.said, ...again.said];
      expect(new Set(all.map((said) => said.split(' ').slice(0, 2).join(' '))).size).toBe(all.length);
      for (const message of bench.sent) expect(again.core.missing([])).toContainEqual(message);
    });
  }

  it('a restart resumes in the round of the last word, not in round 0', () => {
    const bench = inRound(2);
    bench.fire('propose');
    const again = bench.restart({ due: false });
    expect(again.core).toMatchObject({ round: 2, currentStep: 'prevote' });
  });

  it('a proposal that was persisted but not sent goes out by ADR, and is prevoted after the restart', () => {
    const bench = new Bench({ self: 0 });
    bench.do({ type: 'built', height: H, round: 0, block: v });
    const [first] = bench.of('persist');
    const record = { ...first?.state, messages: first?.messages } as NonNullable<Bench['record']>;
    const again = bench.restart({ record });
    expect(again.said).toEqual([`0 prevote ${id(v)}`]);
    expect(again.core.missing([]).map(brief)).toContain(`0 propose ${id(v)}`);
    expect(again.of('build')).toEqual([]);
  });

  it('timers of the step resumed in start again', () => {
    const prevote = new Bench({ self: 3 });
    prevote.hear(propose(H, 0, v, null), ...prevotes(H, 0, null, 0), ...prevotes(H, 0, w, 1));
    prevote.hear(...prevotes(H, 0, null, 2));
    const again = new Bench({ self: 3, record: prevote.record, due: false });
    again.hear(...prevotes(H, 0, null, 0), ...prevotes(H, 0, w, 1));
    expect(again.timers).toEqual(['prevote 0']);
    again.fire('prevote');
    again.hear(...precommits(H, 0, null, 0, 1));
    const third = again.restart({ due: false });
    third.hear(...precommits(H, 0, null, 0, 1));
    expect(third.timers).toEqual(['precommit 0']);
  });

  it('the lock and the valid block survive, and so do the prevotes behind them', () => {
    const again = lockedOnV().restart({ self: 3 });
    expect(again.core.locked).toEqual({ round: 0, blockId: v.id });
    again.hear(...prevotes(H, 3, null, 0, 1));
    expect(again.sent.filter(isProposal)).toMatchObject([{ round: 3, validRound: 0 }]);
    const behind = again.core
      .missing([])
      .filter((message) => message.round === 0 && kindOf(message) === PREVOTE);
    expect(behind).toHaveLength(3);
  });

  it('a lock of a later round than the last word on disk is restored with all its reasons', () => {
    // The prevote of round 0 is still being signed while two rounds pass and round 5 locks.
    const bench = new Bench({ self: 3 });
    bench.signingHeld = true;
    const block = blockOf(5, 'late');
    bench.hear(propose(H, 0, v, null));
    bench.hear(...prevotes(H, 5, null, 1, 2), propose(H, 5, block, null));
    bench.hear(...precommits(H, 5, null, 1), ...prevotes(H, 5, block, 0, 1, 2));
    expect(bench.core.locked).toEqual({ round: 5, blockId: block.id });
    const [first] = bench.of('persist', bench.releaseSigning());
    expect(first?.state.slot).toBe(slotOf({ round: 0 }, PREVOTE));
    const record = { ...first?.state, messages: first?.messages } as NonNullable<Bench['record']>;
    const again = new Bench({ self: 3, record });
    expect(again.core.locked).toEqual({ round: 5, blockId: block.id });
    expect(again.core.round).toBe(5);
    const kept = again.core
      .missing([])
      .filter((message) => message.round === 5)
      .map(brief);
    expect(kept.filter((said) => said === `5 prevote ${id(block)}`)).toHaveLength(4);
  });

  it('a vote that counts only because its quorum was shown counts after a restart too, in whatever order stored', () => {
    const bench = new Bench({ self: 3 });
    bench.hear(...prevotes(H, 0, null, 2));
    bench.repair(...prevotes(H, 0, w, 0, 1, 2));
    bench.fire('propose');
    const shown = (messages: readonly ConsensusMessage[]) =>
      messages.map(brief).filter((said) => said === `0 prevote ${id(w)}`).length;
    expect(shown(bench.core.missing([]))).toBe(3);
    const { record } = bench;
    if (record === null) throw new Error('nothing was persisted');
    for (const messages of [record.messages, [...record.messages].reverse()]) {
      expect(shown(bench.restart({ record: { ...record, messages } }).core.missing([]))).toBe(3);
    }
  });

  it('a second vote for a proposed block counts after a restart, in whatever order stored', () => {
    const bench = new Bench({ self: 3 });
    bench.hear(propose(H, 0, v, null), ...prevotes(H, 0, null, 2), ...prevotes(H, 0, v, 2));
    bench.hear(...prevotes(H, 0, null, 0));
    bench.fire('prevote');
    const { record } = bench;
    if (record === null) throw new Error('nothing was persisted');
    const votes = record.messages.filter((message) => !isProposal(message));
    const proposalLast = { ...record, messages: [...votes, ...record.messages.filter(isProposal)] };
    const restored = bench.restart({ record: proposalLast }).core.missing([]);
    expect(restored).toHaveLength(record.messages.length);
  });

  it('a record without the block of its lock, or of another height, stops loudly', () => {
    const { record } = lockedOnV();
    if (record === null) throw new Error('nothing was persisted');
    expect(() => new Bench({ self: 3, record: { ...record, messages: [] } })).toThrow('lacks the block');
    expect(() => new Bench({ self: 3, record: { ...record, height: H + 1 } })).toThrow('record is of height');
  });

  it('never enters a lower height, nor the same one again after signing at it', () => {
    const bench = new Bench({ self: 3 });
    bench.do({ type: 'height', height: H, authorities: SET, record: null });
    bench.do({ type: 'due', height: H });
    bench.fire('propose');
    expect(() => bench.do({ type: 'height', height: H, authorities: SET, record: null })).toThrow('again');
    expect(() => bench.do({ type: 'height', height: H - 1, authorities: SET, record: null })).toThrow(
      'after',
    );
  });

  it('never contradicts what its own key said elsewhere', () => {
    const bench = new Bench({ self: 3 });
    const effects = bench.hear(...prevotes(H, 0, v, 3));
    expect(effects.map(({ type }) => type)).toContain('stranger');
    bench.fire('propose');
    expect(bench.said).toEqual([]);
    bench.hear(...prevotes(H, 0, null, 0, 1));
    bench.fire('prevote');
    expect(bench.said).toEqual(['0 precommit nil']);
  });

  it('its own word coming back is nothing new', () => {
    const bench = new Bench({ self: 3 });
    bench.fire('propose');
    expect(bench.hear(...bench.sent)).toEqual([]);
  });
});

describe('no vote while catching up', () => {
  it('a node that may not act says nothing, whatever comes', () => {
    const bench = new Bench({ self: 0, acting: false });
    bench.hear(propose(H, 0, v, null), ...prevotes(H, 0, v, 1, 2, 3));
    bench.fire('propose');
    bench.fire('precommit');
    expect(bench.of('sign')).toEqual([]);
    expect(bench.of('schedule')).toEqual([]);
    expect(bench.of('build')).toEqual([]);
  });

  it('it takes up the height where it stands when it may act again, and timers that went by start anew', () => {
    const bench = new Bench({ self: 3 });
    bench.do({ type: 'acting', acting: false });
    bench.fire('propose');
    expect(bench.said).toEqual([]);
    bench.do({ type: 'acting', acting: true });
    expect(bench.timers).toEqual(['propose 0', 'propose 0']);
    bench.fire('propose');
    bench.hear(...prevotes(H, 0, v, 0, 1));
    bench.do({ type: 'acting', acting: false });
    bench.fire('prevote');
    bench.hear(...precommits(H, 0, null, 0, 1, 2));
    bench.do({ type: 'acting', acting: true });
    expect(bench.timers.slice(2)).toEqual(['prevote 0', 'prevote 0', 'precommit 0']);
    bench.fire('precommit');
    expect(bench.core.round).toBe(1);
  });

  it('a node that is no authority never signs', () => {
    const bench = new Bench({ self: null });
    bench.hear(propose(H, 0, v, null), ...prevotes(H, 0, v, 0, 1, 2));
    bench.fire('propose');
    expect(bench.of('sign')).toEqual([]);
  });
});

describe('equivocation counts', () => {
  it('each of two votes counts for its value, once, and they are evidence', () => {
    const bench = new Bench({ self: 3 });
    bench.hear(propose(H, 0, v, null), ...prevotes(H, 0, v, 0));
    bench.hear(...prevotes(H, 0, null, 2));
    expect(bench.of('evidence')).toEqual([]);
    const effects = bench.hear(...prevotes(H, 0, v, 2));
    expect(bench.of('evidence', effects)).toEqual([
      {
        type: 'evidence',
        evidence: { authority: 2, messages: [...prevotes(H, 0, null, 2), ...prevotes(H, 0, v, 2)] },
      },
    ]);
    expect(bench.said.at(-1)).toBe(`0 precommit ${id(v)}`);
    expect(bench.hear(...prevotes(H, 0, v, 2))).toEqual([]);
  });

  it('the same with nil coming second', () => {
    const bench = new Bench({ self: 3 });
    bench.fire('propose');
    bench.hear(...prevotes(H, 0, w, 2), ...prevotes(H, 0, null, 2), ...prevotes(H, 0, null, 0));
    expect(bench.of('evidence')).toHaveLength(1);
    expect(bench.said.at(-1)).toBe('0 precommit nil');
  });

  it('two precommits count each as well', () => {
    const bench = new Bench({ self: 3 });
    bench.hear(propose(H, 0, v, null), ...precommits(H, 0, null, 2), ...precommits(H, 0, v, 0, 1));
    expect(bench.of('commit')).toEqual([]);
    bench.hear(...precommits(H, 0, v, 2));
    expect(bench.of('commit')).toHaveLength(1);
  });

  it('two proposals of one round are evidence, and either can win', () => {
    const bench = new Bench({ self: 3 });
    const other = blockOf(0, 'other');
    bench.hear(propose(H, 0, v, null), propose(H, 0, other, null));
    expect(bench.of('evidence')).toHaveLength(1);
    bench.hear(...prevotes(H, 0, other, 0, 1, 2));
    expect(bench.said).toEqual([`0 prevote ${id(v)}`, `0 precommit ${id(other)}`]);
  });

  it('a third proposal is kept only once a quorum shows that it matters', () => {
    const bench = new Bench({ self: 3 });
    const [second, third] = [blockOf(0, 'second'), blockOf(0, 'third')];
    bench.hear(propose(H, 0, v, null), propose(H, 0, second, null));
    expect(bench.hear(propose(H, 0, third, null))).toEqual([]);
    bench.hear(...precommits(H, 0, third, 0, 1, 2));
    bench.hear(propose(H, 0, third, null));
    expect(bench.of('commit')[0]?.block.id).toBe(third.id);
  });

  it('a third proposal and the votes for it come in with an ADR that shows its quorum', () => {
    const bench = new Bench({ self: 3 });
    const [second, third] = [blockOf(0, 'second'), blockOf(0, 'third')];
    bench.hear(propose(H, 0, v, null), propose(H, 0, second, null), ...precommits(H, 0, null, 0));
    expect(bench.hear(...precommits(H, 0, third, 0))).toEqual([]);
    bench.hear(...precommits(H, 0, third, 1));
    bench.repair(...precommits(H, 0, third, 0, 2), propose(H, 0, third, null));
    expect(bench.of('commit')[0]?.block.id).toBe(third.id);
  });

  it('is bounded: a second vote for a block that nobody knows is dropped, without a trace', () => {
    const bench = new Bench({ self: 3 });
    bench.hear(...prevotes(H, 0, null, 2));
    for (let i = 0; i < 100; i++) expect(bench.hear(...prevotes(H, 0, blockOf(1, `x${i}`), 2))).toEqual([]);
    expect(bench.core.missing([])).toHaveLength(1);
  });

  it('is bounded: a leader that varies the valid round of its proposal without end', () => {
    const bench = inRound(1);
    const before = bench.core.missing([]).length;
    for (let validRound = 0; validRound < 100; validRound++) bench.hear(propose(H, 1, v, validRound));
    for (let validRound = 0; validRound < 100; validRound++) bench.hear(propose(H, 1, w, validRound));
    expect(bench.core.missing([]).length - before).toBeLessThanOrEqual(3);
  });
});

describe('everyone hears', () => {
  it('a message is relayed once, by those who only follow too', () => {
    for (const self of [3, null]) {
      const bench = new Bench({ self });
      const messages = [propose(H, 0, v, null), ...prevotes(H, 0, v, 0), ...precommits(H, 0, null, 1)];
      expect(bench.of('relay', bench.hear(...messages)).map(({ message }) => message)).toEqual(messages);
      expect(bench.of('relay', bench.hear(...messages))).toEqual([]);
      for (const message of messages) expect(bench.core.knows(message)).toBe(true);
    }
  });

  it('of rounds beyond the next only the newest of each authority is kept and relayed', () => {
    const bench = new Bench({ self: 3 });
    const relayed = (...messages: ConsensusMessage[]) => bench.of('relay', bench.hear(...messages)).length;
    expect(relayed(...prevotes(H, 7, null, 1))).toBe(1);
    expect(relayed(...prevotes(H, 5, null, 1))).toBe(0);
    expect(relayed(...prevotes(H, 7, v, 1))).toBe(0);
    expect(relayed(...precommits(H, 7, null, 1))).toBe(1);
    expect(relayed(...prevotes(H, 1, null, 1))).toBe(1);
    expect(bench.core.missing([]).map(brief)).toEqual(['1 prevote nil', '7 precommit nil']);
    for (let round = 8; round < 1000; round++) bench.hear(...prevotes(H, round, null, 1));
    expect(bench.core.missing([])).toHaveLength(2);
  });

  it('what was relayed as far ahead is not relayed again when we get there', () => {
    const bench = new Bench({ self: 3 });
    const effects = bench.hear(...prevotes(H, 7, null, 1, 2));
    expect(bench.core.round).toBe(7);
    expect(bench.of('relay', effects)).toHaveLength(2);
    expect(bench.hear(...prevotes(H, 7, null, 1, 2))).toEqual([]);
    bench.fire('propose', 7);
    const stored = bench.record?.messages.map(brief);
    expect(stored).toEqual([...Array(3).fill('7 prevote nil'), '7 precommit nil']);
  });

  it('`knows` says no exactly while a message would change something', () => {
    const bench = new Bench({ self: 3 });
    const third = blockOf(1, 'third');
    const stream = [
      ...prevotes(H, 0, v, 0, 0, 1),
      ...prevotes(H, 0, null, 0, 1),
      ...precommits(H, 1, v, 0),
      ...precommits(H, 6, v, 0),
      ...prevotes(H, 6, v, 0),
      propose(H, 0, v, null),
      propose(H, 0, v, null),
      propose(H, 1, third, null),
    ];
    for (const message of stream) {
      const known = bench.core.knows(message);
      expect(bench.of('relay', bench.hear(message))).toHaveLength(known ? 0 : 1);
      expect(bench.core.knows(message)).toBe(true);
    }
  });

  it('messages of other heights than this and the next are nothing to us', () => {
    const bench = new Bench({ self: 3 });
    expect(bench.hear(...prevotes(H - 1, 0, v, 0, 1, 2), ...prevotes(H + 2, 0, v, 0, 1, 2))).toEqual([]);
  });
});

describe('early messages', () => {
  const next = fakeBlock(H + 1, SET.list[1]?.address ?? '', 'next');

  it('of the next height wait for it, and are relayed there', () => {
    const bench = new Bench({ self: 3 });
    const early = [propose(H + 1, 0, next, null), ...prevotes(H + 1, 0, next, 0, 1)];
    expect(bench.hear(...early)).toEqual([]);
    const effects = bench.do({ type: 'height', height: H + 1, authorities: SET, record: null });
    expect(bench.of('relay', effects).map(({ message }) => message)).toEqual(early);
    expect(bench.said).toEqual([`0 prevote ${id(next)}`, `0 precommit ${id(next)}`]);
  });

  it('are bounded: rounds 0 and 1, each kind once per authority', () => {
    const bench = new Bench({ self: 3 });
    for (let round = 0; round < 50; round++) {
      for (let i = 0; i < 3; i++)
        bench.hear(
          ...prevotes(H + 1, round, fakeBlock(H + 1, '', `${i}`), 0),
          ...precommits(H + 1, round, null, 0),
        );
    }
    const effects = bench.do({ type: 'height', height: H + 1, authorities: SET, record: null });
    expect(bench.of('relay', effects)).toHaveLength(4);
  });

  it('are forgotten when the head jumps past their height', () => {
    const bench = new Bench({ self: 3 });
    bench.hear(...prevotes(H + 1, 0, next, 0, 1, 2));
    bench.do({ type: 'height', height: H + 2, authorities: SET, record: null });
    expect(bench.core.missing([])).toEqual([]);
  });
});

describe('repair', () => {
  it('gives for all rounds what the other lacks, and nothing that it holds', () => {
    const full = new Bench({ self: 0, acting: false });
    full.hear(
      propose(H, 0, v, null),
      ...prevotes(H, 0, v, 0, 1, 2),
      ...prevotes(H, 0, null, 2),
      ...prevotes(H, 1, null, 0, 1),
      propose(H, 1, v, 0),
      ...precommits(H, 1, v, 2),
      ...precommits(H, 9, null, 3),
    );
    const empty = new Bench({ self: 3, acting: false });
    expect(full.core.missing(full.core.holds())).toEqual([]);
    expect(full.core.missing(empty.core.holds())).toHaveLength(10);
    expect(knowsMore(empty.core.holds(), full.core.holds())).toBe(true);
    expect(knowsMore(full.core.holds(), empty.core.holds())).toBe(false);
    empty.repair(...full.core.missing(empty.core.holds()));
    expect(full.core.missing(empty.core.holds())).toEqual([]);
    expect(knowsMore(empty.core.holds(), full.core.holds())).toBe(false);
  });

  it("says a liar's two votes apart, and nil apart from both", () => {
    const bench = new Bench({ self: 3, acting: false });
    bench.hear(propose(H, 0, v, null), ...prevotes(H, 0, v, 0, 2), ...prevotes(H, 0, null, 2));
    expect(bench.core.holds()).toEqual([
      [0, 0, Uint8Array.of(0b0001), v.id],
      [0, 1, Uint8Array.of(0b0101), v.id],
      [0, 1, Uint8Array.of(0b0100), null],
    ]);
  });

  it('numbers the bits of 100 authorities from the least significant of the first byte', () => {
    const bench = new Bench({ n: 100, self: null });
    bench.hear(...prevotes(H, 0, v, 0, 9, 99));
    const bitmap = new Uint8Array(13);
    bitmap[0] = 1;
    bitmap[1] = 2;
    bitmap[12] = 8;
    expect(bench.core.holds()).toEqual([[0, 1, bitmap, v.id]]);
    const short: [number, number, Uint8Array, string][] = [[0, 1, Uint8Array.of(1), v.id]];
    expect(bench.core.missing(short).map((message) => 'authority' in message && message.authority)).toEqual([
      9, 99,
    ]);
  });

  it('brings a node that lacks whole rounds to where the others are', () => {
    const full = new Bench({ self: 0, acting: false });
    for (let round = 0; round < 6; round++)
      full.hear(...prevotes(H, round, null, 0, 1, 2), ...precommits(H, round, null, 0, 1, 2));
    const behind = new Bench({ self: 3 });
    // As messages ahead of the next round are thinned out, a second question may be needed.
    for (let i = 0; i < 2; i++) behind.repair(...full.core.missing(behind.core.holds()));
    expect(behind.core.round).toBe(5);
    expect(full.core.missing(behind.core.holds())).toEqual([]);
  });

  it('takes proposals in first, in whatever order they come, as second votes count for known blocks', () => {
    const bench = new Bench({ self: 3, acting: false });
    bench.repair(
      ...prevotes(H, 0, v, 0),
      ...prevotes(H, 0, null, 2),
      ...prevotes(H, 0, v, 2),
      propose(H, 0, v, null),
    );
    expect(bench.core.missing([])).toHaveLength(4);
  });

  it('of another height is nothing to us', () => {
    const bench = new Bench({ self: 3 });
    expect(bench.repair(...prevotes(H + 1, 0, v, 0, 1, 2), ...prevotes(H - 1, 0, v, 0, 1, 2))).toEqual([]);
  });
});

describe('networks of every size', () => {
  it('one authority alone decides by itself, its commit last', () => {
    const bench = new Bench({ n: 1, self: 0 });
    const block = fakeBlock(H, bench.address(0), 'alone');
    const effects: Effect[] = bench.do({ type: 'built', height: H, round: 0, block });
    expect(bench.said).toEqual([
      `0 propose ${id(block)}`,
      `0 prevote ${id(block)}`,
      `0 precommit ${id(block)}`,
    ]);
    expect(effects.at(-1)?.type).toBe('commit');
  });

  it('one authority alone goes on after a block that could not be built', () => {
    const bench = new Bench({ n: 1, self: 0 });
    bench.do({ type: 'built', height: H, round: 0, block: null });
    bench.fire('propose');
    expect(bench.said).toEqual(['0 prevote nil', '0 precommit nil']);
    bench.fire('precommit');
    expect(bench.of('build').map(({ round }) => round)).toEqual([0, 1]);
  });

  for (const [n, quorum, faulty] of [
    [1, 1, 0],
    [2, 2, 0],
    [3, 2, 0],
    [4, 3, 1],
    [6, 4, 1],
    [7, 5, 2],
    [100, 67, 33],
  ] as const) {
    it(`${n} authorities: ${quorum} decide, ${faulty} may lie`, () => {
      const bench = new Bench({ n, self: null });
      const leader = H % n;
      const block = fakeBlock(H, bench.address(leader), 'b');
      const all = Array.from({ length: n }, (_, i) => i);
      bench.hear(propose(H, 0, block, null), ...precommits(H, 0, block, ...all.slice(0, quorum - 1)));
      expect(bench.of('commit')).toEqual([]);
      bench.hear(vote(H, 0, PRECOMMIT, block, quorum - 1));
      expect(bench.of('commit')[0]?.certificate.signatures).toHaveLength(quorum);
      const rounds = new Bench({ n, self: null });
      rounds.hear(...prevotes(H, 3, null, ...all.slice(0, faulty)));
      expect(rounds.core.round).toBe(0);
      rounds.hear(...prevotes(H, 3, null, faulty));
      expect(rounds.core.round).toBe(3);
    });
  }
});
