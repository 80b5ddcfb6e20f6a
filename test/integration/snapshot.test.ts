/** Joining a network by a snapshot instead of all of its blocks: whole nodes over TCP. */
import { beforeAll, describe, expect, it } from 'vitest';
import { inlineWorker } from '../../src/node/inline-worker.js';
import { systemClock } from '../../src/node/system-clock.js';
import { verifyChain } from '../../src/node/verify-chain.js';
import type { Clock } from '../../src/ports/clock.js';
import { toHex } from '../../src/protocol/bytes.js';
import { sha256Hex } from '../../src/protocol/hash.js';
import type { Message } from '../../src/protocol/messages.js';
import { splitBlock } from '../../src/protocol/sealed-header.js';
import {
  type AccountEntry,
  decodeAccounts,
  encodeAccounts,
  pathFromWire,
} from '../../src/protocol/state-part.js';
import { MemoryFiles } from '../../src/storage/memory-files.js';
import { MemoryStore } from '../../src/storage/memory-store.js';
import { Snapshot } from '../../src/storage/snapshot-file.js';
import { SETTLE_MS } from '../../src/sync/snapshot-patience.js';
import { BlockMaker } from '../support/block-maker.js';
import { growTo } from '../support/chain-directory.js';
import { ALLOC_EACH, TEST_KEYS, type TestGenesis, testGenesis } from '../support/genesis.js';
import { History } from '../support/history.js';
import type { RawPeer } from '../support/raw-peer.js';
import { expectSameChain, keyOf, listen, start, stop, stopAllAfterEach } from '../support/running-nodes.js';
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
    const verdict = await verifyChain(stores.chain, new MemoryStore(), genesis.wire, inlineWorker());
    expect(verdict).toMatchObject({ sound: true, base: SNAPSHOT, blocks: HEAD });
    const again = await start({ ...joining([]), stores });
    expect(again.node.chain.head.id).toBe(old.node.chain.head.id);
  });

  it('does not give up before discovery has said who might have one', async () => {
    const old = await source();
    const bare = await listen({ key: keyOf(2), genesis, height: HEAD, answer: withoutSnapshot });
    const fired = new History<number>();
    const clock: Clock = {
      ...systemClock,
      after: (delayMs, fire) =>
        systemClock.after(delayMs, () => {
          fire();
          fired.add(systemClock.monotonic());
        }),
    };
    const discover = async () => {
      await bare.received.until(({ message }) => message.type === 'RBH');
      // Everybody else has been heard, and for longer than that alone would hold it up.
      const heardMs = systemClock.monotonic();
      await fired.until((atMs) => atMs > heardMs + 2 * SETTLE_MS);
      return [{ endpoint: { host: '127.0.0.1', port: old.port } }];
    };
    const node = await start({ ...joining([bare.port]), clock, discover });
    expect(node.logs.all).toContainEqual(expect.objectContaining({ event: 'joined', number: SNAPSHOT }));
  });

  it('syncs the blocks if nobody has a snapshot', async () => {
    const old = await start({ key: keyOf(1), genesis: genesis.wire, role: 'basic', stores: maker.stores });
    const node = await start(joining([old.port]));
    await untilHeight(node, HEAD);
    await expectSameChain([old, node]);
    expect((await node.node.reader.block(2))?.block.header.number).toBe(2);
  });
});

