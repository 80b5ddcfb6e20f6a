/** What has to hold after every fault, whatever it was. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BlockJson, CcoinClient } from '../../src/client/index.js';
import { signerDirectory } from '../../src/storage/data-directory.js';
import { readJournal } from '../../src/storage/journal-store.js';
import { SignerRecordStore } from '../../src/storage/signer-record.js';
import { ccoin } from '../support/node-process.js';
import type { Member } from './member.js';
import type { Network } from './network.js';
import { must } from './scenario.js';

/** The network is to go on for as long. */
const MORE_BLOCKS = 10;
const PAGE = 100;
const POLL_MS = 100;

/** What a scenario left. */
export interface Totals {
  readonly blocks: number;
  readonly transfers: number;
  /** Blocks that took more than one round. */
  readonly laterRounds: number;
  /** Signed messages that were heard and held against each other. */
  readonly words: number;
}

/** @throws Error that says what did not hold */
export async function judge(network: Network): Promise<Totals> {
  network.links.heal();
  await network.grows(MORE_BLOCKS);
  if (!network.late.running) network.late.start();
  await network.within('a newcomer catching up', network.late.untilHead(network.head));
  await network.within(
    `what was sent being final (last heard: ${network.load.lastRefusal})`,
    network.load.stop(),
  );

  const chain = await oneChain(network);
  for (const member of network.members) {
    const found = await (await member.client()).evidence();
    must(found.length === 0, `${member.name} holds evidence: ${JSON.stringify(found)}`);
  }
  nothingLost(network, chain);

  await network.within('all of them stopping', Promise.all(network.members.map((member) => member.stop())));
  for (const validator of network.validators) await recordHolds(network, validator);
  const { contradictions, words } = network.witness;
  must(contradictions.length === 0, `signed twice: ${contradictions.join('; ')}`);
  for (const member of network.members) await sound(member);

  const laterRounds = chain.filter(({ certificate }) => (certificate?.round ?? 0) > 0).length;
  return { blocks: chain.length, transfers: network.load.acknowledged.length, laterRounds, words };
}

/** The chain that all nodes have, read from each of them whole. */
async function oneChain(network: Network): Promise<readonly BlockJson[]> {
  const clients = await Promise.all(network.members.map((member) => member.client()));
  const height = await network.within('rest', restingHeight(clients));
  let reference: readonly BlockJson[] | undefined;
  for (const [index, client] of clients.entries()) {
    const blocks = await allBlocks(client, height);
    reference ??= blocks;
    const name = network.members[index]?.name;
    must(blocks.length === height, `${name} has ${blocks.length} blocks of ${height}`);
    for (const [at, { number, id, hash_state }] of blocks.entries()) {
      const { id: otherId, hash_state: otherState } = reference[at] as BlockJson;
      must(id === otherId && hash_state === otherState, `block ${number} of ${name} is another`);
    }
  }
  return reference ?? [];
}

/** The height of all of them once nothing waits to be mined any more. */
async function restingHeight(clients: readonly CcoinClient[]): Promise<number> {
  for (;;) {
    const statuses = await Promise.all(clients.map((client) => client.status()));
    const heights = new Set(statuses.map(({ head }) => head.number));
    const [height] = heights;
    const idle = statuses.every(({ pool }) => pool.ready + pool.waiting === 0);
    if (idle && heights.size === 1 && height !== undefined) return height;
    await sleep(POLL_MS);
  }
}

async function allBlocks(client: CcoinClient, height: number): Promise<readonly BlockJson[]> {
  const blocks: BlockJson[] = [];
  for (let from: number | null = 1; from !== null && from <= height; ) {
    const { items, next } = await client.blocks({ from, limit: PAGE });
    blocks.push(...items.filter(({ number }) => number <= height));
    from = next;
  }
  return blocks;
}

/** Every transfer that a node ever called final is in that very block, and in no other. */
function nothingLost(network: Network, chain: readonly BlockJson[]): void {
  const places = new Map<string, number>();
  for (const { number, body } of chain) {
    for (const { id } of body) {
      must(!places.has(id), `transfer ${id} is in blocks ${places.get(id)} and ${number}`);
      places.set(id, number);
    }
  }
  for (const { id, block, by } of network.load.acknowledged) {
    const place = places.get(id);
    must(place === block, `${by} called transfer ${id} final in block ${block}; it is in ${place ?? 'none'}`);
  }
}

/** A validator's record knows all that was heard of it: nothing left it that the record had not kept before. */
async function recordHolds({ genesis, witness }: Network, { name, home, address }: Member): Promise<void> {
  const journal = await readJournal(signerDirectory(home.path, address, genesis.id));
  must(journal?.damage === null, `${name} has no record, or: ${journal?.damage}`);
  const record = SignerRecordStore.open(journal.entries);
  const height = record.state?.height ?? 0;
  const heard = witness.highest(address);
  must(height >= heard, `${name} was heard at height ${heard}, and its record is of height ${height}`);
  for (const { kind, wire } of record.messages()) witness.add(witness.wordOf(kind, wire));
}

async function sound({ name, home }: Member): Promise<void> {
  const { code, out, err } = await ccoin('verify', '-c', home.config);
  must(code === 0 && out.startsWith('sound: '), `${name} is not sound: ${err}`);
}
