/** `npm run growth`: networks of growing size, what a block costs each of their nodes, and how long it takes. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { median, percentile } from '../../../bench/lib/statistics.js';
import { tableText } from '../../../bench/lib/table.js';
import { type Growth, LargeNetwork, type LargeNetworkOptions } from './large-network.js';
import { plotsOf, type Run } from './plots.js';
import type { RoleTraffic } from './traffic.js';

const USAGE = `npm run growth -- [options]
  --authorities 4,10   so many authorities, one network for each number
  --basics 0,100       each with so many nodes beside them
  --blocks 10          blocks that are counted
  --transfers 10       in each block
  --delay 50           of a line, one way, in milliseconds (0.8 to 1.3 of it, one frame in 100 ten times more)
  --uplink 100         of a node, in megabits a second, shared evenly by its lines
  --seed 1
  --out FILE           keep the figures as JSON
  --plots DIRECTORY    draw them, against the number that grows`;

const BYTES_PER_MS_AND_MEGABIT = 125;

async function main(args: readonly string[]): Promise<number> {
  let plans: readonly LargeNetworkOptions[];
  let out: string | undefined;
  let plots: string | undefined;
  try {
    ({ plans, out, plots } = readOptions(args));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    return 2;
  }
  const runs: Run[] = [];
  for (const options of plans) {
    const began = performance.now();
    const growth = await new LargeNetwork(options).run();
    runs.push({ options, growth });
    const seconds = Math.round((performance.now() - began) / 1_000);
    const { authorities, basics } = options;
    console.log(`${authorities} authorities, ${basics} beside: ${growth.events} events in ${seconds} s`);
    console.log(typesText('an authority', growth.traffic.authorities, growth.blocks.length));
    console.log(typesText('another node', growth.traffic.basics, growth.blocks.length));
  }
  console.log(tableText([HEADS, ...runs.map(rowOf)]));
  if (out !== undefined) {
    mkdirSync(dirname(out), { recursive: true });
    writeFileSync(out, `${JSON.stringify(runs.map(figuresOf), null, 2)}\n`);
  }
  if (plots !== undefined) {
    mkdirSync(plots, { recursive: true });
    for (const [name, svg] of plotsOf(runs)) writeFileSync(join(plots, name), svg);
  }
  return 0;
}

function readOptions(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      authorities: { type: 'string', default: '4,10,25' },
      basics: { type: 'string', default: '0,20' },
      blocks: { type: 'string', default: '10' },
      transfers: { type: 'string', default: '10' },
      delay: { type: 'string', default: '50' },
      uplink: { type: 'string', default: '100' },
      seed: { type: 'string', default: '1' },
      out: { type: 'string' },
      plots: { type: 'string' },
    },
  });
  const plans = numbers('authorities', values.authorities, 1).flatMap((authorities) =>
    numbers('basics', values.basics, 0).map(
      (basics): LargeNetworkOptions => ({
        seed: number('seed', values.seed, 0),
        authorities,
        basics,
        blocks: number('blocks', values.blocks, 1),
        transfers: number('transfers', values.transfers, 1),
        delayMs: number('delay', values.delay, 0),
        uplinkBytesPerMs: BYTES_PER_MS_AND_MEGABIT * number('uplink', values.uplink, 1),
      }),
    ),
  );
  return { plans, out: values.out, plots: values.plots };
}

function numbers(name: string, text: string, least: number): number[] {
  return text.split(',').map((part) => number(name, part, least));
}

function number(name: string, text: string, least: number): number {
  const value = Number(text);
  if (text === '' || !Number.isSafeInteger(value) || value < least)
    throw new Error(`--${name} wants a whole number from ${least} on, not ${text}`);
  return value;
}

const HEADS = [
  'authorities',
  'beside',
  'blocks',
  'waited ms',
  'quorum p50',
  'p99',
  'all p50',
  'p99',
  'rounds > 0',
  'authority: messages',
  'KB',
  'beside: messages',
  'KB',
];

function rowOf({ options, growth }: Run): string[] {
  const { blocks, traffic } = growth;
  const times = (of: (block: Growth['blocks'][number]) => number) =>
    [50, 99].map((share) => percentile(blocks.map(of), share).toFixed(0));
  return [
    String(options.authorities),
    String(options.basics),
    String(blocks.length),
    median(blocks.map(({ waitedMs }) => waitedMs)).toFixed(0),
    ...times(({ quorumMs }) => quorumMs),
    ...times(({ allMs }) => allMs),
    String(blocks.filter(({ round }) => round > 0).length),
    ...volumeOf(traffic.authorities, blocks.length),
    ...volumeOf(traffic.basics, blocks.length),
  ];
}

/** Sent and received, of one node and block. */
function volumeOf({ nodes, sent, received }: RoleTraffic, blocks: number): string[] {
  if (nodes === 0) return ['', ''];
  const each = (count: number) => (count / nodes / blocks).toFixed(0);
  return [
    `${each(sent.frames)} / ${each(received.frames)}`,
    `${each(sent.bytes / 1_000)} / ${each(received.bytes / 1_000)}`,
  ];
}

function typesText(who: string, { nodes, types }: RoleTraffic, blocks: number): string {
  const parts = [...types]
    .sort(([, a], [, b]) => b.frames - a.frames)
    .map(([type, { frames, bytes }]) => {
      const each = nodes * blocks;
      return `${(frames / each).toFixed(1)} ${type} (${(bytes / each / 1_000).toFixed(1)} KB)`;
    });
  return nodes === 0 ? '' : `  ${who} receives for a block: ${parts.join(', ')}`;
}

function figuresOf({ options, growth: { blocks, traffic, events } }: Run) {
  const role = ({ types, ...rest }: RoleTraffic) => ({ ...rest, types: Object.fromEntries(types) });
  return { options, blocks, events, authorities: role(traffic.authorities), basics: role(traffic.basics) };
}

process.exitCode = await main(process.argv.slice(2));
