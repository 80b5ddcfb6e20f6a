import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assembleBlock, type Header } from '../../../src/protocol/block.js';
import { fromBase64, fromHex, toHex, utf8 } from '../../../src/protocol/bytes.js';
import { ProtocolError } from '../../../src/protocol/errors.js';
import {
  authoritiesOf,
  canonicalGenesis,
  type Genesis,
  genesisBlock,
  parseGenesis,
  readGenesisBlock,
} from '../../../src/protocol/genesis.js';
import { StateTree } from '../../../src/protocol/state-tree.js';

const folder = process.env.VECTORS ?? join(import.meta.dirname, '../../vectors');
const vectors = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'));
const explicit = vectors('genesis.json');
const more = vectors('genesis_more.json');

interface Accepted {
  readonly name: string;
  readonly text: string;
  readonly data: string;
  readonly hash_state: string;
  readonly nonce: number;
  readonly id: string;
}

interface Refused {
  readonly why: string;
  readonly text: string;
}

/** A small valid file, to be broken in one place. */
const file = (changes: object = {}) => ({
  network_id: 7,
  time: 1_790_000_984_671,
  miners: [explicit.config.miners[0]],
  alloc: {},
  genesis_block: { difficulty: 0 },
  ...changes,
});
const parse = (changes: object) => parseGenesis(JSON.stringify(file(changes)));

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
    expect((error as ProtocolError).code).toBe('BAD_GENESIS');
    return (error as Error).message;
  }
  throw new Error('it was accepted');
}

describe('genesis.json of the vectors', () => {
  const genesis = genesisBlock(parseGenesis(JSON.stringify(explicit.config)).config);

  test('gives the block, bit by bit', () => {
    expect(canonicalGenesis(genesis.config)).toBe(explicit.data);
    expect(genesis.block.miningHash).toBe(explicit.mining_hash);
    expect(genesis.block.nonce).toBe(explicit.nonce);
    expect(genesis.block.id).toBe(explicit.id);
    expect(toHex(genesis.block.wire)).toBe(explicit.block);
    expect(genesis.block.header.hashState).toBe(explicit.hash_state);
    expect(authoritiesOf(genesis.config).hash).toBe(explicit.hash_authorities);
  });

  test('reads the block back', () => {
    expect(readGenesisBlock(fromHex(explicit.block))).toEqual(genesis);
  });

  test('reads once what it gave itself, and no other bytes for it', () => {
    const read = readGenesisBlock(fromHex(explicit.block));
    expect(readGenesisBlock(read.block.wire)).toBe(read);
    const other = Uint8Array.from(read.block.wire);
    other[other.length - 1] = (other.at(-1) ?? 0) ^ 1;
    expect(() => readGenesisBlock(other)).toThrow();
  });

  test('counts the supply', () => {
    const total = [...genesis.accounts.values()].reduce((sum, { balance }) => sum + balance, 0);
    expect(genesis.supply).toBe(total);
  });
});

describe('genesis_more.json of the vectors', () => {
  test.each((more.accept as Accepted[]).map((one) => [one.name, one] as const))(
    'accepts: %s',
    (_, vector) => {
      const { config, completed } = parseGenesis(vector.text);
      const { block, accounts } = genesisBlock(config);
      expect(completed).toBe(false);
      expect(canonicalGenesis(config)).toBe(vector.data);
      expect(block.header.hashState).toBe(vector.hash_state);
      expect(StateTree.build(accounts).root).toBe(vector.hash_state);
      expect(block.nonce).toBe(vector.nonce);
      expect(block.id).toBe(vector.id);
      expect(readGenesisBlock(block.wire).block).toEqual(block);
    },
  );

  /** What each refusal must name. */
  const NAMED: Record<string, string> = {
    'unknown key': 'minors: did you mean miners?',
    'unknown key inside': 'block_mining.intervall: did you mean interval?',
    'no miners': 'miners must be a list of 1 to 100',
    'a miner twice': 'miners[1]',
    'address and key do not match': 'miners[0].public_key',
    'negative balance': 'alloc.',
    'fractional balance': 'balance must be an integer',
    'balance as text': 'not "10"',
    'supply above 2^53-1': 'alloc',
    'reward without a coinbase': 'genesis_block.coinbase_reward',
    'min_bound above max_bound': 'block_mining.min_bound',
    'min_bound 0': 'block_mining.min_bound',
    'interval with four decimals': 'block_mining.interval',
    'difficulty 17': 'block_mining.difficulty',
    'another leader election': 'consensus.leader_election must be "round-robin", not "sticky"',
    'address too short': 'alloc.ab',
    'address in capitals': 'alloc.CED60F',
    'a nonce in alloc': 'nonce',
    'duplicate key': 'duplicate key network_id',
    'not JSON': 'line 1, column 2',
    empty: 'line 1, column 1',
  };

  test.each((more.refuse as Refused[]).map((one) => [one.why, one] as const))(
    'refuses: %s',
    (why, vector) => {
      const message = refusal(() => parseGenesis(vector.text));
      expect(message).toContain(NAMED[why] ?? 'a case that is not in the list above');
    },
  );
});

