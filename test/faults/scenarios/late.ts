/** A node that comes when much has happened. */
import type { Scenario } from '../scenario.js';

const BLOCKS = { short: 60, long: 1_000 };
const MORE_BLOCKS = 10;
const KILLS = { short: 1, long: 5 };

export const late: Scenario = {
  name: 'late',
  sentence:
    'a node with nothing but the id of genesis joins under load, is killed on its way, and catches up',
  async play(network, { short }) {
    const form = short ? 'short' : 'long';
    await network.grows(BLOCKS[form] - network.head, [network.basic]);
    const { late } = network;
    for (let kill = 0; kill < KILLS[form]; kill++) {
      late.start();
      // The first sign of blocks: most of the chain is still missing.
      await network.within('its first block', late.process.event('final'));
      await late.kill();
    }
    late.start();
    await network.grows(MORE_BLOCKS);
    return `joined at block ${network.head}, after ${KILLS[form]} kills on the way`;
  },
};
