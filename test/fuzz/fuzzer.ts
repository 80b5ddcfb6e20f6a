/** Gives one target input after input until a bound is reached or one fails; input i depends on seed and i alone. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Dice } from './dice.js';
import { type Failure, judge } from './oracle.js';
import type { Target } from './target.js';

/** A taker serves so many inputs: enough for what it keeps to show, few enough for a failure to be found again. */
const INPUTS_PER_TAKER = 1_000;
/** What a whole run may leave behind, once garbage is collected: caches fill, nothing grows with the inputs. */
const MAX_LEFT_BYTES = 48 * 1024 * 1024;

export interface Bounds {
  readonly seed: string;
  /** The first input. */
  readonly from: number;
  readonly inputs: number;
  /** Stops before the bound of inputs. */
  until?(): boolean;
}

export interface Found extends Failure {
  readonly target: string;
  readonly seed: string;
  readonly at: number;
  readonly input: Uint8Array;
}

export interface Report {
  readonly inputs: number;
  readonly accepted: number;
  readonly leftBytes: number;
  readonly found: Found | undefined;
}

export function inputAt(target: Target, seed: string, at: number): Uint8Array {
  return target.input(new Dice(`${seed} ${target.name} ${at}`));
}

export async function fuzz(target: Target, bounds: Bounds): Promise<Report> {
  let inputs = 0;
  let accepted = 0;
  let before: number | undefined;
  let found: Found | undefined;
  while (found === undefined && inputs < bounds.inputs && !bounds.until?.()) {
    const taker = await target.open();
    const end = Math.min(bounds.inputs, inputs + INPUTS_PER_TAKER);
    for (; found === undefined && inputs < end && !bounds.until?.(); inputs++) {
      const at = bounds.from + inputs;
      const input = inputAt(target, bounds.seed, at);
      const judgement = await judge(taker, input);
      if ('failure' in judgement)
        found = { ...judgement.failure, target: target.name, seed: bounds.seed, at, input };
      else if (judgement.verdict === 'accepted') accepted++;
    }
    await taker.close?.();
    // The first thousand fill what is filled once: compiled code, pools, caches.
    before ??= await heldBytes();
  }
  const leftBytes = before === undefined ? 0 : (await heldBytes()) - before;
  if (found === undefined && leftBytes > MAX_LEFT_BYTES)
    throw new Error(
      `${target.name} left ${leftBytes} bytes behind after ${inputs} inputs of seed ${bounds.seed}`,
    );
  return { inputs, accepted, leftBytes, found };
}

/** A smaller input that fails in the same way: pieces are left out as long as that is so. */
export async function shrink(target: Target, { input, kind }: Found): Promise<Uint8Array> {
  let smallest = input;
  for (let size = Math.ceil(input.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < smallest.length; ) {
      const shorter = Uint8Array.from(
        Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)]),
      );
      if (await fails(target, shorter, kind)) smallest = shorter;
      else at += size;
    }
  }
  return smallest;
}

async function fails(target: Target, input: Uint8Array, kind: Failure['kind']): Promise<boolean> {
  const taker = await target.open();
  const judgement = await judge(taker, input);
  await taker.close?.();
  return 'failure' in judgement && judgement.failure.kind === kind;
}

/** Bytes in use after everything that is garbage was collected: once is not enough, buffers are freed behind it. */
async function heldBytes(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let times = 0; times < 3; times++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
