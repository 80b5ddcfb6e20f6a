/** Plays seeds in several processes at once, one seed at a time in each: one that dies or hangs costs its seed, not the run. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { failureOf, type Report } from './player.js';

/** No seed takes a hundredth of it: what does, never ends. */
const SEED_LIMIT_MS = 600_000;
const HAND = fileURLToPath(new URL('./hand.js', import.meta.url));

/**
 * Takes seeds from `seeds` until there are none.
 * @param args the command line, which each process reads anew
 */
export async function playTogether(
  seeds: Iterator<number>,
  workers: number,
  args: readonly string[],
  reported: (report: Report) => void,
): Promise<void> {
  const hand = async () => {
    let child: ChildProcess | undefined;
    for (let next = seeds.next(); !next.done; next = seeds.next()) {
      child = child?.connected ? child : fork(HAND, args);
      reported(await ask(child, next.value));
    }
    child?.disconnect();
  };
  await Promise.all(Array.from({ length: workers }, hand));
}

function ask(child: ChildProcess, seed: number): Promise<Report> {
  return new Promise((resolve) => {
    const end = (report: Report) => {
      clearTimeout(limit);
      child.off('message', end);
      child.off('exit', died);
      resolve(report);
    };
    const lost = (what: string) =>
      end({ seed, virtualMs: 0, events: 0, tallies: {}, failure: failureOf(seed, what) });
    const died = (code: number | null, signal: string | null) =>
      lost(`its process ended with ${signal ?? `exit code ${code}`}`);
    const limit = setTimeout(() => {
      child.kill('SIGKILL');
      child.disconnect();
      lost(`it did not end within ${SEED_LIMIT_MS / 60_000} minutes`);
    }, SEED_LIMIT_MS);
    child.on('message', end);
    child.on('exit', died);
    child.send(seed);
  });
}
