/**
 * Bugs planted in copies of the sources: a simulator that is worth its name notices each. A copy is the whole of src and
 * of this folder in a folder of its own, with one place changed. Some are noticed by the swarm, from a seed found by
 * trying; those that need a rarer turn of events are parts taken out from under a directed scenario.
 */
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryFile } from '../support/repository.js';
import type { Mutation, Part } from './scenarios/scenario.js';
import type { Simulation } from './simulation.js';

/** One that the swarm notices. */
export interface Canary extends Part {
  readonly what: string;
  /** It noticed it when this was written; those behind it are tried as well. */
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

/** What a copy plays. */
export interface Copy {
  seed(seed: number): Simulation;
  scenario(name: string): Simulation;
}

/** Gives `use` a copy with the bug in it. @throws if the source no longer holds `from` once */
export async function withCanary<T>(
  { file, from, to }: Mutation,
  use: (copy: Copy) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'ccoin-canary-'));
  try {
    for (const part of ['src', 'test/simulation', 'test/support', 'test/vectors/keys.json', 'package.json'])
      await cp(repositoryFile(part), join(folder, part), { recursive: true });
    await symlink(repositoryFile('node_modules'), join(folder, 'node_modules'));
    const text = await readFile(join(folder, file), 'utf8');
    if (text.split(from).length !== 2) throw new Error(`${file} does not hold once: ${from}`);
    await writeFile(
      join(folder, file),
      text.replace(from, () => to),
    );
    const copy = join(folder, 'test/simulation/scenarios/index.ts');
    const mutant: typeof import('./scenarios/index.js') = await import(/* @vite-ignore */ copy);
    return await use({ seed: mutant.swarm, scenario: (name) => mutant.stageNamed(name) });
  } finally {
    await rm(folder, { recursive: true });
  }
}
