/** What the commands have in common that work on a chain's directory while no node runs on it. */
import type { Argv } from 'yargs';
import type { Config } from '../../src/config/config.js';
import { accountDirectory } from '../../src/keys/account.js';
import { type ChainPlace, chainPlace } from '../../src/node/chain-place.js';
import { ReplayProgress } from '../../src/node/replay-progress.js';
import { systemClock } from '../../src/node/system-clock.js';
import { ThreadWorker } from '../../src/node/thread-worker.js';
import type { PlaceOptions } from '../../src/node/verify-chain.js';
import { type ConfigArguments, commandConfig, configuredAccount, withConfigOption } from './config.js';
import { untilSignal } from './signals.js';

export interface ChainArguments extends ConfigArguments {
  readonly data: string | undefined;
}

/** Adds `-c` and `--data`. */
export function withChainOptions<T>(yargs: Argv<T>): Argv<T & ChainArguments> {
  return withConfigOption(yargs).option('data', {
    type: 'string',
    requiresArg: true,
    describe: "an account's directory, or its chain directory [default: that of the configured account]",
  }) as Argv<T & ChainArguments>;
}

export interface ChainWork {
  readonly place: ChainPlace;
  readonly options: PlaceOptions;
  /** Since the work began. */
  secondsPassed(): number;
}

/**
 * Does `work` on the chain that the arguments name: with threads that check signatures, with its progress shown on a
 * terminal as `doing`, and ended in order by a signal.
 */
export async function withChain<T>(
  argv: ChainArguments,
  doing: string,
  work: (chain: ChainWork) => Promise<T>,
): Promise<T> {
  const config = await configOf(argv);
  const place = await chainPlace(argv.data ?? accountDirectoryOf(config));
  const stopping = new AbortController();
  untilSignal().then((signal) => stopping.abort(new Error(`stopped by ${signal}`)));
  const worker = new ThreadWorker();
  const progress = new ReplayProgress(systemClock, doing);
  const begunMs = systemClock.monotonic();
  const { onTotal, onBlock } = progress;
  const onNote = (note: string) => console.error(`Note: ${note}`);
  const pinned = config?.network.genesisId ?? null;
  try {
    return await work({
      place,
      options: { worker, pinned, signal: stopping.signal, onTotal, onBlock, onNote },
      secondsPassed: () => (systemClock.monotonic() - begunMs) / 1000,
    });
  } finally {
    progress.stop();
    await worker.close();
  }
}

/** The chain that the arguments name. */
export async function chainPlaceOf(argv: ChainArguments): Promise<ChainPlace> {
  return chainPlace(argv.data ?? accountDirectoryOf(await configOf(argv)));
}

/** A directory that is named needs no configuration, and has nothing to do with one that lies about. */
function configOf(argv: ChainArguments): Promise<Config | undefined> {
  const alone = argv.data !== undefined && argv.config === undefined;
  return alone ? Promise.resolve(undefined) : commandConfig(argv);
}

function accountDirectoryOf(config: Config | undefined): string {
  if (config === undefined) throw new Error('neither a directory nor a configuration was read');
  return accountDirectory(config.app.basePath, configuredAccount(config));
}
