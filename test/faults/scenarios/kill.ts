/** kill -9 in a loop. */
import type { Chance } from '../../simulation/chance.js';
import type { Member } from '../member.js';
import type { Network } from '../network.js';
import type { Scenario } from '../scenario.js';

/** Of the victims, as many lead the next height; the others are anyone. */
const LEADER_SHARE = 0.4;
const LEFT_DOWN_SHARE = 0.25;
/** What a node misses that is left down for a while. */
const MISSED_BLOCKS = 3;
/** How far a node that was started again gets before the next kill. */
const NEXT = ['it caught up', 'it listens', 'it opened its chain'] as const;

export const kill: Scenario = {
  name: 'kill',
  sentence: 'kill -9 of one node after the other under load, leaders and starting ones too: each comes back',
  async play(network, { kills }, chance) {
    let [leaders, starting] = [0, 0];
    let victim: Member | undefined;
    for (let count = 0; count < kills; count++) {
      if (victim === undefined) {
        const leader = network.leaderOf(network.head + 1);
        victim = chance.chance(LEADER_SHARE) ? leader : chance.pick([...network.validators, network.basic]);
        await network.grows(1, [victim]);
        if (victim === network.leaderOf(network.head + 1)) leaders++;
      } else starting++;
      victim = await killAndStart(network, victim, chance);
    }
    return `${kills} kills, ${leaders} of the next leader, ${starting} of a node that was starting`;
  },
};

/** @returns the victim, if it is to be killed again while it starts */
async function killAndStart(network: Network, victim: Member, chance: Chance): Promise<Member | undefined> {
  await victim.kill();
  if (chance.chance(LEFT_DOWN_SHARE)) await network.grows(MISSED_BLOCKS);
  const { head } = network;
  victim.start();
  const next = chance.pick(NEXT);
  const event = next === 'it listens' ? 'listening' : 'node';
  const reached: Promise<unknown> =
    next === 'it caught up' ? victim.untilHead(head + 1) : victim.process.event(event);
  await network.within(`${victim.name}: ${next}`, reached);
  return next === 'it opened its chain' ? victim : undefined;
}
