/** Stopping in order. */

/**
 * One Ctrl-C may arrive twice: the terminal signals the whole group, and `npm`, `npx` and `timeout` pass on to their
 * child what they got themselves.
 */
const ECHO_MS = 1_000;

/** Resolves at the first SIGINT, SIGTERM or SIGHUP; one that comes later than its echo ends the process at once. */
export function untilSignal(
  nowMs: () => number = () => performance.now(),
  end: (signal: NodeJS.Signals) => void = (signal) => process.kill(process.pid, signal),
): Promise<NodeJS.Signals> {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  let firstMs: number | undefined;
  return new Promise((resolve) => {
    const stop = (signal: NodeJS.Signals) => {
      firstMs ??= nowMs();
      resolve(signal);
      if (nowMs() - firstMs < ECHO_MS) return;
      // As if nobody had listened.
      for (const name of signals) process.off(name, stop);
      end(signal);
    };
    for (const name of signals) process.on(name, stop);
  });
}
