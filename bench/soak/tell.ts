/** What a soak shows of its samples: a table of its parts, and plots. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { linePlot } from '../lib/plot.js';
import { median } from '../lib/statistics.js';
import { tableText } from '../lib/table.js';
import type { Sample } from './samples.js';

const MIB = 1024 * 1024;
/** So many rows at most; ten minutes each in a run of an hour. */
const PARTS = 6;

/** A row for each node and part of the run. */
export function sampleTable(samples: readonly Sample[], seconds: number): string {
  const partS = Math.ceil(seconds / PARTS);
  const names = [...new Set(samples.map(({ node }) => node))];
  const rows = Array.from({ length: PARTS }, (_, part) =>
    names.flatMap((name) => {
      const mine = samples.filter(
        ({ node, at_s }) => node === name && at_s > part * partS && at_s <= (part + 1) * partS,
      );
      return mine.length === 0 ? [] : [row(`${part * partS} to ${(part + 1) * partS}`, name, mine)];
    }),
  ).flat();
  return tableText([
    [
      'seconds',
      'node',
      'lives',
      'own MiB',
      'resident',
      'heap',
      'files',
      'chain MiB',
      'signer',
      'height',
    ].concat(['blocks/s', 'transfers', 'final p50 ms', 'p99 ms', 'pool', 'cpu %']),
    ...rows,
  ]);
}

function row(part: string, name: string, mine: readonly Sample[]): string[] {
  const last = mine.at(-1) as Sample;
  const first = mine[0] as Sample;
  const mib = (of: (sample: Sample) => number | null) => {
    const values = mine.map(of).filter((value) => value !== null);
    return values.length === 0 ? '' : (median(values) / MIB).toFixed(0);
  };
  const middle = (of: (sample: Sample) => number | null, digits: number) => {
    const values = mine.map(of).filter((value) => value !== null);
    return values.length === 0 ? '' : median(values).toFixed(digits);
  };
  // The figure starts anew with each life.
  const busy =
    last.life === first.life && last.at_s > first.at_s
      ? ((last.processor_ms - first.processor_ms) / (last.at_s - first.at_s) / 10).toFixed(0)
      : '';
  return [
    part,
    name,
    String(last.life),
    mib(({ anonymous_bytes }) => anonymous_bytes),
    mib(({ resident_bytes }) => resident_bytes),
    mib(({ heap_bytes }) => heap_bytes),
    middle(({ open_files }) => open_files, 0),
    (last.chain_bytes / MIB).toFixed(0),
    (last.signer_bytes / MIB).toFixed(1),
    String(last.height),
    middle(({ blocks_per_s }) => blocks_per_s, 1),
    String(last.transfers),
    middle(({ finality_p50_ms }) => finality_p50_ms, 1),
    middle(({ finality_p99_ms }) => finality_p99_ms, 1),
    middle(({ pool }) => pool, 0),
    busy,
  ];
}

/** Writes `soak-memory.svg`, `soak-files.svg`, `soak-disk.svg` and `soak-finality.svg` into `directory`. */
export async function writePlots(samples: readonly Sample[], directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  const names = [...new Set(samples.map(({ node }) => node))];
  const lines = (nodes: readonly string[], of: (sample: Sample) => number | null) =>
    nodes
      .map((name) => ({
        name,
        points: samples.flatMap((sample): (readonly [number, number])[] => {
          const y = of(sample);
          return sample.node === name && y !== null ? [[sample.at_s / 60, y]] : [];
        }),
      }))
      .filter(({ points }) => points.length > 0);
  const [watched = ''] = names;
  const finality = (name: string, of: (sample: Sample) => number | null) =>
    lines([watched], of).map(({ points }) => ({ name, points }));
  const plots = {
    memory: {
      title: 'Own memory of each node (a kill begins it anew)',
      yLabel: 'MiB',
      series: lines(names, ({ anonymous_bytes }) => anonymous_bytes / MIB),
    },
    files: {
      title: 'Open files of each node',
      yLabel: 'file descriptors',
      series: lines(names, ({ open_files }) => open_files),
    },
    disk: {
      title: "Each node's chain on disk",
      yLabel: 'MiB',
      series: lines(names, ({ chain_bytes }) => chain_bytes / MIB),
    },
    finality: {
      title: `From being due to being final, on ${watched}, over 10 s each`,
      yLabel: 'ms',
      series: [
        ...finality('median', ({ finality_p50_ms }) => finality_p50_ms),
        ...finality('99th percentile', ({ finality_p99_ms }) => finality_p99_ms),
      ],
    },
  };
  for (const [name, plot] of Object.entries(plots)) {
    if (plot.series.length === 0) continue;
    await writeFile(join(directory, `soak-${name}.svg`), linePlot({ ...plot, xLabel: 'minutes' }));
  }
}
