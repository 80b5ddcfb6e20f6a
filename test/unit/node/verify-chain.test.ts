/** Every kind of record of a sound chain damaged in turn: found, named, and nothing written meanwhile. */
import { beforeAll, describe, expect, it } from 'vitest';
import { inlineWorker } from '../../../src/node/inline-worker.js';
import { type Verdict, verifyChain } from '../../../src/node/verify-chain.js';
import type { Store, StoreOperation } from '../../../src/ports/store.js';
import { assembleBlock, decodeBlock } from '../../../src/protocol/block.js';
import { fromHex } from '../../../src/protocol/bytes.js';
import { decodeCertificate, encodeCertificate } from '../../../src/protocol/certificate.js';
import { encode } from '../../../src/protocol/encoding.js';
import { encodeChanges } from '../../../src/storage/block-changes.js';
import { ChainStore } from '../../../src/storage/chain-store.js';
import {
  accountKey,
  blockIdKey,
  bodyKey,
  changesKey,
  evidenceKey,
  FORMAT_KEY,
  GENESIS_ID_KEY,
  HEAD_KEY,
  headerKey,
  publicKeyKey,
  transactionKey,
} from '../../../src/storage/keys.js';
import { MemoryStore } from '../../../src/storage/memory-store.js';
import {
  ChainTables,
  present,
  put,
  putAccount,
  putBase,
  putBlock,
  putBlockNumber,
  putChanges,
  putHead,
  putHeader,
  putMilestone,
  putPlace,
  putPublicKey,
} from '../../../src/storage/tables.js';
import { BlockMaker } from '../../support/block-maker.js';
import { copyOf, growTo } from '../../support/chain-directory.js';
import { type TestGenesis, testGenesis } from '../../support/genesis.js';
import { dump, keyOf } from '../../support/running-nodes.js';

const BLOCKS = 6;
const STRANGER = 'ee'.repeat(20);

let genesis: TestGenesis;
let maker: BlockMaker;
let tables: ChainTables;

beforeAll(async () => {
  genesis = testGenesis(4);
  maker = await BlockMaker.on(genesis);
  tables = new ChainTables(maker.stores.chain);
  await growTo(maker, BLOCKS);
});

function verify(database: Store, expected: Uint8Array | undefined = undefined): Promise<Verdict> {
  return verifyChain(database, new MemoryStore(), expected, inlineWorker());
}

/** What is said of the chain with these operations on top, and how many blocks are called sound. */
async function faultAfter(...operations: StoreOperation[]): Promise<[string, number]> {
  const database = await copyOf(maker.stores.chain, operations);
  const before = await dump(database);
  const verdict = await verify(database);
  expect(await dump(database)).toBe(before);
  if (verdict.sound) throw new Error('nothing was found');
  return [verdict.fault, verdict.soundBlocks];
}

const without = (key: Uint8Array): StoreOperation => ({ key, value: null });
const block = (number: number) => present(tables.block(number), `block ${number}`);
const decoded = (number: number) => decodeBlock(block(number).block, fromHex(genesis.id));
const changed = (bytes: Uint8Array, at: number) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));

describe('a sound chain', () => {
  it('is called so, with counts, and not written to', async () => {
    const before = await dump(maker.stores.chain);
    const verdict = await verify(maker.stores.chain, genesis.wire);
    // The four authorities, the sender and the recipient hold coins from genesis on, as do the other keys.
    const accounts = Object.keys(JSON.parse(configText()).alloc).length;
    expect(verdict).toEqual({ sound: true, blocks: BLOCKS, base: 0, transactions: BLOCKS - 2, accounts });
    expect(await dump(maker.stores.chain)).toBe(before);
  });

  it('may hold evidence', async () => {
    const key = evidenceKey(keyOf(0).address, 3, 0, 1);
    const database = await copyOf(maker.stores.chain, [put(key, [1, fromHex('aa'), fromHex('bb')])]);
    expect((await verify(database)).sound).toBe(true);
  });

  it('of another genesis is told apart', async () => {
    const other = testGenesis(4, { network_id: 2 });
    expect(await verify(maker.stores.chain, other.wire)).toEqual({
      sound: false,
      fault: expect.stringMatching(new RegExp(`^the genesis id: expected ${other.id}, found ${genesis.id}$`)),
      soundBlocks: 0,
    });
  });

  it('ends its replay when told to', async () => {
    const stopping = new AbortController();
    const seen: number[] = [];
    const onBlock = (number: number) => {
      seen.push(number);
      if (number === 3) stopping.abort(new Error('enough'));
    };
    const options = { onBlock, signal: stopping.signal };
    await expect(
      verifyChain(maker.stores.chain, new MemoryStore(), undefined, inlineWorker(), options),
    ).rejects.toThrow('enough');
    expect(seen).toEqual([2, 3]);
  });
});

