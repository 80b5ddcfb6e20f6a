/** A progress bar while a node syncs, on a terminal; the log says it every few seconds anyway. */
import { Presets, SingleBar } from 'cli-progress';
import type { SyncProgress } from '../../src/sync/progress.js';

const REDRAW_MS = 500;

export function showProgress(node: { readonly syncProgress: SyncProgress | null }): { stop(): void } {
  if (process.stderr.isTTY !== true) return { stop: () => {} };
  let bar: SingleBar | null = null;
  const timer = setInterval(() => {
    const progress = node.syncProgress;
    if (progress === null) {
      bar?.stop();
      bar = null;
      return;
    }
    const { head, target, blocksPerSecond, secondsLeft } = progress;
    const shown = {
      speed: Math.round(blocksPerSecond),
      left: secondsLeft === null ? '?' : `${Math.ceil(secondsLeft)} s`,
    };
    if (bar === null) {
      const format = 'syncing [{bar}] {value}/{total} blocks, {speed} blocks/s, {left} left';
      bar = new SingleBar({ format, stream: process.stderr, clearOnComplete: true }, Presets.shades_classic);
      bar.start(target, head, shown);
    }
    bar.setTotal(target);
    bar.update(head, shown);
  }, REDRAW_MS);
  return {
    stop() {
      clearInterval(timer);
      bar?.stop();
    },
  };
}
