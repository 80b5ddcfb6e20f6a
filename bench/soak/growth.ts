/**
 * Whether what a node takes grows only as its chain does. Judged on nodes that were never restarted during the run, from
 * the end of the warm-up on, when the caches are full. Pure.
 */

import type { Check } from '../lib/ledger.js';
import { median } from '../lib/statistics.js';
import type { Sample } from './samples.js';

/**
 * The longest cache holds the ids of less than 65,536 transfers: all that it took at first has been replaced by then, and the
 * allocators have met what it leaves behind.
 */
export const WARM_UP_TRANSFERS = 200_000;
/** Less after the warm-up tells nothing: what a heap happens to hold wavers by as much as would be allowed. */
const JUDGED_AT_LEAST_S = 1_800;
/** Of the heap only the least in each so long counts: most of what is in it at a moment is waiting to be collected. */
const LOW_WATER_S = 60;

const MIB = 1024 * 1024;
/**
 * A node's own memory has no part that grows with the chain. What is allowed is what garbage collection leaves uncertain,
 * a fraction of the least that JavaScript can keep of a transaction: its id as the key of a map takes above 100 bytes.
 */
const ALLOWED_BYTES_PER_TRANSFER = 32;
/** Of memory as a whole besides: V8 gives back to the system what it does not need as late as it likes. */
const ALLOWED_OWN_BYTES = 64 * MIB;
/** Connections come and go: callers', and those of peers that are killed and come back. */
const ALLOWED_OPEN_FILES = 16;
/** Bytes of the database for each transfer, late in the run against early: compaction comes in waves. */
const ALLOWED_DISK_RATIO = 1.5;
/** What was signed at the current height only, and the database's own log of that. */
const ALLOWED_SIGNER_BYTES = 64 * MIB;

/** @param steady names of the nodes that were not restarted */
export function judgeGrowth(samples: readonly Sample[], steady: readonly string[]): Check[] {
  return steady.flatMap((node) => {
    const judged = samples.filter((sample) => sample.node === node && sample.transfers >= WARM_UP_TRANSFERS);
    const first = judged[0];
    const last = judged.at(-1);
    if (first === undefined || last === undefined || last.at_s - first.at_s < JUDGED_AT_LEAST_S) {
      return [
        {
          what: `${node}: growth is not judged in less than ${JUDGED_AT_LEAST_S} s after ${WARM_UP_TRANSFERS} transfers`,
          held: true,
        },
      ];
    }
    return [
      heap(node, judged),
      memory(node, judged),
      files(node, judged),
      disk(node, judged),
      signer(node, judged),
    ];
  });
}

/** What JavaScript holds, by its low water. @throws Error for a node that never said how much */
function heap(node: string, judged: readonly Sample[]): Check {
  const least = new Map<number, readonly [transfers: number, bytes: number]>();
  for (const { at_s, transfers, heap_bytes } of judged) {
    if (heap_bytes === null) continue;
    const minute = Math.floor(at_s / LOW_WATER_S);
    const known = least.get(minute);
    if (known === undefined || heap_bytes < known[1]) least.set(minute, [transfers, heap_bytes]);
  }
  const low = [...least.values()];
  const perTransfer = slope(low);
  const middle = median(low.map(([, bytes]) => bytes)) / MIB;
  return {
    what:
      `${node}: JavaScript holds ${middle.toFixed(0)} MiB (median of the least in each ${LOW_WATER_S} s), ` +
      `${perTransfer.toFixed(1)} bytes more with each transfer, at most ${ALLOWED_BYTES_PER_TRANSFER}`,
    held: perTransfer <= ALLOWED_BYTES_PER_TRANSFER,
  };
}

/** All that is the node's own: the heap as V8 keeps it, buffers, and what LevelDB takes. */
function memory(node: string, judged: readonly Sample[]): Check {
  const own = (part: readonly Sample[]) => median(part.map(({ anonymous_bytes }) => anonymous_bytes));
  const reached = (part: readonly Sample[]) => median(part.map(({ transfers }) => transfers));
  const [early, late] = [firstThird(judged), lastThird(judged)];
  const [before, after] = [own(early), own(late)];
  const transfers = reached(late) - reached(early);
  const allowed = ALLOWED_OWN_BYTES + ALLOWED_BYTES_PER_TRANSFER * transfers;
  return {
    what:
      `${node}: own memory of ${(before / MIB).toFixed(0)} MiB early, ${(after / MIB).toFixed(0)} late (medians), ` +
      `at most ${(allowed / MIB).toFixed(0)} more`,
    held: after - before <= allowed,
  };
}

function files(node: string, judged: readonly Sample[]): Check {
  const middle = (part: readonly Sample[]) => median(part.map(({ open_files }) => open_files));
  const [early, late] = [middle(firstThird(judged)), middle(lastThird(judged))];
  return {
    what: `${node}: ${early} open files early, ${late} late (medians), at most ${ALLOWED_OPEN_FILES} more`,
    held: late - early <= ALLOWED_OPEN_FILES,
  };
}

function disk(node: string, judged: readonly Sample[]): Check {
  const bytesEach = (part: readonly Sample[]) =>
    slope(part.map(({ transfers, chain_bytes }) => [transfers, chain_bytes]));
  const [early, late] = [bytesEach(firstThird(judged)), bytesEach(lastThird(judged))];
  return {
    what:
      `${node}: ${Math.round(late)} bytes of disk for a further transfer late, ${Math.round(early)} early, ` +
      `at most ${ALLOWED_DISK_RATIO} x`,
    held: late <= early * ALLOWED_DISK_RATIO,
  };
}

function signer(node: string, judged: readonly Sample[]): Check {
  const most = Math.max(...judged.map(({ signer_bytes }) => signer_bytes));
  return {
    what: `${node}: the signer's record takes ${(most / MIB).toFixed(1)} MiB at most, of ${ALLOWED_SIGNER_BYTES / MIB}`,
    held: most <= ALLOWED_SIGNER_BYTES,
  };
}

function firstThird<T>(values: readonly T[]): readonly T[] {
  return values.slice(0, Math.ceil(values.length / 3));
}

function lastThird<T>(values: readonly T[]): readonly T[] {
  return values.slice(-Math.ceil(values.length / 3));
}

/**
 * The trend of `points`, a y per x: the median of the slopes between all pairs (Theil and Sen), which a few outliers,
 * as garbage collection makes them, do not move.
 * @returns 0 if x never changes
 */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const slopes = points.flatMap(([x1, y1], i) =>
    points.slice(i + 1).flatMap(([x2, y2]) => (x2 === x1 ? [] : [(y2 - y1) / (x2 - x1)])),
  );
  return slopes.length === 0 ? 0 : median(slopes);
}
