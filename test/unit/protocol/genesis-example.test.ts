/** The genesis.json at the top level, which people copy, is a working one and shows every key. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { genesisBlock, parseGenesis, readGenesisBlock } from '../../../src/protocol/genesis.js';

test('genesis.json is accepted, and says everything but the time', () => {
  const text = readFileSync(join(import.meta.dirname, '../../../genesis.json'), 'utf8');
  const { config, completed } = parseGenesis(text, { nowMs: 1_790_000_000_000 });
  expect(completed).toBe(true);
  const keys = (value: object): string[] =>
    Object.entries(value).flatMap(([key, below]) =>
      typeof below === 'object' && !Array.isArray(below) && key !== 'alloc' ? [key, ...keys(below)] : [key],
    );
  for (const key of keys(config)) expect(text).toContain(`"${key}"`);
  expect(readGenesisBlock(genesisBlock(config).block.wire).config).toEqual(config);
});
