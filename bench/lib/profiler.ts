/**
 * Preloaded into the nodes by `--profile DIR` (`--cpu-prof` cannot be handed down to children): profiles the main
 * thread from its start, and leaves `DIR/PID.cpuprofile` when the process ends in order. Chrome's developer tools read
 * it, and `bench/self-time.ts` sums it up.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';

export const PROFILE_DIRECTORY_VARIABLE = 'BENCH_PROFILE_DIRECTORY';
const SAMPLING_US = 500;

const directory = process.env[PROFILE_DIRECTORY_VARIABLE];
// Worker threads inherit the preload; what they do is known.
if (directory !== undefined && isMainThread && process.channel) profileInto(directory);

function profileInto(directory: string): void {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.setSamplingInterval', { interval: SAMPLING_US });
  session.post('Profiler.start');
  process.once('exit', () => {
    session.post('Profiler.stop', (_, { profile }) => {
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, `${process.pid}.cpuprofile`), JSON.stringify(profile));
    });
  });
}
