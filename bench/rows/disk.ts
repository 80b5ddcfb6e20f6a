/**
 * What a transfer takes up on disk, all indexes and the history of accounts included, beside its wire form: of a chain
 * that a node made under load, as it leaves it when it stops, and once LevelDB has compacted all of it.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { chainDirectory } from '../../src/storage/data-directory.js';
import { withDirectory } from '../lib/cache.js';
import { Load, shareOut } from '../lib/load.js';
import type { Row, Settings } from '../lib/row.js';
import { median } from '../lib/statistics.js';
import { withValidators } from '../lib/throughput.js';
import { signedTransfers } from '../lib/transfers.js';
import { BUSY, benchWorld } from '../lib/world.js';

const PLANS = {
  full: { senders: 1_000, underWay: 6_000, transfers: 200_000, runs: 3 },
  quick: { senders: 20, underWay: 2_000, transfers: 6_000, runs: 1 },
};

export const diskRow: Row = {
  name: 'disk',
  async run({ quick, say }: Settings) {
    const plan = quick ? PLANS.quick : PLANS.full;
    const world = await benchWorld(plan.senders, BUSY, 1, say);
    const [validator] = world.validators;
    if (validator === undefined) throw new Error('a node is needed');
    const wires = await signedTransfers(world, plan.transfers, say);
    const wireBytes = wires.reduce((sum, { length }) => sum + length, 0) / wires.length;
    const left: number[] = [];
    const compacted: number[] = [];
    const blocks: number[] = [];
    for (let run = 0; run < plan.runs; run++)
      await withDirectory(async (directory) => {
        const height = await withValidators(directory, world, async ({ nodes }, count) => {
          const load = new Load(nodes, shareOut(wires, plan.senders, 1));
          await load.keepUnderWay(plan.underWay, count);
          while (count.transactions < load.submitted) await count.next();
          return count.height;
        });
        const path = chainDirectory(directory, validator.address);
        blocks.push(height);
        left.push((await sizeOf(path)) / wires.length);
        await compact(path);
        compacted.push((await sizeOf(path)) / wires.length);
        say(
          `  run ${run + 1}: ${Math.round(left.at(-1) ?? 0)} bytes, compacted ${Math.round(compacted.at(-1) ?? 0)}`,
        );
      });
    const what = `bytes on disk for each of ${wires.length} transfers in ${median(blocks)} blocks of one validator, ${plan.senders} senders`;
    const limit = { name: 'wire form', value: wireBytes };
    return [
      {
        name: 'disk',
        what: `${what}, as the node left them`,
        unit: 'B',
        runs: left,
        limit,
        least: { atMost: 2 },
        goal: { atMost: 1.4 },
      },
      {
        name: 'disk compacted',
        what: 'the same, compacted',
        unit: 'B',
        runs: compacted,
        limit,
      },
    ];
  },
};

/** Bytes of all files of a database, and of what the node keeps beside it. */
async function sizeOf(directory: string): Promise<number> {
  const files = (await readdir(directory, { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  );
  const sizes = await Promise.all(
    files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function compact(directory: string): Promise<void> {
  const level = new ClassicLevel<Uint8Array, Uint8Array>(directory, {
    keyEncoding: 'view',
    valueEncoding: 'view',
  });
  await level.open();
  await level.compactRange(Uint8Array.of(0), Uint8Array.of(255));
  await level.close();
}
