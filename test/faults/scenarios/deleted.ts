/** Data directories that are gone. */
import { rm } from 'node:fs/promises';
import type { Scenario } from '../scenario.js';
import { acceptLostRecord, followsSilently, killAtWork } from './lost-record.js';
import { wipe } from './restored.js';

export const deleted: Scenario = {
  name: 'deleted',
  sentence:
    'a validator without its chain syncs it and goes on; one without all but its key follows, and does not sign',
  async play(network, _, chance) {
    const [victim] = chance.sample(network.validators, 1);
    if (victim === undefined) throw new Error('there are validators');
    await killAtWork(network, victim);
    await rm(victim.home.file('chain'), { recursive: true });
    victim.start();
    await network.untilLeads(victim);

    const heard = await killAtWork(network, victim);
    await wipe(victim.home);
    await followsSilently(network, victim, heard);
    await acceptLostRecord(network, victim);

    // From under a node that runs: it may fail at any time, and comes back.
    const { basic } = network;
    basic.mayEnd();
    await rm(basic.home.file('chain'), { recursive: true });
    await network.grows(1, network.without(basic));
    if (basic.running) await basic.kill();
    basic.start();
    await network.grows(1);
    return 'a chain, all but a key, and a chain in use';
  },
};