describe('parsing', () => {
  test('completes a missing time, or refuses it', () => {
    const text = JSON.stringify(file({ time: undefined }));
    expect(refusal(() => parseGenesis(text))).toContain('time is missing');
    const { config, completed } = parseGenesis(text, { nowMs: 123 });
    expect([config.time, completed]).toEqual([123, true]);
    expect(parseGenesis(JSON.stringify(file()), { nowMs: 123 }).completed).toBe(false);
  });

  test('resolves a bare address, or names it', () => {
    const { address, public_key } = explicit.config.miners[2];
    const text = JSON.stringify(file({ miners: [address] }));
    const resolveKey = () => fromBase64(public_key);
    expect(parseGenesis(text, { resolveKey }).config.miners).toEqual([{ address, public_key }]);
    expect(refusal(() => parseGenesis(text))).toContain(address);
    expect(refusal(() => parseGenesis(text, { resolveKey: () => undefined }))).toContain(address);
    const wrong = () => fromBase64(explicit.config.miners[1].public_key);
    expect(refusal(() => parseGenesis(text, { resolveKey: wrong }))).toContain('must be that of');
  });

  test('takes one miner once, by address or with the key', () => {
    const { address } = explicit.config.miners[0];
    expect(refusal(() => parse({ miners: [explicit.config.miners[0], address] }))).toContain('miners[1]');
  });

  test.each([
    [{ network_id: -1 }, 'network_id'],
    [{ network_id: '7' }, 'network_id'],
    [{ time: 1.5 }, 'time'],
    [{ miners: [{ address: '00' }] }, 'miners[0]'],
    [{ miners: [7] }, 'miners[0] must be an address or {address, public_key}, not 7'],
    [
      { miners: [{ ...explicit.config.miners[0], public_key: 'AAAA' }] },
      'miners[0].public_key: bad public key',
    ],
    [{ miners: [{ ...explicit.config.miners[0], public_key: 'AAA' }] }, 'standard base64'],
    [{ alloc: [] }, 'alloc'],
    [{ alloc: { ['00'.repeat(20)]: 5 } }, 'must be an object with the keys balance, not 5'],
    [{ block_mining: { interval: 86_401 } }, 'block_mining.interval'],
    [{ block_mining: { interval: -0.001 } }, 'block_mining.interval'],
    [{ block_mining: { max_bound: 65_536 } }, 'block_mining.max_bound'],
    [{ block_mining: { min_bound: 101 } }, 'block_mining.min_bound'],
    [{ block_mining: { max_bound: 9 } }, 'block_mining.min_bound'],
    [{ block_mining: { allow_empty: 1 } }, 'block_mining.allow_empty'],
    [{ block_mining: { placeholder_data: ['rnd', 256] } }, 'block_mining.placeholder_data[1]'],
    [{ block_mining: { placeholder_data: ['rnd'] } }, 'block_mining.placeholder_data'],
    [{ block_mining: { placeholder_data: ['predef', 'ü'.repeat(128)] } }, 'block_mining.placeholder_data'],
    [{ block_mining: { placeholder_data: ['other', 1] } }, 'block_mining.placeholder_data'],
    [{ transaction: { max_data: 65_537 } }, 'transaction.max_data'],
    [{ transaction: { min_fee: -1 } }, 'transaction.min_fee'],
    [{ max_peers: -1 }, 'max_peers'],
    [{ genesis_block: { difficulty: 17 } }, 'genesis_block.difficulty'],
    [{ genesis_block: { coinbase: 'ab' } }, 'genesis_block.coinbase'],
    [{ consensus: { timeout_vote_ms: 0 } }, 'consensus.timeout_vote_ms'],
    [{ consensus: { timeout_max_ms: 3_600_001 } }, 'consensus.timeout_max_ms'],
    [
      {
        alloc: { ['11'.repeat(20)]: { balance: Number.MAX_SAFE_INTEGER } },
        genesis_block: { coinbase: '11'.repeat(20), coinbase_reward: 1, difficulty: 0 },
      },
      'alloc',
    ],
  ])('refuses %j', (changes, named) => {
    expect(refusal(() => parse(changes))).toContain(named);
  });

  test('accepts the edges', () => {
    const edges = {
      time: Number.MAX_SAFE_INTEGER,
      alloc: { ['11'.repeat(20)]: { balance: Number.MAX_SAFE_INTEGER } },
      block_mining: { interval: 86_400, max_bound: 65_535, min_bound: 65_535, difficulty: 16, reward: 0 },
      transaction: { max_data: 65_536, placeholder_data: ['predef', 'ü'.repeat(127)] },
      consensus: { timeout_propose_ms: 1, timeout_max_ms: 3_600_000 },
    };
    expect(genesisBlock(parse(edges).config).supply).toBe(Number.MAX_SAFE_INTEGER);
    expect(parse({ block_mining: { interval: 0, min_bound: 1 } }).config.block_mining.interval).toBe(0);
    expect(parse({ alloc: { ['11'.repeat(20)]: { balance: -0 } } }).config).toBeDefined();
  });

  test('adds the reward to what alloc gave the coinbase', () => {
    const coinbase = '11'.repeat(20);
    const { accounts } = genesisBlock(
      parse({
        alloc: { [coinbase]: { balance: 5 } },
        genesis_block: { coinbase, coinbase_reward: 3, difficulty: 0 },
      }).config,
    );
    expect(accounts.get(coinbase)).toEqual({ nonce: 0, balance: 8, stake: 0 });
  });

  test('refuses a genesis that no frame could carry', () => {
    const alloc = Object.fromEntries(
      Array.from({ length: 40_000 }, (_, i) => [i.toString(16).padStart(40, '0'), { balance: 1 }]),
    );
    expect(refusal(() => genesisBlock(parse({ alloc }).config))).toContain('over 2000000');
  });
});

