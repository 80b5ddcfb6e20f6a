/**
 * Ties a child process to its parent: preloaded into the child (`node --import`), which was started with an IPC channel,
 * it stops the child in order once that channel breaks. It does so however the parent ended, kill -9 included, and the
 * child's own code need not know of it.
 */
import { isMainThread } from 'node:worker_threads';

const STOP_WITHIN_MS = 15_000;

// Worker threads inherit the preload, but not the channel.
if (isMainThread && process.channel) {
  // The channel is for its end alone: it must not keep the child running.
  process.channel.unref();
  process.once('disconnect', () => {
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), STOP_WITHIN_MS).unref();
    process.kill(process.pid, 'SIGTERM');
  });
}
