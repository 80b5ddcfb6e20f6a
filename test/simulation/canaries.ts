/**
 * Bugs planted in copies of the sources: a simulator that is worth its name notices each. A copy is the whole of src and
 * of this folder in a folder of its own, with one place changed. Bugs that need a rarer turn of events (the lock, the
 * valid block, a restart that forgets) are planted in the core alone: test/unit/consensus/planted-bugs.test.ts.
 */
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryFile } from '../support/repository.js';
import type { Simulation } from './simulation.js';

export interface Canary {
  readonly what: string;
  readonly file: string;
  /** Text that the file holds exactly once. */
  readonly from: string;
  readonly to: string;
  /** What is said of it: anything else would be noticed without the bug, too. */
  readonly noticed: RegExp;
  /** A seed that notices it, found by trying; others are tried behind it. */
  readonly seed: number;
}

export const CANARIES: readonly Canary[] = [
  {
    what: 'the quorum is one too low',
    file: 'src/protocol/authorities.ts',
    from: 'this.quorum = Math.ceil((2 * this.list.length) / 3);',
    to: 'this.quorum = Math.max(1, Math.ceil((2 * this.list.length) / 3) - 1);',
    noticed: /without a quorum|does not hold|two final blocks/,
    seed: 1,
  },
  {
    what: "the signer's record is not synced",
    file: 'src/storage/signer-record.ts',
    from: 'await this.#store.write(operations, { sync: true });',
    to: 'await this.#store.write(operations, { sync: false });',
    noticed: /after it said|something higher before|below a height/,
    seed: 22,
  },
  {
    what: 'a fee is created from nothing',
    file: 'src/ledger/transaction.ts',
    from: 'balance: sender.balance - cost',
    to: 'balance: sender.balance - cost + fee',
    noticed: /supply|hash_state|reward/,
    seed: 1,
  },
  {
    what: 'sync does not check the certificate',
    file: 'src/node/chain.ts',
    from: 'if (!proven.every(Boolean))',
    to: 'if (proven.length < 0)',
    noticed: /does not hold|two final blocks/,
    seed: 123,
  },
  {
    what: 'the reward is paid twice',
    file: 'src/ledger/execute.ts',
    from: '  view.mint(coinbase, reward);\n',
    to: '  view.mint(coinbase, reward);\n  view.mint(coinbase, reward);\n',
    noticed: /supply|hash_state|reward/,
    seed: 3,
  },
  {
    what: 'a block is not synced',
    file: 'src/storage/chain-store.ts',
    from: 'await this.#store.write(batch.operations, { sync: true });',
    to: 'await this.#store.write(batch.operations, { sync: false });',
    noticed: /is back at block/,
    seed: 1,
  },
];

/** Gives `use` the simulation of a copy with the bug in it. @throws if the source no longer holds `from` once */
export async function withCanary<T>(
  { file, from, to }: Pick<Canary, 'file' | 'from' | 'to'>,
  use: (create: (seed: number) => Simulation) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'ccoin-canary-'));
  try {
    for (const part of ['src', 'test/simulation', 'test/vectors/keys.json', 'package.json'])
      await cp(repositoryFile(part), join(folder, part), { recursive: true });
    await symlink(repositoryFile('node_modules'), join(folder, 'node_modules'));
    const text = await readFile(join(folder, file), 'utf8');
    if (text.split(from).length !== 2) throw new Error(`${file} does not hold once: ${from}`);
    await writeFile(
      join(folder, file),
      text.replace(from, () => to),
    );
    const copy = join(folder, 'test/simulation/simulation.ts');
    const mutant: { Simulation: new (seed: number) => Simulation } = await import(/* @vite-ignore */ copy);
    return await use((seed) => new mutant.Simulation(seed));
  } finally {
    await rm(folder, { recursive: true });
  }
}
