/** A disk of a size of its own, where mounting is permitted: in a mount namespace that ends with its last process. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';

const run = promisify(execFile);
const UNSHARE = ['-rm', '--propagation', 'private'];
/** Tells a program that it runs in such a namespace. */
const INSIDE = 'FAULTS_MOUNTS';

export function canMount(): boolean {
  return process.env[INSIDE] === '1';
}

/**
 * Runs this very program again in a mount namespace of its own, if that is permitted and not so yet.
 * @returns its exit code, or undefined if this process is the one to do the work
 */
export async function runWithMounts(): Promise<number | undefined> {
  if (canMount() || spawnSync('unshare', [...UNSHARE, 'true']).status !== 0) return undefined;
  const program = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const child = spawn('unshare', [...UNSHARE, ...program], {
    stdio: 'inherit',
    env: { ...process.env, [INSIDE]: '1' },
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  const [code] = await once(child, 'exit');
  return code ?? 1;
}

/** Puts an empty disk of `megabytes` in the place of `directory`. */
export async function mountDisk(directory: string, megabytes: number): Promise<void> {
  await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=700`, 'tmpfs', directory]);
}

/** Takes it away, even from under those that use it. */
export async function unmountDisk(directory: string): Promise<void> {
  await run('umount', ['-l', directory]);
}
