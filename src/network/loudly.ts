/**
 * Lets a promise that nobody waits for fail as a thrown error: a bug of ours, or of a handler that we called, stops
 * the process as an uncaught exception instead of ending as a rejection.
 */
export function loudly(promise: Promise<void>): void {
  promise.catch((error: unknown) => {
    queueMicrotask(() => {
      throw error;
    });
  });
}
