/** What is allowed in a genesis file and most likely not meant. */
import { MAX_CLOCK_AHEAD_MS } from '../../src/protocol/block.js';
import { ZERO_HASH } from '../../src/protocol/bytes.js';
import type { GenesisConfig } from '../../src/protocol/genesis.js';
import { seekNonce } from '../../src/protocol/proof-of-work.js';

/** A file older than this may well have founded a network before. */
const OLD_MS = 24 * 3_600_000;
/** Whoever waits longer for the genesis block wants to know why. */
const LONG_MS = 10_000;
const SAMPLE_HASHES = 100_000;

/** Hashes of the proof of work that one thread of this machine does in a second. */
export function measureHashRate(): number {
  const before = performance.now();
  // No id has so many leading zeros.
  seekNonce(ZERO_HASH, 64, 0, SAMPLE_HASHES);
  return (SAMPLE_HASHES * 1000) / (performance.now() - before);
}

/** One sentence each. */
export function genesisWarnings(
  config: GenesisConfig,
  { nowMs, hashesPerSecond }: { readonly nowMs: number; readonly hashesPerSecond: number },
): string[] {
  const { block_mining, consensus, transaction, time } = config;
  const warnings: string[] = [];
  const miningMs = (16 ** block_mining.difficulty * 1000) / hashesPerSecond;
  if (miningMs > consensus.timeout_propose_ms) {
    warnings.push(
      `block_mining.difficulty ${block_mining.difficulty} takes about ${seconds(miningMs)} s a block on this machine, ` +
        `longer than consensus.timeout_propose_ms: most rounds will fail`,
    );
  }
  const genesisMs = (16 ** config.genesis_block.difficulty * 1000) / hashesPerSecond;
  if (genesisMs > LONG_MS) {
    const { difficulty } = config.genesis_block;
    warnings.push(
      `genesis_block.difficulty ${difficulty} takes about ${seconds(genesisMs)} s on this machine`,
    );
  }
  if (transaction.min_fee === 0) {
    warnings.push('transaction.min_fee is 0: filling the ledger costs nothing');
  }
  const others = config.miners.length - 1;
  if (config.max_peers > 0 && config.max_peers < others) {
    warnings.push(
      `max_peers ${config.max_peers} is fewer than the ${others} other miners that each miner should be connected to`,
    );
  }
  if (nowMs - time > OLD_MS) {
    warnings.push(
      'time is old: if a chain was ever made from this very file, its transactions can be replayed on this one',
    );
  }
  if (time - nowMs > MAX_CLOCK_AHEAD_MS) {
    warnings.push(`time is ${seconds(time - nowMs)} s ahead of the clock here: nodes wait for it`);
  }
  return warnings;
}

function seconds(ms: number): string {
  return ms < 10_000 ? (ms / 1000).toFixed(1) : Math.round(ms / 1000).toLocaleString('en');
}
