/** A clock that is off by more than the 15 seconds that section 5 allows a fresh block to be ahead. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Member } from '../member.js';
import type { Network } from '../network.js';
import { preloaded } from '../preload.js';
import { must, type Scenario } from '../scenario.js';

const OFF_MS = 30_000;
/** Each of four leads so often. */
const TURNS = { short: 2, long: 10 };
const POLL_MS = 100;

export const clock: Scenario = {
  name: 'clock',
  sentence: 'a clock 30 s ahead, then 30 s back: the node says so, no block is dated ahead, the others go on',
  async play(network, { short }, chance) {
    const turns = TURNS[short ? 'short' : 'long'];
    const victim = chance.pick(network.validators);
    const refused = await ahead(network, victim, turns);
    await back(network, victim, turns);
    await restart(victim, 0);
    await network.untilLeads(victim);
    return `${refused} blocks without one of the clock that was ahead, and its own again once it was right`;
  },
};

/** Nobody prevotes what such a leader proposes: its turns pass in a second round. */
async function ahead(network: Network, victim: Member, turns: number): Promise<number> {
  await restart(victim, OFF_MS);
  await saysSo(network, victim, 'ahead of');
  const blocks = turns * network.validators.length;
  const client = await network.basic.client();
  for (let count = 0; count < blocks; count++) {
    // Looked at as it becomes final: half a minute later a wrong date is none any more.
    const number = await network.grows(1);
    const { coinbase, time } = await client.block(number);
    must(coinbase !== victim.address, `block ${number} is of ${victim.name}, whose clock is ahead`);
    must(time * 1000 < Date.now(), `block ${number} is dated ahead`);
  }
  return blocks;
}

/** It refuses the others' blocks as too far ahead, takes what they made final, and dates its own after their parents. */
async function back(network: Network, victim: Member, turns: number): Promise<void> {
  await restart(victim, -OFF_MS);
  await saysSo(network, victim, 'behind');
  await network.grows(turns * network.validators.length);
  await network.untilLeads(victim);
}

async function restart(victim: Member, offMs: number): Promise<void> {
  await victim.stop();
  victim.start(offMs === 0 ? {} : preloaded('clock', { FAULTS_CLOCK_MS: String(offMs) }));
}

async function saysSo(network: Network, victim: Member, how: string): Promise<void> {
  const client = await victim.client();
  const said = (async () => {
    let reason = '';
    while (!new RegExp(`this clock is \\S+ \\S* ?${how} the peers'`).test(reason)) {
      ({ reason } = await client.readiness());
      await sleep(POLL_MS);
    }
  })();
  await network.within(`${victim.name} saying that its clock is ${how}`, said);
}
