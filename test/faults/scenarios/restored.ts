/** A validator brought back from what was kept of it: what it signed since must bind it all the same. */
import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { keysDirectory } from '../../../src/storage/data-directory.js';
import { ccoin, type NodeHome, temporaryDirectory } from '../../support/node-process.js';
import type { Member } from '../member.js';
import type { Network } from '../network.js';
import { must, type Scenario } from '../scenario.js';
import { acceptLostRecord, followsSilently, killAtWork } from './lost-record.js';

export const restored: Scenario = {
  name: 'restored',
  sentence:
    "a validator restored from ccoin's own backup, and one from an old copy of all it had, follow and do not sign",
  async play(network, _, chance) {
    const victim = chance.pick(network.validators);
    const kept = await keep(network, victim);
    const fromBackup = await killAtWork(network, victim);
    await restoreBackup(victim, kept.backup);
    await followsSilently(network, victim, fromBackup);
    await acceptLostRecord(network, victim);

    const fromCopy = await killAtWork(network, victim);
    await rm(victim.home.file(''), { recursive: true });
    await cp(kept.copy, victim.home.file(''), { recursive: true });
    await followsSilently(network, victim, fromCopy);
    await acceptLostRecord(network, victim);
    return `restored from a backup and from a copy, both of block ${kept.block}`;
  },
};

interface Kept {
  readonly backup: string;
  readonly copy: string;
  readonly block: number;
}

async function keep(network: Network, victim: Member): Promise<Kept> {
  await network.untilLeads(victim);
  const block = victim.head;
  await victim.stop();
  const directory = await temporaryDirectory();
  const [backup, copy] = [join(directory, 'chain.ccoin'), join(directory, 'copy')];
  const { code, err } = await ccoin('export', '-c', victim.home.config, '--to', backup);
  must(code === 0, `the export failed: ${err}`);
  await cp(victim.home.file(''), copy, { recursive: true });
  victim.start();
  return { backup, copy, block };
}

async function restoreBackup({ home }: Member, backup: string): Promise<void> {
  await wipe(home);
  const { code, err } = await ccoin('import', '-c', home.config, '--from', backup);
  must(code === 0, `the import failed: ${err}`);
}

/** Leaves nothing of an account but its key, which is kept elsewhere. */
export async function wipe(home: NodeHome): Promise<void> {
  const keys = keysDirectory(home.path, home.key.address);
  const safe = join(await temporaryDirectory(), 'keys');
  await cp(keys, safe, { recursive: true });
  await rm(home.file(''), { recursive: true });
  await mkdir(home.file(''), { mode: 0o700 });
  await cp(safe, keys, { recursive: true });
}
