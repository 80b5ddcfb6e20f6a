/**
 * Preloaded into nodes (`NODE_OPTIONS=--import=…`): every few seconds a line on standard output, between those of the
 * log, says what the JavaScript heap holds. The system's view of the process does not tell live objects from garbage.
 */
import { writeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const EVERY_MS = 10_000;

// Worker threads inherit the preload; children of other programs have no channel.
if (isMainThread && process.channel) {
  setInterval(() => {
    const { heapUsed, external } = process.memoryUsage();
    writeSync(1, `${JSON.stringify({ event: 'memory', heap_bytes: heapUsed, external_bytes: external })}\n`);
  }, EVERY_MS).unref();
}
