/** The consensus core with one line of it broken: what a test that is worth its name must notice. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CoreClass } from './bench.js';

const SOURCE = fileURLToPath(new URL('../../../src/', import.meta.url));

export interface Mutation {
  readonly file: string;
  /** Text that the file holds exactly once. */
  readonly from: string;
  readonly to: string;
}

/** @throws if the source no longer holds `from` exactly once: the mutation then has to follow it */
export async function withMutant<T>(
  { file, from, to }: Mutation,
  use: (core: CoreClass) => T | Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'ccoin-mutant-'));
  try {
    for (const name of await readdir(join(SOURCE, 'consensus'))) {
      let text = await readFile(join(SOURCE, 'consensus', name), 'utf8');
      if (name === file) {
        if (text.split(from).length !== 2) throw new Error(`${file} does not hold once: ${from}`);
        text = text.replace(from, () => to);
      }
      await writeFile(join(folder, name), text.replaceAll("'../protocol/", `'${join(SOURCE, 'protocol')}/`));
    }
    const mutant: { Consensus: CoreClass } = await import(/* @vite-ignore */ join(folder, 'consensus.ts'));
    return await use(mutant.Consensus);
  } finally {
    await rm(folder, { recursive: true });
  }
}
