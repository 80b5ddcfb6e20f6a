import { describe, expect, it } from 'vitest';
import {
  blockSignatureChecks,
  checkBlock,
  checkClock,
  checkExecution,
} from '../../../src/ledger/check-block.js';
import { AuthoritySet } from '../../../src/protocol/authorities.js';
import {
  assembleBlock,
  type Block,
  type Header,
  hashTxnsOf,
  MAX_BLOCK_DATA_BYTES,
  sealCheck,
} from '../../../src/protocol/block.js';
import { fromHex, ZERO_HASH } from '../../../src/protocol/bytes.js';
import { sha256Hex } from '../../../src/protocol/hash.js';
import { type Transaction, transactionSignatureCheck } from '../../../src/protocol/transaction.js';
import { MemoryState, RULES, transfer, vectors } from './support.js';

const [leader, sender] = vectors<{ keys: { public_key_hex: string; address: string }[] }>('keys').keys.map(
  ({ address, public_key_hex }) => ({ address, publicKey: Uint8Array.from(fromHex(public_key_hex)) }),
) as [{ address: string; publicKey: Uint8Array }, { address: string; publicKey: Uint8Array }];
const authorities = new AuthoritySet([leader]);

const header: Header = {
  number: 8,
  time: 1_001,
  hashParent: sha256Hex('parent'),
  hashState: ZERO_HASH,
  hashTxns: ZERO_HASH,
  hashAuthorities: authorities.hash,
  coinbase: leader.address,
  reward: 10,
  difficulty: 0,
  data: null,
};
const parent = { id: header.hashParent, header: { ...header, number: 7, time: 1_000 } };
const seal = new Uint8Array(256);

function blockOf(change: Partial<Header> = {}, transactions: readonly Transaction[] = []): Block {
  return assembleBlock({ ...header, hashTxns: hashTxnsOf(transactions), ...change }, 0, seal, transactions);
}

describe('checkBlock', () => {
  const opening = transfer({ from: sender.address, nonce: 0, publicKey: sender.publicKey });

  it('accepts a block, empty or not', () => {
    expect(checkBlock(blockOf(), parent, authorities, RULES)).toBeNull();
    expect(checkBlock(blockOf({}, [opening]), parent, authorities, RULES)).toBeNull();
    expect(
      checkBlock(blockOf({ data: new Uint8Array(MAX_BLOCK_DATA_BYTES) }), parent, authorities, RULES),
    ).toBeNull();
  });

  it.each<[string, Block, Partial<typeof RULES>?]>([
    ['another parent', blockOf({ hashParent: ZERO_HASH })],
    ['a number that does not follow', blockOf({ number: 9 })],
    ["its parent's time", blockOf({ time: 1_000 })],
    ['a difficulty that is not that of genesis', blockOf({ difficulty: 1 })],
    ['no proof of work', blockOf({ difficulty: 16 }), { difficulty: 16 }],
    ['a coinbase that is no authority', blockOf({ coinbase: sender.address })],
    ['no seal', { ...blockOf(), signature: null }],
    ['a wire form over 2,000,000 bytes', { ...blockOf(), wire: new Uint8Array(2_000_001) }],
    ['data over 4,096 bytes', blockOf({ data: new Uint8Array(MAX_BLOCK_DATA_BYTES + 1) })],
    ['more than max_bound transactions', blockOf({}, [opening, opening]), { maxBound: 1 }],
    ['hash_txns of other transactions', blockOf({ hashTxns: ZERO_HASH }, [opening])],
    ['hash_authorities of another set', blockOf({ hashAuthorities: ZERO_HASH })],
  ])('refuses %s', (_, block, rules) => {
    expect(checkBlock(block, parent, authorities, { ...RULES, ...rules })?.code).toBe('BAD_BLOCK');
  });
});

describe('checkClock', () => {
  it('allows 15 s ahead of our clock and no more', () => {
    expect(checkClock({ ...header, time: 16_000 }, 1_000)).toBeNull();
    expect(checkClock({ ...header, time: 16_001 }, 1_000)?.code).toBe('BAD_BLOCK');
  });
});

describe('blockSignatureChecks', () => {
  const state = new MemoryState([]);
  const opening = transfer({ from: sender.address, nonce: 0, publicKey: sender.publicKey });
  const second = transfer({ from: sender.address, nonce: 1 });
  const none = () => false;

  it('asks for the seal, then for the transactions, with a key from earlier in the block', () => {
    const block = blockOf({}, [opening, second]);
    expect(blockSignatureChecks(block, state, authorities, RULES, none)).toEqual([
      sealCheck(block, leader.publicKey, RULES.genesisId),
      transactionSignatureCheck(opening, sender.publicKey, RULES.genesisId),
      transactionSignatureCheck(second, sender.publicKey, RULES.genesisId),
    ]);
  });

  it('does not ask again for a wire form that was checked, but for another of the same id', () => {
    const otherWire = transfer({ from: sender.address, nonce: 1 }, 1);
    expect(otherWire.id).toBe(second.id);
    const verified = new Set([opening.wireHash, second.wireHash]);
    const count = (transactions: Transaction[]) => {
      const block = blockOf({}, transactions);
      const checks = blockSignatureChecks(block, state, authorities, RULES, (hash) => verified.has(hash));
      return Array.isArray(checks) ? checks.length : checks;
    };
    expect(count([opening, second])).toBe(1);
    expect(count([opening, otherWire])).toBe(2);
  });

  it.each([
    ['a key that only a later transaction carries', [second, opening], /0: UNKNOWN_KEY/],
    ['a transaction of bad form', [opening, { ...second, data: new Uint8Array(101) }], /1: DATA_TOO_LARGE/],
  ] as const)('refuses %s', (_, transactions, message) => {
    const checks = blockSignatureChecks(blockOf({}, transactions), state, authorities, RULES, none);
    expect(checks).toMatchObject({ code: 'BAD_BLOCK', message: expect.stringMatching(message) });
  });

  it('refuses a coinbase that is no authority', () => {
    const checks = blockSignatureChecks(
      blockOf({ coinbase: sender.address }),
      state,
      authorities,
      RULES,
      none,
    );
    expect(checks).toMatchObject({ code: 'BAD_BLOCK' });
  });
});

describe('checkExecution', () => {
  const execution = { changes: new Map(), newKeys: new Map(), supply: 10, reward: 10 };

  it('wants the reward and the state root that execution gave', () => {
    expect(checkExecution(blockOf(), execution, ZERO_HASH)).toBeNull();
    expect(checkExecution(blockOf({ reward: 11 }), execution, ZERO_HASH)?.code).toBe('BAD_BLOCK');
    expect(checkExecution(blockOf({ reward: 9 }), execution, ZERO_HASH)?.code).toBe('BAD_BLOCK');
    expect(checkExecution(blockOf(), execution, sha256Hex('root'))?.code).toBe('BAD_BLOCK');
  });
});
