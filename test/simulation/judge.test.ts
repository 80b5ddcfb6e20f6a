/** What is excused where more lie than a network bears: that it splits, and nothing else. */
import { describe, expect, it } from 'vitest';
import { PRECOMMIT, PREVOTE, type VoteContent, voteBytes } from '../../src/protocol/vote.js';
import type { Machine } from './machine.js';
import { scenarioNamed } from './scenarios/index.js';
import type { Scenario } from './scenarios/scenario.js';
import { HEIGHT, type Stage, stageOf, until } from './scenarios/stage.js';
import { Split } from './violation.js';

/** Two of four lie, and an honest one breaks a rule once the story says so. */
function withFault(when: (a: Machine, stage: Stage) => boolean, fault: Partial<VoteContent>): Scenario {
  return {
    name: 'fault',
    what: 'an honest key breaks a rule among too many liars',
    authorities: 4,
    splits: true,
    parts: {},
    *tell(stage) {
      const [x, a, , y] = [stage.leader(0), stage.leader(1), stage.leader(2), stage.leader(3)];
      stage.lies(x);
      stage.lies(y);
      yield until('the honest one has spoken', () => when(a, stage));
      const vote = { height: HEIGHT, round: 0, type: PREVOTE, blockId: 'ab'.repeat(32), ...fault } as const;
      stage.simulation.judge.signing(a.key.address, voteBytes(vote, stage.genesisId));
    },
  };
}

const hasPrecommitted = (a: Machine, stage: Stage) => stage.hasSaid(a, PRECOMMIT, 0);

describe('with more liars than a network bears', () => {
  it('the split is reported, and who lied', async () => {
    const simulation = stageOf(scenarioNamed('split-beyond-f'));
    const { beyond, violation } = await simulation.run();
    expect([beyond, violation]).toEqual(['split', undefined]);
    const { equivocators, liars } = simulation.judge;
    expect(liars.size).toBe(2);
    expect(equivocators).toEqual(liars);
  });

  it('an honest key that signs twice is not excused', async () => {
    const { violation } = await stageOf(withFault(hasPrecommitted, {})).run();
    expect(violation?.message).toMatch(/signs a prevote .* after it said/);
  });

  it('nor is a precommit without a quorum', async () => {
    const { violation } = await stageOf(withFault(hasPrecommitted, { round: 1, type: PRECOMMIT })).run();
    expect(violation?.message).toMatch(/without a quorum of prevotes/);
  });

  it('nor is a lock that is left', async () => {
    const { violation } = await stageOf(withFault(hasPrecommitted, { round: 1 })).run();
    expect(violation?.message).toMatch(/although locked on/);
  });
});

it('a split among no more liars than are borne is not excused', async () => {
  const { violation } = await stageOf(scenarioNamed('split-beyond-f'), undefined, { beyond: false }).run();
  expect(violation).toBeInstanceOf(Split);
});
