/** Every target over a fixed number of inputs, and every input that once failed; the long runs are `npm run fuzz`. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/protocol/bytes.js';
import { fuzz } from './fuzzer.js';
import { JSON_DIALECT } from './json-dialect.js';
import { MSGPACK } from './msgpack-dialect.js';
import { judge } from './oracle.js';
import { changed, type Target } from './target.js';
import { TARGETS, targetNamed } from './targets/index.js';
import { type Tree, written } from './tree.js';

/** Those that start something for each input get fewer. */
const INPUTS = 600;
const SLOW: Readonly<Record<string, number>> = { handshake: 100, 'http-api': 400, 'discovery-service': 400 };
const SEED = process.env.FUZZ_SEED ?? 'ci';

interface Case {
  readonly target: string;
  readonly why: string;
  /** Hex. */
  readonly input: string;
}

const directory = join(import.meta.dirname, 'cases');
const cases = readdirSync(directory).flatMap(
  (file) => JSON.parse(readFileSync(join(directory, file), 'utf8')) as Case[],
);

describe('every target', () => {
  it.each(TARGETS.map((target) => [target.name, target] as const))('%s', async (name, target) => {
    const { found, accepted, inputs } = await fuzz(target, {
      seed: SEED,
      from: 0,
      inputs: SLOW[name] ?? INPUTS,
    });
    expect(found).toBeUndefined();
    // A corpus that is refused at its first byte would test nothing, one that is always accepted little.
    expect(accepted).toBeGreaterThan(0);
    expect(inputs).toBe(SLOW[name] ?? INPUTS);
  });
});

describe('what once failed', () => {
  it.each(cases)('$target: $why', async ({ target, input }) => {
    const taker = await targetNamed(target).open();
    const judgement = await judge(taker, Buffer.from(input, 'hex'));
    await taker.close?.();
    expect(judgement).toHaveProperty('verdict');
  });
});

describe.each([
  ['MessagePack', MSGPACK],
  ['JSON', JSON_DIALECT],
])('a tree in %s', (_, dialect) => {
  it('is written as it was read', () => {
    const bytes = written(['a', [1, 300, null], [], true], dialect, 0);
    expect(toHex(written(dialect.read(bytes) as Tree, dialect, 0))).toBe(toHex(bytes));
  });

  it('whose parts were multiplied is cut off where it becomes larger than an input', () => {
    let tree: Tree = 'x'.repeat(1_000);
    for (let depth = 0; depth < 5; depth++) tree = new Array<Tree>(2_000).fill(tree);
    expect(written(tree, dialect, 0)).toHaveLength(65_536);
    expect(written(tree, dialect, 100_000)).toHaveLength(100_000);
  });
});

describe('the fuzzer', () => {
  const over = (take: (input: Uint8Array) => 'accepted'): Target => ({
    name: 'planted',
    input: changed([Uint8Array.of(1, 2, 3, 4)]),
    open: async () => ({ take }),
  });
  const run = (take: (input: Uint8Array) => 'accepted') =>
    fuzz(over(take), { seed: 'a', from: 0, inputs: 200 });

  it('finds an exception, and the same one again from seed and number', async () => {
    const take = (input: Uint8Array) => {
      if (input.length > 4) throw new RangeError('planted');
      return 'accepted' as const;
    };
    const { found } = await run(take);
    expect(found).toMatchObject({ kind: 'exception' });
    const again = await fuzz(over(take), { seed: 'a', from: found?.at ?? 0, inputs: 1 });
    expect(again.found?.input).toEqual(found?.input);
  });

  it('finds what computes for too long', async () => {
    const { found } = await run((input) => {
      const untilMs = performance.now() + (input.length > 4 ? 300 : 0);
      while (performance.now() < untilMs);
      return 'accepted';
    });
    expect(found).toMatchObject({ kind: 'slow' });
  });

  it('finds what allocates by a length that it was told', async () => {
    const { found } = await run((input) => {
      if (input.length > 4) new Uint8Array(128 * 1024 * 1024).fill(1);
      return 'accepted';
    });
    expect(found).toMatchObject({ kind: 'memory' });
  });
});
