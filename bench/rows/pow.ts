/** HashCash: how many nonces one core tries in a second of its time, beside the bare hash of as many bytes. */
import { hash } from 'node:crypto';
import { sha256Hex } from '../../src/protocol/hash.js';
import { seekNonce } from '../../src/protocol/proof-of-work.js';
import type { Row, Settings } from '../lib/row.js';
import { median } from '../lib/statistics.js';

const TRIES = 100_000;
/** Never met: every nonce is tried. */
const DIFFICULTY = 16;
/** Of as many digits all through, so that the bare loop hashes strings of the very same length. */
const FIRST_NONCE = 1_000_000;
const ROUNDS = { full: 15, quick: 3 };

export const powRow: Row = {
  name: 'pow',
  async run({ quick }: Settings) {
    const miningHash = sha256Hex('some header');
    const runs: number[] = [];
    const bare: number[] = [];
    for (let round = 0; round < (quick ? ROUNDS.quick : ROUNDS.full); round++) {
      bare.push(perSecond(() => hashBare(`${FIRST_NONCE}${miningHash}`)));
      runs.push(perSecond(() => seekNonce(miningHash, DIFFICULTY, FIRST_NONCE, TRIES)));
    }
    return [
      {
        name: 'pow',
        what: 'nonces tried in a second of processor time, against crypto.hash of one string of that length in a bare loop',
        unit: '/s',
        runs,
        limit: { name: 'crypto.hash', value: median(bare) },
        least: { atLeast: 0.9 },
        goal: { atLeast: 0.95 },
      },
    ];
  },
};

function hashBare(text: string): void {
  for (let i = 0; i < TRIES; i++) hash('sha256', text, 'hex');
}

function perSecond(tryAll: () => unknown): number {
  const before = process.cpuUsage();
  tryAll();
  const { user, system } = process.cpuUsage(before);
  return (TRIES * 1e6) / (user + system);
}
