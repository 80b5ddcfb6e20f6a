/** Keys and genesis blocks for tests. The keys are those of the vectors: public, and worth nothing. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Address, fromHex, toBase64 } from '../../src/protocol/bytes.js';
import { genesisBlock, parseGenesis } from '../../src/protocol/genesis.js';

export interface TestKey {
  readonly address: Address;
  readonly publicKey: Uint8Array;
  readonly privateKey: KeyObject;
}

const vectors = JSON.parse(readFileSync(new URL('../vectors/keys.json', import.meta.url), 'utf8'));

export const TEST_KEYS: readonly TestKey[] = vectors.keys.map(
  (key: { address: Address; public_key_hex: string; private_key_pem: string }) => ({
    address: key.address,
    publicKey: fromHex(key.public_key_hex),
    privateKey: createPrivateKey(key.private_key_pem),
  }),
);

export const ALLOC_EACH = 1_000_000_000;

/** A genesis block's wire form, and its id. */
export interface TestGenesis {
  readonly wire: Uint8Array;
  readonly id: string;
}

/** A network of the first `authorities` keys in which every key has coins; quick timeouts and no proof of work. */
export function testGenesis(
  authorities: number,
  overrides: Readonly<Record<string, unknown>> = {},
): TestGenesis {
  const config = {
    network_id: 1,
    time: Date.now() - 60_000,
    miners: TEST_KEYS.slice(0, authorities).map(({ address, publicKey }) => ({
      address,
      public_key: toBase64(publicKey),
    })),
    alloc: Object.fromEntries(TEST_KEYS.map(({ address }) => [address, { balance: ALLOC_EACH }])),
    block_mining: {
      interval: 3600,
      min_bound: 1,
      max_bound: 1000,
      reward: 100,
      difficulty: 0,
      allow_empty: false,
    },
    genesis_block: { difficulty: 0 },
    consensus: { timeout_propose_ms: 500, timeout_vote_ms: 250, timeout_delta_ms: 100 },
    ...overrides,
  };
  const { block } = genesisBlock(parseGenesis(JSON.stringify(config)).config);
  return { wire: block.wire, id: block.id };
}
