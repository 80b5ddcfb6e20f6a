import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  configOf,
  DEFAULT_SHAPE,
  genesisOf,
  nodeNames,
  refusedWish,
  shapeOf,
} from '../../../plugins/lib/devnet/plan.js';
import { loadConfig } from '../../../src/config/config.js';
import { fromHex } from '../../../src/protocol/bytes.js';
import { type GenesisConfig, genesisBlock, parseGenesis } from '../../../src/protocol/genesis.js';
import { vectors } from '../vectors/load.js';

const { keys } = vectors<{ keys: { address: string; public_key_hex: string }[] }>('keys');
const owners = keys.map(({ address, public_key_hex }) => ({ address, publicKey: fromHex(public_key_hex) }));

describe('the plan of a devnet', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ccoin-devnet-plan-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  test('names validators before basic nodes', () => {
    expect(nodeNames({ ...DEFAULT_SHAPE, validators: 2, basic: 1 })).toEqual([
      { name: 'validator-1', role: 'validator' },
      { name: 'validator-2', role: 'validator' },
      { name: 'basic-1', role: 'basic' },
    ]);
  });

  test('gives a genesis that the protocol takes, with the validators as its miners', () => {
    const [first, second, basic, load] = owners;
    if (!first || !second || !basic || !load) throw new Error('the vectors have too few keys');
    const nodes = [first, second, basic].map(({ address }) => address);
    const text = JSON.stringify(
      genesisOf(shapeOf({ interval: 0.5 }), [first, second], nodes, [load.address], 1_700_000_000_000),
    );
    const { config } = parseGenesis(text);
    expect(config).toMatchObject({
      time: 1_700_000_000_000,
      block_mining: { interval: 0.5, min_bound: 1, difficulty: DEFAULT_SHAPE.difficulty },
    } satisfies Partial<Record<keyof GenesisConfig, unknown>>);
    expect(config.miners.map(({ address }) => address)).toEqual([first.address, second.address].sort());
    const { accounts } = genesisBlock(config);
    for (const address of [...nodes, load.address]) expect(accounts.get(address)?.balance).toBeGreaterThan(0);
  });

  test('gives settings that a node takes, with its data beside the file', async () => {
    const [owner] = owners;
    if (!owner) throw new Error('the vectors have no key');
    const path = join(directory, 'ccoin.json');
    await writeFile(path, JSON.stringify(configOf(owner.address, '00'.repeat(32), 4444)));
    const config = await loadConfig(path, {});
    expect(config.app.basePath).toBe(directory);
    expect(config.client.accountAddress).toBe(owner.address);
    expect(config.discoveryService).toEqual({ host: '127.0.0.1', port: 4444, proto: 'http' });
    expect(config.network.genesisId).toBe('00'.repeat(32));
    expect(config.log.pretty).toBe(false);
  });

  test('refuses what an existing devnet is not, and nothing that was not asked for', () => {
    expect(refusedWish(DEFAULT_SHAPE, {})).toBeUndefined();
    expect(refusedWish(DEFAULT_SHAPE, { validators: DEFAULT_SHAPE.validators })).toBeUndefined();
    expect(refusedWish(DEFAULT_SHAPE, { basic: 3 })).toBe(`--basic ${DEFAULT_SHAPE.basic}, not 3`);
  });
});