describe('a peer that lies about a snapshot', () => {
  it.each<[string, (truth: Message) => Message | undefined]>([
    [
      'with another header',
      (truth) => (truth.type === 'ASN' ? { ...truth, header: spoilt(truth.header) } : truth),
    ],
    [
      'with another seal',
      (truth) => (truth.type === 'ASN' ? { ...truth, header: spoilt(truth.header, -1) } : truth),
    ],
    [
      'with a certificate that does not hold',
      (truth) => (truth.type === 'ASN' ? { ...truth, certificate: spoilt(truth.certificate) } : truth),
    ],
    [
      'with the header of another block',
      (truth) => {
        if (truth.type !== 'ASN') return truth;
        const other = maker.block({ miner: maker.leader(HEAD + 1) });
        const [header] = splitBlock(other.wire);
        return { ...truth, header, certificate: maker.certificate(other).wire };
      },
    ],
    [
      'with other subtrees',
      (truth) => (truth.type === 'ASP' ? { ...truth, subtrees: spoilt(truth.subtrees) } : truth),
    ],
    [
      'with an account that is richer',
      lieAbout((entries) =>
        entries.map((entry, i) =>
          i > 0 ? entry : { ...entry, account: { ...entry.account, balance: entry.account.balance + 1 } },
        ),
      ),
    ],
    ['with an account too few', lieAbout((entries) => entries.slice(1))],
    ['with a key missing', lieAbout((entries) => entries.map((entry) => ({ ...entry, publicKey: null })))],
    [
      "with another account's key",
      lieAbout((entries) =>
        entries.map((entry) => ({ ...entry, publicKey: entry.publicKey && keyOf(2).publicKey })),
      ),
    ],
  ])('is found out, blamed, and gone: %s', async (_, lie) => {
    const liar = await lying(lie);
    const node = await start(joining([liar.port]));
    expect(node.logs.all).toContainEqual(expect.objectContaining({ offence: 'FALSE_SNAPSHOT' }));
    expect(node.logs.all).not.toContainEqual(expect.objectContaining({ event: 'joined' }));
    expect(node.node.chain.head.header.number).toBe(1);
  });

  it('keeps nobody from taking it from others', async () => {
    const liar = await lying(lieAbout((entries) => entries.slice(1)));
    const old = await source();
    const node = await start(joining([liar.port, old.port]));
    expect(node.logs.all).toContainEqual(expect.objectContaining({ event: 'joined', number: SNAPSHOT }));
    await untilHeight(node, HEAD);
    await expectSameChain([old, node]);
  });
});

function withoutSnapshot(message: Message): Message | undefined {
  if (message.type !== 'RBH') return undefined;
  return { type: 'BLH', request_id: message.request_id, block_number: HEAD, block_id: genesis.id };
}

/** A peer that has the snapshot, and says what `lie` makes of it. */
async function lying(lie: (truth: Message) => Message | undefined): Promise<RawPeer> {
  const truth = await Snapshot.open(files, SNAPSHOT);
  if (truth === undefined) throw new Error('there is no snapshot');
  const liar = await listen({
    key: keyOf(2),
    genesis,
    height: HEAD,
    answer: (message) => {
      const { request_id = 0 } = message as { request_id?: number };
      switch (message.type) {
        case 'RBH':
          return { type: 'BLH', request_id, block_number: HEAD, block_id: genesis.id, snapshot: SNAPSHOT };
        case 'RSN': {
          const { sealedHeader: header, certificate } = truth.head;
          return lie({ type: 'ASN', request_id, header, certificate });
        }
        case 'RSP':
          void truth.answer(pathFromWire(message.depth, message.prefix)).then((part) => {
            const answer = lie({ type: 'ASP', request_id, subtrees: null, accounts: null, ...part });
            if (answer !== undefined) liar.say(answer);
          });
          return undefined;
        default:
          return undefined;
      }
    },
  });
  return liar;
}

function lieAbout(
  change: (entries: AccountEntry[]) => AccountEntry[],
): (truth: Message) => Message | undefined {
  return (truth) =>
    truth.type === 'ASP' && truth.accounts !== null
      ? { ...truth, accounts: encodeAccounts(change(decodeAccounts(truth.accounts))) }
      : truth;
}

function spoilt(bytes: Uint8Array | null, place = 40): Uint8Array | null {
  if (bytes === null) return null;
  const copy = bytes.slice();
  const at = place < 0 ? bytes.length + place : place;
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

async function accountsOf({ node }: TestNode): Promise<unknown[]> {
  const accounts: unknown[] = [];
  for await (const entry of node.reader.accountsAt(node.chain.head.header.number)) accounts.push(entry);
  return accounts;
}
