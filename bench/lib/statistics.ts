/** The few numbers that a list of measurements is told by. */

/** @throws Error for an empty list: nothing was measured */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = Math.ceil((percent / 100) * sorted.length) - 1;
  const value = sorted[Math.max(0, at)];
  if (value === undefined) throw new Error('a percentile of nothing');
  return value;
}

/** The middle one; of two in the middle their mean. @throws Error for an empty list */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1];
  const lower = sorted[(sorted.length - 1) >> 1];
  if (upper === undefined || lower === undefined) throw new Error('a median of nothing');
  return (lower + upper) / 2;
}
