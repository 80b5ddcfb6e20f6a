/** Joining a network by a snapshot instead of all of its blocks: whole nodes over TCP. */
import { beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '../../src/protocol/bytes.js';
import { sha256Hex } from '../../src/protocol/hash.js';
import { MemoryFiles } from '../../src/storage/memory-files.js';
import { BlockMaker } from '../support/block-maker.js';
import { growTo } from '../support/chain-directory.js';
import { ALLOC_EACH, TEST_KEYS, type TestGenesis, testGenesis } from '../support/genesis.js';
import { expectSameChain, keyOf, start, stop, stopAllAfterEach } from '../support/running-nodes.js';
import { type TestNode, untilHeight } from '../support/test-node.js';

stopAllAfterEach();

/** More than one part holds, so that parts and subtrees are both asked for. */
const ACCOUNTS = 3_000;
const SNAPSHOT = 6;

const HEAD = 9;

let genesis: TestGenesis;
let maker: BlockMaker;
/** With a snapshot, which was made when its block was the newest. */
const files = new MemoryFiles();

beforeAll(async () => {
  const addresses = [
    ...TEST_KEYS.map(({ address }) => address),
    ...Array.from({ length: ACCOUNTS }, (_, i) => sha256Hex(`account ${i}`).slice(0, 40)),
  ];
  const alloc = Object.fromEntries(addresses.map((address) => [address, { balance: ALLOC_EACH }]));
  genesis = testGenesis(1, { alloc });
  maker = await BlockMaker.on(genesis);
  await growTo(maker, SNAPSHOT);
  const node = await source();
  await node.logs.until(({ event }) => event === 'snapshot');
  await stop(node);
  await growTo(maker, HEAD);
});

const source = (): Promise<TestNode> =>
  start({
    key: keyOf(1),
    genesis: genesis.wire,
    role: 'basic',
    stores: maker.stores,
    files,
    snapshotEvery: SNAPSHOT,
  });

const joining = (peers: readonly number[]) => ({
  key: keyOf(4),
  genesis: genesis.wire,
  role: 'basic' as const,
  peers,
  files: new MemoryFiles(),
  join: true,
});

describe('a node without a chain', () => {
  it('takes the state from a peer and goes on with the blocks behind it', async () => {
    const old = await source();
    const node = await start(joining([old.port]));
    expect(node.logs.all).toContainEqual(expect.objectContaining({ event: 'joined', number: SNAPSHOT }));
    await untilHeight(node, HEAD);
    await expectSameChain([old, node]);
    expect(node.node.chain.supply).toBe(old.node.chain.supply);
    const { address, publicKey } = keyOf(0);
    expect(toHex(node.node.chain.publicKey(address) ?? new Uint8Array())).toBe(toHex(publicKey));
    expect(await accountsOf(node)).toEqual(await accountsOf(old));
    expect((await node.node.reader.block(SNAPSHOT + 1))?.block.id).toBe(
      (await old.node.reader.block(SNAPSHOT + 1))?.block.id,
    );

    const stores = await stop(node);
    const again = await start({ ...joining([]), stores });
    expect(again.node.chain.head.id).toBe(old.node.chain.head.id);
  });

  it('syncs the blocks if nobody has a snapshot', async () => {
    const old = await start({ key: keyOf(1), genesis: genesis.wire, role: 'basic', stores: maker.stores });
    const node = await start(joining([old.port]));
    await untilHeight(node, HEAD);
    await expectSameChain([old, node]);
    expect((await node.node.reader.block(2))?.block.header.number).toBe(2);
  });
});

async function accountsOf({ node }: TestNode): Promise<unknown[]> {
  const accounts: unknown[] = [];
  for await (const entry of node.reader.accountsAt(node.chain.head.header.number)) accounts.push(entry);
  return accounts;
}
