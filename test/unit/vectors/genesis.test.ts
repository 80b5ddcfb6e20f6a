import { describe, expect, test } from 'vitest';
import { encodeHeader } from '../../../src/protocol/block.js';
import { type Hash, toHex, utf8 } from '../../../src/protocol/bytes.js';
import {
  canonicalGenesis,
  type GenesisConfig,
  genesisBlock,
  parseGenesis,
  readGenesisBlock,
} from '../../../src/protocol/genesis.js';
import { refusalOf, vectors } from './load.js';

const explicit = vectors<{
  config: GenesisConfig;
  data: string;
  header: string;
  mining_hash: Hash;
  nonce: number;
  id: Hash;
  block: string;
  hash_state: Hash;
  hash_authorities: Hash;
}>('genesis');

const more = vectors<{
  accept: { name: string; text: string; data: string; hash_state: Hash; nonce: number; id: Hash }[];
  refuse: { why: string; text: string }[];
}>('genesis_more');

describe('genesis (section 6)', () => {
  test('the explicit config gives its data, header, nonce, id and block', () => {
    const { config, completed } = parseGenesis(JSON.stringify(explicit.config));
    expect(completed).toBe(false);
    expect(canonicalGenesis(config)).toBe(explicit.data);

    const { block } = genesisBlock(config);
    expect(toHex(encodeHeader(block.header))).toBe(explicit.header);
    expect(block.header.hashState).toBe(explicit.hash_state);
    expect(block.header.hashAuthorities).toBe(explicit.hash_authorities);
    expect(block.miningHash).toBe(explicit.mining_hash);
    expect(block.nonce).toBe(explicit.nonce);
    expect(block.id).toBe(explicit.id);
    expect(toHex(block.wire)).toBe(explicit.block);
  });

  test('the block of the explicit config is taken from a peer, a changed one is not', () => {
    const wire = Buffer.from(explicit.block, 'hex');
    expect(readGenesisBlock(wire).block.id).toBe(explicit.id);
    const changed = Buffer.from(wire);
    // The last byte of the data is the configuration's closing brace.
    changed[changed.lastIndexOf(utf8('}'))] = 0x20;
    expect(refusalOf(() => readGenesisBlock(changed))).toBeDefined();
  });

  for (const { name, text, data, hash_state, nonce, id } of more.accept) {
    test(`accepts ${name}`, () => {
      const { config } = parseGenesis(text);
      expect(canonicalGenesis(config)).toBe(data);
      const { block } = genesisBlock(config);
      expect(block.header.hashState).toBe(hash_state);
      expect(block.nonce).toBe(nonce);
      expect(block.id).toBe(id);
    });
  }

  for (const { why, text } of more.refuse) {
    test(`refuses ${why}`, () => expect(refusalOf(() => parseGenesis(text))).toBe('BAD_GENESIS'));
  }
});
