/**
 * Judges what a target does with one input: it may refuse by a typed error, and nothing else may go wrong. Time is
 * CPU time of this process, and is measured again before anybody is blamed: other programs use the machine too.
 */
import { getHeapStatistics } from 'node:v8';
import { Broken, type Taker, type Verdict } from './target.js';

/** Of computation, for one input. */
const MAX_CPU_MS = 50;
/** Further tries of an input that took long: garbage collection and compilation of code take their time once. */
const RETRIES = 3;
/** What one input, of at most 64 KiB, may make the process allocate. */
const MAX_GROWTH_BYTES = 64 * 1024 * 1024;

export interface Failure {
  readonly kind: 'exception' | 'broken' | 'slow' | 'memory';
  readonly detail: string;
}

export type Judgement = { readonly verdict: Verdict } | { readonly failure: Failure };

export async function judge(taker: Taker, input: Uint8Array): Promise<Judgement> {
  const outcome = await attempt(taker, input);
  if ('failure' in outcome) return outcome;
  let { cpuMs } = outcome;
  for (let left = RETRIES; left > 0 && cpuMs > MAX_CPU_MS; left--) {
    const again = await attempt(taker, input);
    if ('failure' in again) return again;
    cpuMs = Math.min(cpuMs, again.cpuMs);
  }
  if (cpuMs > MAX_CPU_MS) return { failure: { kind: 'slow', detail: `${Math.round(cpuMs)} ms of CPU` } };
  return { verdict: outcome.verdict };
}

async function attempt(
  taker: Taker,
  input: Uint8Array,
): Promise<{ verdict: Verdict; cpuMs: number } | { failure: Failure }> {
  const bytesBefore = allocatedBytes();
  const before = process.cpuUsage();
  let verdict: Verdict;
  try {
    const taken = taker.take(input);
    verdict = typeof taken === 'string' ? taken : await withoutStrays(taken);
  } catch (error) {
    const kind = error instanceof Broken ? 'broken' : 'exception';
    return {
      failure: { kind, detail: error instanceof Error ? (error.stack ?? error.message) : String(error) },
    };
  }
  const { user, system } = process.cpuUsage(before);
  const grown = allocatedBytes() - bytesBefore;
  if (grown > MAX_GROWTH_BYTES) return { failure: { kind: 'memory', detail: `${grown} bytes allocated` } };
  return { verdict, cpuMs: (user + system) / 1000 };
}

/** An exception that nobody waits for is a failure too. */
async function withoutStrays(taken: Promise<Verdict>): Promise<Verdict> {
  let stop = () => {};
  const stray = new Promise<never>((_, reject) => {
    const caught = (error: unknown) => reject(error);
    process.on('uncaughtException', caught).on('unhandledRejection', caught);
    stop = () => process.off('uncaughtException', caught).off('unhandledRejection', caught);
  });
  try {
    return await Promise.race([taken, stray]);
  } finally {
    stop();
  }
}

function allocatedBytes(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}
