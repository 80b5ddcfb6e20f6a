/**
 * Bugs planted in copies of the sources: a simulator that is worth its name notices each. Some are noticed by the swarm,
 * from a seed found by trying; those that need a rarer turn of events are parts taken out from under a directed
 * scenario. A copy is all of src and of this folder, one place changed, and plays in a process of its own.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { repositoryFile } from '../support/repository.js';
import type { Mutation, Part } from './scenarios/scenario.js';

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
    from: 'await this.#store.write([...operations, ...rewrites(head, records)], { sync: true });',
    to: 'await this.#store.write([...operations, ...rewrites(head, records)], { sync: false });',
    noticed: /is back at block/,
    seed: 1,
  },
];

const SOURCES = ['src', 'test/simulation', 'test/support'];
/** What the simulator reads. */
const DATA = ['package.json', 'test/simulation/corpus.json', 'test/vectors/keys.json'];

/** The sources without their types, which a process can run. */
export class Aviary {
  readonly #folder: string;
  #copies = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(): Promise<Aviary> {
    const folder = await mkdtemp(join(tmpdir(), 'ccoin-canary-'));
    for (const path of DATA) await cp(repositoryFile(path), join(folder, 'sound', path));
    for (const source of SOURCES) {
      const names = await readdir(repositoryFile(source), { recursive: true });
      for (const name of names.filter((each) => each.endsWith('.ts') && !each.endsWith('.test.ts'))) {
        const path = join(source, name);
        await write(join(folder, 'sound', path), await readFile(repositoryFile(path), 'utf8'));
      }
    }
    return new Aviary(folder);
  }

  close(): Promise<void> {
    return rm(this.#folder, { recursive: true });
  }

  /**
   * Plays a copy with the bug in it: `what` is as canary.ts takes it.
   * @returns what was noticed; null if nothing that `noticed` fits
   * @throws if the source no longer holds `from` exactly once
   */
  async play(
    { file, from, to }: Mutation,
    noticed: RegExp,
    ...what: readonly string[]
  ): Promise<string | null> {
    const text = await readFile(repositoryFile(file), 'utf8');
    if (text.split(from).length !== 2) throw new Error(`${file} does not hold once: ${from}`);
    const copy = join(this.#folder, `copy ${this.#copies++}`);
    await cp(join(this.#folder, 'sound'), copy, { recursive: true });
    await symlink(repositoryFile('node_modules'), join(copy, 'node_modules'));
    await write(
      join(copy, file),
      text.replace(from, () => to),
    );
    return run(join(copy, 'test/simulation/canary.js'), [noticed.source, ...what]);
  }
}

async function write(path: string, source: string): Promise<void> {
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: {
      module: ts.ModuleKind.ESNext,
      target: ts.ScriptTarget.ES2022,
      verbatimModuleSyntax: true,
    },
  });
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path.replace(/\.ts$/, '.js'), outputText);
}

function run(script: string, args: readonly string[]): Promise<string | null> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [script, ...args], { maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      if (error !== null) reject(new Error(stderr, { cause: error }));
      else resolve(stdout === '' ? null : stdout.trim());
    });
  });
}
