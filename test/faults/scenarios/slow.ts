/** Links that are slow, narrow, and lose their connections. */
import type { Trouble } from '../links.js';
import type { Scenario } from '../scenario.js';

const BLOCKS = { short: 20, long: 300 };
/** As over a bad mobile network; what it loses TCP sends again after a while. */
const BAD: Trouble = {
  delayMs: 40,
  jitterMs: 40,
  bytesPerSecond: 250_000,
  stallChance: 0.01,
  stallMs: 300,
  breakChance: 0.0005,
};

export const slow: Scenario = {
  name: 'slow',
  sentence:
    'links of 40 to 80 ms and 250 kB/s, that stall and now and then lose a connection: slower, but it goes on',
  async play(network, { short }) {
    const blocks = BLOCKS[short ? 'short' : 'long'];
    network.links.trouble(network.addresses, BAD);
    await network.grows(blocks);
    network.links.heal();
    return `${blocks} blocks over such links`;
  },
};
