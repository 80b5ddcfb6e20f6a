/** What is excused where more lie than a network bears: that it splits, and nothing else. */
import { describe, expect, it } from 'vitest';
import { fromHex } from '../../src/protocol/bytes.js';
import { decodeVote, PRECOMMIT, PREVOTE, type VoteContent, voteBytes } from '../../src/protocol/vote.js';
import { EvidenceStore } from '../../src/storage/evidence.js';
import type { SimKey } from './keys.js';
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

  it('both halves say so when they meet, and keep the proof against every liar', async () => {
    const said: string[] = [];
    const simulation = stageOf(scenarioNamed('split-beyond-f'), (line) => said.push(line));
    await simulation.run();
    const { machines, judge, plan } = simulation;
    const honest = machines.filter((machine) => machine.honest);
    expect(honest).toHaveLength(2);
    for (const machine of honest) {
      const pieces = (await new EvidenceStore(machine.lookIntoChain()).list()).filter(
        ({ height, type }) => height === HEIGHT && type === 'precommit',
      );
      expect(new Set(pieces.map(({ authority }) => authority))).toEqual(judge.liars);
      for (const { authority, messages } of pieces) {
        const votes = messages.map(decodeVote);
        expect(new Set(votes.map(({ blockId }) => blockId)).size).toBe(2);
        for (const vote of votes) {
          const { publicKey } = plan.authorities[vote.authority] as SimKey;
          const message = voteBytes(vote, fromHex(plan.genesis.block.id));
          expect(plan.authorities[vote.authority]?.address).toBe(authority);
          expect(plan.ring.verify({ publicKey, message, signature: vote.signature })).toBe(true);
        }
      }
    }
    // Whichever half lacks a quorum meets the other's next block, and cannot go on.
    expect(said.filter((line) => line.includes(' fails: '))).toEqual([
      expect.stringMatching(/fails: the network has split: block \w+ of height \d+ is certified .* follows/),
    ]);
    // It knows again when it is given such a block after its restart, though nobody's head is as low as its own.
    const failedAt = said.findIndex((line) => line.includes(' fails: '));
    const who = said[failedAt]?.split(' ')[1];
    const again = said
      .slice(failedAt)
      .filter((line) => line.includes(` ${who} error: the network has split: more`));
    expect(again).toHaveLength(1);
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
