/**
 * Temporary directories that do not outlive their process for long: what one that was killed left behind, the next one
 * removes. Which are in use is told by a lock that the system takes back from the dead, not by process ids, which are
 * used again, and are others in another container.
 */
import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLevelStore } from './level-store.js';

/** In each: an empty database, for its lock. */
const OWNER = 'owner';
/** LevelDB makes it after it took the lock: where it is, the lock is held, or its holder is gone. */
const AFTER_LOCK = 'CURRENT';

/** A tenth of a second longer apart each time. */
const REMOVE_TRIES = 6;

export interface Temporary {
  readonly path: string;
  /** Removes it. */
  giveBack(): Promise<void>;
}

/** An empty directory whose name begins with `prefix`; abandoned ones of that prefix are removed first. */
export async function lendTemporary(prefix: string): Promise<Temporary> {
  await removeAbandoned(prefix);
  const path = await mkdtemp(join(tmpdir(), prefix));
  // Somebody who asks whether it is abandoned may put a lock into it just then.
  const remove = () => rm(path, { recursive: true, force: true, maxRetries: REMOVE_TRIES });
  try {
    const owner = await openLevelStore(join(path, OWNER));
    return {
      path,
      async giveBack() {
        // Nobody takes it for abandoned while it is being removed: whoever has the lock then removes it, too.
        await owner.close();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function removeAbandoned(prefix: string): Promise<void> {
  const names = await readdir(tmpdir()).catch(() => []);
  for (const name of names.filter((one) => one.startsWith(prefix))) {
    const path = join(tmpdir(), name);
    if (await isAbandoned(path)) await rm(path, { recursive: true, force: true }).catch(() => {});
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  const owner = join(path, OWNER);
  try {
    // Not what somebody else made up: everybody may write into the system's temporary directory.
    const { uid } = await lstat(path);
    if (uid !== process.getuid?.() || !(await readdir(owner)).includes(AFTER_LOCK)) return false;
    await (await openLevelStore(owner, owner, { create: false })).close();
    return true;
  } catch {
    // It is in use, or somebody else is removing it.
    return false;
  }
}
