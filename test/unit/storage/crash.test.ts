/** kill -9 at any moment of a commit: the chain is then at the last block that was confirmed or the one after it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { toHex } from '../../../src/protocol/bytes.js';
import { ChainStore } from '../../../src/storage/chain-store.js';
import { openLevelStore } from '../../../src/storage/level-store.js';
import { expectAgreement } from './agreement.js';
import { busyChain, type FakeChain } from './fake-chain.js';

const CHILD = fileURLToPath(new URL('./child.mjs', import.meta.url));
const KILLS = 6;

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ccoin-crash-'));
});
afterEach(() => rm(directory, { recursive: true }));

it('loses nothing that was confirmed, and never half of a block', async () => {
  const chain = busyChain(12, 180, 20);
  const database = join(directory, 'chain');
  const file = join(directory, 'commits.json');
  await writeFile(file, JSON.stringify({ genesisId: chain.genesisId, commits: chain.commits.map(toJson) }));
  const level = await openLevelStore(database);
  await ChainStore.initialise(level, chain.genesis);
  await level.close();
  let head = 1;
  for (let kill = 0; kill < KILLS; kill++) {
    const confirmed = await killAfter(database, file, 3 + Math.floor(Math.random() * 15));
    const reopened = await openLevelStore(database);
    const store = (await ChainStore.open(reopened, chain.genesisId)) as ChainStore;
    expect(store.head.number).toBeGreaterThanOrEqual(Math.max(confirmed, head));
    head = store.head.number;
    await expectAgreement(store, chain);
    await reopened.close();
  }
}, 60_000);

/** Lets a process commit until it has confirmed `blocks`, then kills it at once. @returns the last it confirmed */
async function killAfter(database: string, file: string, blocks: number): Promise<number> {
  const child = spawn(process.execPath, [CHILD, 'commit', database, file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let confirmed = 0;
  let count = 0;
  createInterface(child.stdout).on('line', (line) => {
    confirmed = Number(line);
    if (++count === blocks) setTimeout(() => child.kill('SIGKILL'), Math.random() * 4);
  });
  const [, signal] = await once(child, 'close');
  expect(signal).toBe('SIGKILL');
  return confirmed;
}

function toJson({ block, certificate, changes, newKeys, supply }: FakeChain['commits'][number]) {
  return {
    block: toHex(block.wire),
    certificate: toHex(certificate?.wire ?? Buffer.of()),
    changes: [...changes],
    newKeys: [...newKeys].map(([address, key]) => [address, toHex(key)]),
    supply,
  };
}