describe('a damaged block', () => {
  it('that is missing is named, with what shows that it was there', async () => {
    expect(await faultAfter(without(bodyKey(4)))).toEqual([
      `block 4: it is missing, while block ${BLOCKS} is there`,
      3,
    ]);
    expect(await faultAfter(without(bodyKey(BLOCKS)), without(headerKey(BLOCKS)))).toEqual([
      `block ${BLOCKS}: it is missing, while the head record names block ${BLOCKS}`,
      BLOCKS - 1,
    ]);
    expect(await faultAfter(without(bodyKey(1)))).toEqual(['block 1: it is missing', 0]);
  });

  it('that is not readable is named', async () => {
    expect(await faultAfter(put(headerKey(5), 7))).toEqual([
      expect.stringMatching(/^block 5: it cannot be read: block 5 is not readable \(block must be an array/),
      4,
    ]);
    const [fault, sound] = await faultAfter({ key: bodyKey(1), value: fromHex('00') });
    expect([fault, sound]).toEqual([expect.stringMatching(/^block 1: MALFORMED: /), 0]);
  });

  it.each([
    ['its header', 20, /^block 3: (BAD_|MALFORMED)/],
    ['its last transaction', -1, /^block 3: (BAD_|MALFORMED)/],
  ])('%s', async (_, at, fault) => {
    const { block: wire, certificate } = block(3);
    const spoilt = changed(wire, at < 0 ? wire.length + at : at);
    expect(await faultAfter(...putBlock(3, { block: spoilt, certificate }))).toEqual([
      expect.stringMatching(fault),
      2,
    ]);
  });

  it('with a false seal is named', async () => {
    const { header, nonce, transactions, signature } = decoded(4);
    const spoilt = assembleBlock(header, nonce, changed(signature as Uint8Array, 9), transactions);
    const { certificate } = block(4);
    expect(await faultAfter(...putBlock(4, { block: spoilt.wire, certificate }))).toEqual([
      'block 4: BAD_SIGNATURE: a signature of the block is bad',
      3,
    ]);
  });

  it('with a state root of its own, sealed and certified by all, is named with both roots', async () => {
    const own = await BlockMaker.on(genesis);
    const bad = own.block({ miner: own.leader(2), header: { hashState: 'ab'.repeat(32) } });
    const record = putBlock(2, { block: bad.wire, certificate: own.certificate(bad).wire });
    expect(await faultAfter(...record)).toEqual([
      expect.stringMatching(
        /^block 2: BAD_BLOCK: bad block: a hash_state of (ab){32} instead of [0-9a-f]{64}$/,
      ),
      1,
    ]);
  });

  it('with a reward of its own, sealed and certified by all, is named', async () => {
    const own = await BlockMaker.on(genesis);
    const bad = own.block({ miner: own.leader(2), extraReward: 1 });
    const record = putBlock(2, { block: bad.wire, certificate: own.certificate(bad).wire });
    expect((await faultAfter(...record))[0]).toContain(
      'block 2: BAD_BLOCK: bad block: a reward of 101 instead of 100',
    );
  });

  it('in the place of another is named', async () => {
    expect(await faultAfter(...putBlock(4, block(3)))).toEqual(['block 4: another, older block is there', 3]);
    expect((await faultAfter(...putBlock(3, block(4))))[0]).toMatch(
      /^block 3: BAD_BLOCK: bad block: its parent is /,
    );
  });
});

describe('a damaged certificate', () => {
  it('that is missing is named', async () => {
    expect(await faultAfter(...putBlock(3, { ...block(3), certificate: null }))).toEqual([
      'block 3: its certificate is missing',
      2,
    ]);
  });

  it('with a false signature, or too few, is named', async () => {
    const { round, signatures } = decodeCertificate(block(3).certificate as Uint8Array);
    const last = signatures.length - 1;
    const spoilt = signatures.map((each, i) =>
      i === last ? { ...each, signature: changed(each.signature, 3) } : each,
    );
    const spoiltWire = encodeCertificate(round, spoilt).wire;
    expect(await faultAfter(...putBlock(3, { ...block(3), certificate: spoiltWire }))).toEqual([
      'block 3: BAD_CERTIFICATE: a signature of the certificate is bad',
      2,
    ]);
    const few = encodeCertificate(round, signatures.slice(0, 2)).wire;
    expect((await faultAfter(...putBlock(3, { ...block(3), certificate: few })))[0]).toMatch(
      /^block 3: BAD_CERTIFICATE: .*2 signatures, below the quorum of 3/,
    );
  });
});

describe('a record that is not what the blocks say', () => {
  const sender = keyOf(0).address;
  const recipient = keyOf(5).address;
  const account = () => present(tables.account(recipient), 'account');
  /** What block 5 did, with this account's balance afterwards changed. */
  const changesWith = (balance: number) => {
    const changes = present(tables.changes(5), 'changes');
    const accounts = new Map([...changes]);
    accounts.set(recipient, { ...present(changes.of(recipient), 'change'), balance });
    return encodeChanges(changes.transactionCount, changes.previousTransacted, accounts);
  };
  const transaction = () => decoded(3).transactions[0]?.id ?? '';

  const cases: [string, () => StoreOperation, RegExp, number][] = [
    [
      'an account',
      () => putAccount(recipient, { ...account(), balance: 7 }),
      /^account \w+: expected \{"nonce":0,"balance":10000000\d\d,.*\}, found \{"nonce":0,"balance":7,/,
      BLOCKS,
    ],
    [
      'an account, missing',
      () => without(accountKey(recipient)),
      /^account \w+: expected \{.*\}, found nothing$/,
      BLOCKS,
    ],
    [
      'an account too many',
      () =>
        putAccount(STRANGER, { nonce: 0, balance: 1, stake: 0, touchedIn: 1, transactedIn: 0, touches: 1 }),
      /^account (ee){20}: expected nothing, found \{"nonce":0,"balance":1/,
      BLOCKS,
    ],
    [
      'an account, unreadable',
      () => put(accountKey(recipient), [1]),
      /^account \w+: expected \{.*\}, found the bytes 9101$/,
      BLOCKS,
    ],
    [
      'what a block did',
      () => putChanges(5, changesWith(8)),
      /^the record of changes of block 5: expected .*, found .*"balance":8,/,
      4,
    ],
    [
      'what a block did, missing',
      () => without(changesKey(5)),
      /^the record of changes of block 5: .* found nothing$/,
      4,
    ],
    [
      'what a block did, unreadable',
      () => put(changesKey(3), [1, 2]),
      /^the record of changes of block 3: .* found the bytes 920102$/,
      2,
    ],
    [
      'what a block did too many',
      () => putChanges(9, encodeChanges(0, 0, new Map())),
      /^the record of changes of block 9: expected nothing/,
      BLOCKS,
    ],
    [
      'a milestone too many',
      () => putMilestone(recipient, 4),
      /^the milestone of \w+ at block 4: expected nothing, found null$/,
      BLOCKS,
    ],
    [
      'the transactions of a block too many',
      () => ({ key: bodyKey(9), value: fromHex('90') }),
      /^the body of block 9: expected nothing/,
      BLOCKS,
    ],
    [
      'the index of a transaction',
      () => putPlace(transaction(), { blockNumber: 5, index: 0 }),
      /^the index of transaction [0-9a-f]{64}: expected \[3,0\], found \[5,0\]$/,
      2,
    ],
    [
      'the index of a transaction, missing',
      () => without(transactionKey(transaction())),
      /^the index of transaction .* found nothing$/,
      2,
    ],
    [
      'the index of a transaction too many',
      () => putPlace('ab'.repeat(32), { blockNumber: 3, index: 0 }),
      /^the index of transaction (ab){32}: expected nothing, found \[3,0\]$/,
      BLOCKS,
    ],
    [
      'the index of a block',
      () => putBlockNumber(decoded(4).id, 3),
      /^the index of block id \w+: expected 4, found 3$/,
      3,
    ],
    [
      'the index of a block, missing',
      () => without(blockIdKey(decoded(4).id)),
      /^the index of block id \w+: expected 4, found nothing$/,
      3,
    ],
    [
      'the index of a block too many',
      () => putBlockNumber('cd'.repeat(32), 3),
      /^the index of block id (cd){32}: expected nothing, found 3$/,
      BLOCKS,
    ],
    [
      'a public key',
      () => putPublicKey(sender, keyOf(1).publicKey),
      /^the public key of \w+: expected …?\w+…?, found /,
      1,
    ],
    [
      'a public key, missing',
      () => without(publicKeyKey(sender)),
      /^the public key of \w+: .*found nothing$/,
      1,
    ],
    [
      'a public key too many',
      () => putPublicKey(recipient, keyOf(5).publicKey),
      /^the public key of \w+: expected nothing, found 3082/,
      BLOCKS,
    ],
    [
      'the head record',
      () => putHead({ ...present(tables.head(), 'head'), supply: 1 }),
      /^the head record: expected \[6,"\w+",\d+,\d+\], found \[6,"\w+",\d+,1\]$/,
      BLOCKS,
    ],
    [
      'the head record, behind',
      () => putHead({ number: 3, id: decoded(3).id, timeMs: 1, supply: 1 }),
      /^the head record: expected \[6,/,
      BLOCKS,
    ],
    ['the head record, missing', () => without(HEAD_KEY), /^the head record: .*found nothing$/, BLOCKS],
    ['the genesis id', () => put(GENESIS_ID_KEY, 1), /^the genesis id: expected /, 0],
    ['the format number', () => put(FORMAT_KEY, 3), /^the format number: expected 2, found 3$/, 0],
    [
      'a piece of evidence, unreadable',
      () => put(evidenceKey(sender, 3, 0, 1), 5),
      /^a piece of evidence is not readable/,
      BLOCKS,
    ],
    [
      'an entry of no table',
      () => put(fromHex('0a01'), 5),
      /^the entry 0a01: expected nothing, found 5$/,
      BLOCKS,
    ],
    [
      'an entry of no form',
      () => put(fromHex('0501'), 5),
      /^the entry 0501: expected nothing, found /,
      BLOCKS,
    ],
    [
      'an entry of no form in a table that is counted',
      () => put(fromHex('0601'), 5),
      /^the entry 0601: expected nothing, found the bytes 05$/,
      BLOCKS,
    ],
  ];

  it.each(cases)('is named: %s', async (_, damage, fault, soundBlocks) => {
    expect(await faultAfter(damage())).toEqual([expect.stringMatching(fault), soundBlocks]);
  });
});

function configText(): string {
  return Buffer.from(decoded(1).header.data ?? []).toString();
}

describe('a chain that keeps only its newest blocks', () => {
  const LAST = 12;
  const BASE = 8;
  let whole: BlockMaker;

  beforeAll(async () => {
    whole = await BlockMaker.on(genesis);
    await growTo(whole, LAST);
  });

  async function pruned(base = BASE, ...operations: StoreOperation[]): Promise<MemoryStore> {
    const database = await copyOf(whole.stores.chain);
    const store = present(await ChainStore.open(database), 'the chain');
    await store.prune(base, Number.MAX_SAFE_INTEGER);
    await database.write(operations, { sync: true });
    return database;
  }

  it.each([2, 3, 7, BASE, 9, LAST - 1])('is sound with its base at block %i', async (base) => {
    const database = await pruned(base);
    const before = await dump(database);
    const verdict = await verify(database, genesis.wire);
    expect(verdict).toMatchObject({ sound: true, blocks: LAST, base });
    expect(await dump(database)).toBe(before);
  });

  const of = (number: number) => present(new ChainTables(whole.stores.chain).header(number), `${number}`);
  const changesOf = (number: number) =>
    present(new ChainTables(whole.stores.chain).changes(number), `${number}`);
  const wholeBlock = (number: number) =>
    present(new ChainTables(whole.stores.chain).block(number), `${number}`);
  const idOf = (number: number) => decodeBlock(wholeBlock(number).block, fromHex(genesis.id)).id;
  const transactionOf = (number: number) =>
    decodeBlock(wholeBlock(number).block, fromHex(genesis.id)).transactions[0]?.id ?? '';

  it.each<[string, () => StoreOperation[], RegExp]>([
    ['a header below its base is missing', () => [without(headerKey(5))], /^block 5: its header is missing/],
    [
      'a header is another block',
      () => [putHeader(5, of(6))],
      /^block 5: BAD_BLOCK: bad block: its parent is/,
    ],
    [
      'a certificate is that of another block',
      () => [putHeader(5, { ...of(5), certificate: of(6).certificate })],
      /^block 5: a signature of its seal or certificate is bad/,
    ],
    [
      'a seal is damaged',
      () => [
        putHeader(5, { ...of(5), sealedHeader: changed(of(5).sealedHeader, of(5).sealedHeader.length - 3) }),
      ],
      /^block 5: a signature of its seal or certificate is bad/,
    ],
    [
      'a certificate is missing',
      () => [putHeader(5, { ...of(5), certificate: null })],
      /^block 5: its certificate/,
    ],
    ['the index of a header is missing', () => [without(blockIdKey(idOf(5)))], /5/],
    ['the base is another', () => [putBase({ number: BASE - 1, lowestHeader: 1 })], /block 8 is missing/],
    ['a block above the base is missing', () => [without(bodyKey(BASE + 1))], /^block 9: it is missing/],
    [
      'what a block did is missing',
      () => [without(changesKey(BASE + 2))],
      /the record of changes of block 10 is missing/,
    ],
    [
      'a block below the base has left its transactions',
      () => [{ key: bodyKey(5), value: encode([]) }],
      /block 5/,
    ],
    ['and the place of one', () => [putPlace(transactionOf(5), { blockNumber: 5, index: 0 })], /transaction/],
    [
      'an account is another',
      () => {
        const tables = new ChainTables(whole.stores.chain);
        const record = present(tables.account(keyOf(5).address), 'the account');
        return [putAccount(keyOf(5).address, { ...record, balance: record.balance + 1 })];
      },
      /account|accounts/,
    ],
    [
      'an account that nothing touched since the base is missing',
      () => [without(accountKey(untouched()))],
      /^account .* found nothing$/,
    ],
    [
      'a key is another',
      () => [putPublicKey(keyOf(0).address, keyOf(1).publicKey)],
      /the public key of .* is another one/,
    ],
    ['a key is missing', () => [without(publicKeyKey(keyOf(0).address))], /the public key of .* is missing/],
  ])('is not sound if %s', async (_, operations, fault) => {
    const verdict = await verify(await pruned(BASE, ...operations()), genesis.wire);
    if (verdict.sound) throw new Error('nothing was found');
    expect(verdict.fault).toMatch(fault);
  });

  /** An account that no block touches behind the base. */
  function untouched(): string {
    const touched = new Set<string>();
    for (let number = BASE + 1; number <= LAST; number++)
      for (const [address] of changesOf(number)) touched.add(address);
    const all = Object.keys(JSON.parse(configText()).alloc);
    return present(
      all.find((address) => !touched.has(address)),
      'an untouched account',
    );
  }
});
