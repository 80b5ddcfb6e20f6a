/** A record that loses its last words to a damaged disk, while the height that they are of is still open. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { signerDirectory } from '../../../src/storage/data-directory.js';
import type { Member } from '../member.js';
import type { Network } from '../network.js';
import { must, type Scenario } from '../scenario.js';
import { acceptLostRecord } from './lost-record.js';

/** LevelDB leaves out the rest of such a part of its log, once a checksum in it is wrong. */
const LOG_BLOCK_BYTES = 32_768;
/** Within the first record of a part, behind its header. */
const INTO_BLOCK_BYTES = 20;
/** So long its words are under way: they can be stopped after they were heard. */
const HELD_BACK_MS = 1_000;

export const forgotten: Scenario = {
  name: 'forgotten',
  sentence:
    "a leader's record loses what it just proposed, and the height is still open: it says nothing rather than another thing",
  async play(network, _, chance) {
    const [leader, other] = chance.sample(network.validators, 2) as [Member, Member];
    other.pause();
    await untilProposedInVain(network, leader);
    await leader.kill();
    const where = await loseLastWords(network, leader);

    network.links.heal();
    leader.start();
    const end = await network.within(`${leader.name} on ${where}`, leader.endOr(network.untilLeads(leader)));
    must(end?.code === 1, `${where}: it started`);
    must(/^ccoin cnode: the signer's record is damaged: [^\n]+\n$/.test(end.errors), end.errors);
    other.resume();
    await network.grows(1);
    await acceptLostRecord(network, leader);
    return `it refused to start on ${where}`;
  },
};

/** Two of four are left, so nothing becomes final, and the proposal that this one makes is heard by the witness alone. */
async function untilProposedInVain(network: Network, leader: Member): Promise<void> {
  const others = network.addresses.filter((address) => address !== leader.address);
  for (const address of others) network.links.lane(leader.address, address).set({ delayMs: HELD_BACK_MS });
  await network.within(`a proposal of ${leader.name}`, network.witness.untilProposes(leader.address));
  network.links.partition([leader.address], others);
}

async function loseLastWords({ genesis }: Network, { home, address }: Member): Promise<string> {
  const directory = signerDirectory(home.path, address, genesis.id);
  const logs = (await readdir(directory)).filter((name) => name.endsWith('.log')).sort();
  const path = join(directory, logs.at(-1) ?? 'no log');
  const bytes = await readFile(path);
  const lastBlock = Math.floor((bytes.length - 1) / LOG_BLOCK_BYTES) * LOG_BLOCK_BYTES;
  const at = lastBlock + INTO_BLOCK_BYTES;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(path, bytes);
  return `byte ${at} of the ${bytes.length} of ${path}`;
}
