/** A record that loses its last words to a damaged disk, while the height that they are of is still open. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { signerDirectory } from '../../../src/storage/data-directory.js';
import type { Member } from '../member.js';
import type { Network } from '../network.js';
import { must, type Scenario } from '../scenario.js';
import type { Word } from '../witness.js';

/** Of the end of what it signed, to find it by in the journal. */
const TRACE_BYTES = 32;
/** So long its words are under way: they can be stopped after they were heard. */
const HELD_BACK_MS = 1_000;
const DAMAGED = /^ccoin cnode: the signer's record is damaged: [^\n]+\n$/;
const SILENT = /nothing is signed at height/;

export const forgotten: Scenario = {
  name: 'forgotten',
  sentence:
    "a leader's record loses what it just proposed, and the height is still open: it says nothing rather than another thing",
  async play(network, _, chance) {
    const [leader, other] = chance.sample(network.validators, 2) as [Member, Member];
    other.pause();
    const proposal = await untilProposedInVain(network, leader);
    await leader.kill();
    network.links.sever(leader.address);
    await forget(network, leader, proposal);

    network.links.heal();
    leader.start();
    const end = await network.within(
      `${leader.name} looking at its record`,
      leader.endOr(network.untilLeads(leader)),
    );
    must(
      end?.code === 1 && DAMAGED.test(end.errors),
      `it did not refuse to start: ${end?.errors ?? 'it leads'}`,
    );

    // The flag lets it sign, but not at the height that it may have forgotten.
    const silent = leader
      .start({ args: ['--accept-lost-record'] })
      .until(({ msg }) => SILENT.test(String(msg)));
    await network.within(`${leader.name} keeping silent`, silent);
    other.resume();
    await network.grows(1);
    await network.untilLeads(leader);
    await leader.stop();
    leader.start();
    await network.untilLeads(leader);
    return `it forgot its proposal of height ${proposal.height}, and signed again above it`;
  },
};

/** Two of four are left, so nothing becomes final, and the proposal that this one makes is heard by the witness alone. */
async function untilProposedInVain(network: Network, leader: Member): Promise<Word> {
  const others = network.addresses.filter((address) => address !== leader.address);
  for (const address of others) network.links.lane(leader.address, address).set({ delayMs: HELD_BACK_MS });
  const proposing = network.witness.untilProposes(leader.address);
  const proposal = await network.within(`a proposal of ${leader.name}`, proposing);
  network.links.partition([leader.address], others);
  return proposal;
}

/** A journal leaves out what has a wrong checksum, and all that was written after it. */
async function forget({ genesis }: Network, { home, address }: Member, { wire }: Word): Promise<void> {
  const path = join(signerDirectory(home.path, address, genesis.id), 'journal');
  const bytes = await readFile(path);
  const at = bytes.lastIndexOf(wire.subarray(-TRACE_BYTES));
  must(at >= 0, `what was said is not in ${path}`);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(path, bytes);
}