describe("somebody else's genesis block", () => {
  const honest = genesisBlock(parse({ genesis_block: { difficulty: 1 } }).config);

  function forged(header: Partial<Header>, nonce: number = honest.block.nonce, from: Genesis = honest) {
    return assembleBlock({ ...from.block.header, ...header }, nonce, null, []).wire;
  }

  test.each([
    ['state root', { hashState: '11'.repeat(32) }],
    ['authorities', { hashAuthorities: '11'.repeat(32) }],
    ['parent', { hashParent: '11'.repeat(32) }],
    ['time', { time: 5 }],
    ['reward', { reward: 5 }],
    ['coinbase', { coinbase: '11'.repeat(20) }],
    ['difficulty', { difficulty: 0 }],
    ['number', { number: 2 }],
  ])('is refused with another %s', (_, header) => {
    expect(refusal(() => readGenesisBlock(forged(header)))).toContain('not what its configuration gives');
  });

  test('is refused without the proof of work, and with a higher nonce than needed', () => {
    const { nonce, miningHash } = honest.block;
    expect(nonce).toBeGreaterThan(0);
    expect(refusal(() => readGenesisBlock(forged({}, 0)))).toContain('proof of work');
    let higher = nonce + 1;
    while (!assembleBlock(honest.block.header, higher, null, []).id.startsWith('0')) higher++;
    expect(refusal(() => readGenesisBlock(forged({}, higher)))).toContain('not the lowest');
    expect(miningHash).toBe(readGenesisBlock(forged({})).block.miningHash);
  });

  test('is refused with a configuration that is missing, broken or not canonical', () => {
    expect(refusal(() => readGenesisBlock(forged({ data: null })))).toContain('no configuration');
    expect(refusal(() => readGenesisBlock(forged({ data: utf8('{') })))).toContain('line 1');
    expect(refusal(() => readGenesisBlock(forged({ data: Uint8Array.of(0xff) })))).toContain('UTF-8');
    const spaced = utf8(`${canonicalGenesis(honest.config)} `);
    expect(refusal(() => readGenesisBlock(forged({ data: spaced })))).toContain('not canonical');
  });

  test('is refused with a signature', () => {
    const { wire } = assembleBlock(honest.block.header, honest.block.nonce, new Uint8Array(256), []);
    expect(refusal(() => readGenesisBlock(wire))).toContain('not what its configuration gives');
  });

  test('never makes the reader throw anything but a ProtocolError', () => {
    const bytes = fc.oneof(
      fc.uint8Array(),
      fc.tuple(fc.nat(honest.block.wire.length - 1), fc.nat(255)).map(([at, byte]) => {
        const wire = Uint8Array.from(honest.block.wire);
        wire[at] = byte;
        return wire;
      }),
    );
    fc.assert(
      fc.property(bytes, (wire) => {
        try {
          expect(toHex(readGenesisBlock(wire).block.wire)).toBe(toHex(honest.block.wire));
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });
});
