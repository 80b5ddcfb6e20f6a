/** Links that carry nothing. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Member } from '../member.js';
import type { Network } from '../network.js';
import { must, type Scenario } from '../scenario.js';
import { standsStill } from './pause.js';

const CUT_MS = { short: 5_000, long: 20_000 };
const MORE_BLOCKS = 5;

export const partition: Scenario = {
  name: 'partition',
  sentence:
    'validators cut off 2|2 stand still and do not fork; cut off 3|1, or unheard, three go on; all heal',
  async play(network, { short }, chance) {
    const lastsMs = CUT_MS[short ? 'short' : 'long'];
    const [a, b, c, d] = chance.sample(network.validators, 4) as [Member, Member, Member, Member];

    cut(network, [a, b, network.basic], [c, d]);
    await standsStill(network, lastsMs);
    await heal(network);

    cut(network, [a, b, c, network.basic], [d]);
    const alone = await goOnWithout(network, d, lastsMs);
    must(d.head <= alone, `block ${d.head} became final for ${d.name} alone`);
    await heal(network);

    // It hears all and is heard by nobody.
    for (const { address } of network.without(d)) network.links.lane(d.address, address).set({ cut: true });
    await goOnWithout(network, d, lastsMs);
    await heal(network);
    return `2|2, 3|1 and one unheard, ${lastsMs / 1000} s each`;
  },
};

function cut(network: Network, ...groups: readonly (readonly Member[])[]): void {
  network.links.partition(...groups.map((group) => group.map(({ address }) => address)));
}

/** @returns the head of the one once it could no longer hear of what was under way */
async function goOnWithout(network: Network, one: Member, lastsMs: number): Promise<number> {
  await sleep(lastsMs / 2);
  const { head } = one;
  await Promise.all([sleep(lastsMs / 2), network.grows(MORE_BLOCKS, network.without(one))]);
  return head;
}

async function heal(network: Network): Promise<void> {
  network.links.heal();
  await network.grows(MORE_BLOCKS);
}
