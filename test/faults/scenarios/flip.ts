/** One wrong byte in a file of a database. */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { signerDirectory } from '../../../src/storage/data-directory.js';
import type { Chance } from '../../simulation/chance.js';
import { ccoin } from '../../support/node-process.js';
import type { Ended, Member } from '../member.js';
import type { Network } from '../network.js';
import { must, type Scenario } from '../scenario.js';
import { acceptLostRecord } from './lost-record.js';

const FLIPS = { short: 2, long: 15 };
const FOLLOWED_BLOCKS = 3;
/** What holds data; LevelDB's LOCK is empty, and its LOG is for people. A signer's record is a journal. */
const DATA_FILE = /^(\d+\.(log|ldb)|MANIFEST-\d+|CURRENT|journal)$/;
const ONE_SENTENCE = /^ccoin cnode: [^\n]*(damaged|signer's record)[^\n]*\n$/;

export const flip: Scenario = {
  name: 'flip',
  sentence:
    'a wrong byte in the chain or the record of a stopped node: unharmed, or it says so, is repaired, and goes on',
  async play(network, { short }, chance) {
    const flips = FLIPS[short ? 'short' : 'long'];
    const [chains, records] = [new Tally(), new Tally()];
    for (let count = 0; count < flips; count++) {
      chains.add(await flipInChain(network, chance.pick([...network.validators, network.basic]), chance));
      records.add(await flipInRecord(network, chance.pick(network.validators), chance));
    }
    return `chains: ${chains.text}; records: ${records.text}`;
  },
};

class Tally {
  readonly #counts = new Map<string, number>();

  add(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  get text(): string {
    return [...this.#counts].map(([what, count]) => `${count} ${what}`).join(', ');
  }
}

async function flipInChain(network: Network, victim: Member, chance: Chance): Promise<string> {
  await network.grows(FOLLOWED_BLOCKS);
  await victim.stop();
  const where = await flipByte(victim.home.file('chain'), chance);
  victim.start();
  const head = network.head + FOLLOWED_BLOCKS;
  const end = await network.within(`${victim.name} on ${where}`, victim.endOr(victim.untilHead(head)));
  if (end === null) await stopWhatever(victim, where);
  else mustSay(end, where);

  const verified = await ccoin('verify', '-c', victim.home.config);
  const unharmed = verified.code === 0;
  must(!unharmed || end === null, `${where}: verify found it sound, but the node ended: ${end?.errors}`);
  must(unharmed || /damaged|is not sound/.test(verified.err), `${where}: verify said ${verified.err}`);
  let outcome = 'did no harm';
  if (!unharmed) {
    const { code } = await ccoin('repair', '-c', victim.home.config);
    if (code !== 0) await rm(victim.home.file('chain'), { recursive: true });
    outcome = code === 0 ? 'repaired' : 'synced anew';
  }
  victim.start();
  await network.grows(FOLLOWED_BLOCKS);
  return outcome;
}

async function flipInRecord(network: Network, victim: Member, chance: Chance): Promise<string> {
  await network.untilLeads(victim);
  await victim.stop();
  const directory = signerDirectory(victim.home.path, victim.address, network.genesis.id);
  const where = await flipByte(directory, chance);
  await network.grows(FOLLOWED_BLOCKS);
  const process = victim.start();
  const refuses = process.until(({ msg }) => /signing could contradict/.test(String(msg))).then(() => true);
  refuses.catch(() => {});
  let refused = false;
  const works = Promise.race([
    network.untilLeads(victim),
    refuses.then(() => {
      refused = true;
    }),
  ]);
  const end = await network.within(`${victim.name} on ${where}`, victim.endOr(works));
  if (end === null && !refused) {
    victim.mustNotEnd();
    return 'did no harm';
  }
  if (end !== null) mustSay(end, where);
  await acceptLostRecord(network, victim);
  return end === null ? 'refused to sign, as it was old' : 'refused to start, as it was damaged';
}

/** A node on damaged data may have met the damage just now. */
async function stopWhatever(victim: Member, where: string): Promise<void> {
  if (!victim.running) return;
  const ended = victim.endOr(new Promise(() => {}));
  victim.process.signal('SIGTERM');
  const end = await ended;
  if (end !== null && end.code !== 0) mustSay(end, where);
}

function mustSay({ code, errors }: Ended, where: string): void {
  must(code === 1 && ONE_SENTENCE.test(errors), `${where}: it ended with ${code}: ${errors}`);
}

/** One that was written: what a journal has not come to yet is zeros. @returns where it was, for people */
async function flipByte(directory: string, chance: Chance): Promise<string> {
  const name = chance.pick((await readdir(directory)).filter((each) => DATA_FILE.test(each)).sort());
  const path = join(directory, name);
  const bytes = await readFile(path);
  const at = chance.below(bytes.findLastIndex((byte) => byte !== 0) + 1);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << chance.below(8));
  await writeFile(path, bytes);
  return `byte ${at} of the ${bytes.length} of ${path}`;
}
