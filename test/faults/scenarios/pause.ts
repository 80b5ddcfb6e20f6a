/** Stopped processes: their sockets stay open, and they say nothing. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Chance } from '../../simulation/chance.js';
import type { Member } from '../member.js';
import type { Network } from '../network.js';
import { must, type Scenario } from '../scenario.js';

const PAUSE_MS = { short: 5_000, long: 20_000 };

export const pause: Scenario = {
  name: 'pause',
  sentence:
    'SIGSTOP of one validator, and the others go on; then of two, and nothing is final until they go on',
  async play(network, { short }, chance) {
    const lastsMs = PAUSE_MS[short ? 'short' : 'long'];
    const missed = await pauseOne(network, chance.pick(network.validators), lastsMs);
    await pauseTwo(network, chance, lastsMs);
    return `one stopped for ${lastsMs / 1000} s, in which ${missed} blocks were final; two stopped as long`;
  },
};

async function pauseOne(network: Network, victim: Member, lastsMs: number): Promise<number> {
  const { head } = network;
  victim.pause();
  await Promise.all([sleep(lastsMs), network.grows(3, network.without(victim))]);
  const missed = network.head - head;
  victim.resume();
  await network.grows(1);
  return missed;
}

async function pauseTwo(network: Network, chance: Chance, lastsMs: number): Promise<void> {
  const victims = chance.sample(network.validators, 2);
  for (const victim of victims) victim.pause();
  await standsStill(network, lastsMs);
  for (const victim of victims) victim.resume();
  await network.grows(3);
}

/** While a fault lasts nothing becomes final, but what was under way at its beginning. */
export async function standsStill(network: Network, lastsMs: number): Promise<void> {
  await sleep(lastsMs / 2);
  const { head } = network;
  await sleep(lastsMs / 2);
  must(network.head === head, `block ${network.head} became final without a quorum`);
}
