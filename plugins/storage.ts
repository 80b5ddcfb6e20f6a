/** `ccoin storage stats`: what a data directory takes, by kind. */
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { type StorageStats, storageStats } from '../src/node/storage-stats.js';
import { type ChainArguments, chainPlaceOf, withChainOptions } from './lib/chain.js';
import { printJson, printTable } from './lib/print.js';

interface StatsArguments extends ChainArguments {
  readonly json: boolean;
}

const stats: CommandModule<object, StatsArguments> = {
  command: 'stats',
  describe: 'show entries and bytes by kind, and the files on the disk; changes nothing',
  builder: (yargs: Argv<object>): Argv<StatsArguments> =>
    withChainOptions(yargs)
      .option('json', { type: 'boolean', default: false, describe: 'print JSON' })
      .example('$0 storage stats --data backup/chain', 'of a copy'),
  handler: showStats,
};

const storage: CommandModule = {
  command: 'storage',
  describe: "look at a chain's databases on this disk, offline",
  builder: (yargs) => yargs.command(stats).demandCommand(1, 'Name what to do: stats.'),
  handler: () => {},
};

export default storage;

async function showStats(argv: ArgumentsCamelCase<StatsArguments>): Promise<void> {
  const found = await storageStats(await chainPlaceOf(argv));
  if (argv.json) printJson(found);
  else show(found);
}

function show({ blocks, base, kinds, files }: StorageStats): void {
  const kept = base === 0 ? 'all of them whole' : `those above ${base} whole, the older ones pruned`;
  console.log(`${blocks} blocks, ${kept}\n`);
  printTable(
    ['in the databases', 'entries', 'bytes'],
    [
      ...kinds.map(({ kind, entries, bytes }) => [kind, entries, bytes] as const),
      ['all', sum(kinds, 'entries'), sum(kinds, 'bytes')] as const,
    ],
  );
  console.log();
  printTable(
    ['on the disk', 'files', 'bytes'],
    [
      ...files.map(({ path, files: count, bytes }) => [path, count, bytes] as const),
      ['all', sum(files, 'files'), sum(files, 'bytes')] as const,
    ],
  );
}

function sum<K extends string>(rows: readonly { readonly [N in K]: number }[], name: K): number {
  return rows.reduce((total, row) => total + row[name], 0);
}
