/**
 * kill -9 at any moment of a commit: the chain is then at the last block that was confirmed or the one after it. So is a
 * signer's record with what was signed.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../../src/node/system-clock.js';
import { toHex } from '../../../src/protocol/bytes.js';
import { ChainStore } from '../../../src/storage/chain-store.js';
import { openLevelStore } from '../../../src/storage/level-store.js';
import { SignerRecordStore } from '../../../src/storage/signer-record.js';
import { openSignerStore } from '../../../src/storage/signer-store.js';
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
    const confirmed = await killAfter(3 + Math.floor(Math.random() * 15), 'commit', database, file);
    const reopened = await openLevelStore(database);
    const store = (await ChainStore.open(reopened, chain.genesisId)) as ChainStore;
    expect(store.head.number).toBeGreaterThanOrEqual(Math.max(confirmed, head));
    head = store.head.number;
    await expectAgreement(store, chain);
    await reopened.close();
  }
}, 60_000);

it('forgets nothing that was confirmed as signed, and has no doubt about its record', async () => {
  const record = join(directory, 'signer');
  let height = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const confirmed = await killAfter(3 + Math.floor(Math.random() * 40), 'sign', record);
    const { store, damage, close } = await openSignerStore(record, systemClock);
    expect(damage).toBeNull();
    const signed = SignerRecordStore.open(store);
    expect(signed.state?.height).toBeGreaterThanOrEqual(Math.max(confirmed, height));
    height = signed.state?.height ?? 0;
    expect(signed.messages().map(({ wire }) => wire.every((byte) => byte === height % 251))).toEqual([
      true,
      true,
    ]);
    await close();
  }
}, 60_000);

/** Lets a process go on until it has confirmed so many things, then kills it at once. @returns the last it confirmed */
async function killAfter(confirmations: number, ...args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [CHILD, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let confirmed = 0;
  let count = 0;
  createInterface(child.stdout).on('line', (line) => {
    confirmed = Number(line);
    if (++count === confirmations) setTimeout(() => child.kill('SIGKILL'), Math.random() * 4);
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
