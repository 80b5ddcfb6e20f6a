/** Every few seconds: what each node costs the machine and how far it is. One JSON line a node and sample. */
import { appendFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isFinal } from '../lib/cluster.js';
import type { LocalNode } from '../lib/local-network.js';
import { processFigures } from '../lib/process-figures.js';
import { percentile } from '../lib/statistics.js';

/** Names are those of the lines: units last. */
export interface Sample {
  /** Since the load began. */
  readonly at_s: number;
  readonly node: string;
  /** How often it had been started: its memory begins anew each time. */
  readonly life: number;
  readonly resident_bytes: number;
  /** Of them its own, not pages of mapped files. */
  readonly anonymous_bytes: number;
  /** Of them what JavaScript holds, garbage included; null right after a start. */
  readonly heap_bytes: number | null;
  readonly open_files: number;
  readonly processor_ms: number;
  readonly chain_bytes: number;
  readonly signer_bytes: number;
  readonly height: number;
  readonly blocks_per_s: number;
  /** Transfers that became final here since the load began, those that it synced too. */
  readonly transfers: number;
  /** From being due to being final, of the blocks decided since the last sample; null if there were none. */
  readonly finality_p50_ms: number | null;
  readonly finality_p99_ms: number | null;
  readonly pool: number | null;
}

/** What a node said of itself since its last sample. */
class Told {
  height = 1;
  transfers = 0;
  heapBytes: number | null = null;
  finalityMs: number[] = [];
  blocks = 0;
}

export class Sampler {
  readonly samples: Sample[] = [];
  readonly #nodes: readonly LocalNode[];
  readonly #file: string;
  readonly #told = new Map<string, Told>();
  readonly #beganMs = performance.now();
  #lastMs = performance.now();

  /** @param file what each line is added to */
  constructor(nodes: readonly LocalNode[], file: string) {
    this.#nodes = nodes;
    this.#file = file;
    for (const node of nodes) {
      const told = new Told();
      this.#told.set(node.name, told);
      node.onEvent((event) => {
        if (event.event === 'memory') told.heapBytes = Number(event.heap_bytes);
        if (!isFinal(event) || event.number <= told.height) return;
        told.height = event.number;
        told.transfers += event.transactions;
        told.blocks++;
        if (event.synced !== true) told.finalityMs.push(Number(event.finality_ms));
      });
    }
  }

  async take(): Promise<void> {
    const nowMs = performance.now();
    const passedS = (nowMs - this.#lastMs) / 1000;
    this.#lastMs = nowMs;
    const atS = Math.round((nowMs - this.#beganMs) / 1000);
    const taken = await Promise.all(this.#nodes.map((node) => this.#sample(node, atS, passedS)));
    const samples = taken.filter((sample) => sample !== undefined);
    this.samples.push(...samples);
    await appendFile(this.#file, samples.map((sample) => `${JSON.stringify(sample)}\n`).join(''));
  }

  /** Undefined of a node that is down. */
  async #sample(node: LocalNode, atS: number, passedS: number): Promise<Sample | undefined> {
    const told = this.#told.get(node.name) as Told;
    const { finalityMs, blocks } = told;
    told.finalityMs = [];
    told.blocks = 0;
    const { pid, lives, dataDirectory } = node;
    const figures = pid === undefined ? undefined : await processFigures(pid);
    if (figures === undefined) {
      told.heapBytes = null;
      return undefined;
    }
    const [chainBytes, signerBytes, status] = await Promise.all([
      bytesBelow(join(dataDirectory, 'chain')),
      bytesBelow(join(dataDirectory, 'signer')),
      node.client.status().catch(() => undefined),
    ]);
    const finality = (percent: number) => (finalityMs.length === 0 ? null : percentile(finalityMs, percent));
    return {
      at_s: atS,
      node: node.name,
      life: lives,
      resident_bytes: figures.residentBytes,
      anonymous_bytes: figures.anonymousBytes,
      heap_bytes: told.heapBytes,
      open_files: figures.openFiles,
      processor_ms: figures.processorMs,
      chain_bytes: chainBytes,
      signer_bytes: signerBytes,
      height: told.height,
      blocks_per_s: Number((blocks / passedS).toFixed(2)),
      transfers: told.transfers,
      finality_p50_ms: finality(50),
      finality_p99_ms: finality(99),
      pool: status === undefined ? null : status.pool.ready + status.pool.waiting,
    };
  }
}

/** LevelDB removes files while they are counted: those are not there any more. */
async function bytesBelow(directory: string): Promise<number> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true }).catch(() => []);
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) =>
        stat(join(entry.parentPath, entry.name)).then(
          ({ size }) => size,
          () => 0,
        ),
      ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
