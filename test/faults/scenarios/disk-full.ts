/** A disk without room. */
import { cp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryDirectory } from '../../support/node-process.js';
import type { Member } from '../member.js';
import { canMount, mountDisk, unmountDisk } from '../mounts.js';
import type { Network } from '../network.js';
import { preloaded } from '../preload.js';
import { must, type Scenario } from '../scenario.js';

/** A node wants 200 MB free. */
const DISK_MEGABYTES = 256;
const BALLAST_BYTES = 1024 * 1024;
const MISSED_BLOCKS = 5;
const SAYS_SO =
  /^ccoin cnode: the disk of \S+ (has \d+ MB free, below 200 MB: stopping before it is full|is full)\n$/;

export const diskFull: Scenario = {
  name: 'disk-full',
  sentence:
    'the disk of a validator fills up: it stops and says so, starts on no full disk, and comes back with room',
  async play(network, _, chance) {
    const victim = chance.pick(network.validators);
    if (!canMount())
      return `${await failingWrites(network, victim)}; no disk was filled, as mounting is not permitted`;
    return `${await fullDisk(network, victim)}; ${await failingWrites(network, victim)}`;
  },
};

async function fullDisk(network: Network, victim: Member): Promise<string> {
  const { path } = victim.home;
  await victim.stop();
  const copy = await temporaryDirectory();
  await cp(path, copy, { recursive: true });
  await mountDisk(path, DISK_MEGABYTES);
  network.atEnd(() => unmountDisk(path));
  await cp(copy, path, { recursive: true });
  victim.start();
  await network.grows(1);

  const ballast = join(path, 'ballast');
  const stopping = victim.endOr(new Promise(() => {}));
  await fill(ballast);
  assertSaidSo(await network.within('its end on a full disk', stopping));
  await network.grows(MISSED_BLOCKS);
  victim.start();
  assertSaidSo(await network.within('its end on a full disk', victim.endOr(new Promise(() => {}))));
  await rm(ballast);
  victim.start();
  await network.grows(1);
  await network.untilLeads(victim);
  return 'a disk was filled to its last byte';
}

/** A disk that is full before the node could notice: the write itself fails. */
async function failingWrites(network: Network, victim: Member): Promise<string> {
  const sign = join(await temporaryDirectory(), 'full');
  await victim.stop();
  victim.start(preloaded('full-disk', { FAULTS_FULL_DISK: sign }));
  await network.untilLeads(victim);
  const stopping = victim.endOr(new Promise(() => {}));
  await (await open(sign, 'w')).close();
  assertSaidSo(await network.within('its end when a write fails', stopping));
  await network.grows(MISSED_BLOCKS);
  victim.start();
  await network.untilLeads(victim);
  return 'a write failed';
}

function assertSaidSo(end: { readonly code: number | null; readonly errors: string } | null): void {
  must(end?.code === 1 && SAYS_SO.test(end.errors), `it ended with ${end?.code}: ${end?.errors}`);
}

async function fill(path: string): Promise<void> {
  const file = await open(path, 'w');
  const zeros = Buffer.alloc(BALLAST_BYTES);
  try {
    for (;;) await file.write(zeros);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    await file.close();
  }
}
