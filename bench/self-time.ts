/** `node dist/bench/self-time.js FILE.cpuprofile…`: where the time of these profiles went, by function and by file. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

const TOP = 45;

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const byFunction = new Map<string, number>();
const byFile = new Map<string, number>();
let busyUs = 0;
let totalUs = 0;
for (const path of process.argv.slice(2)) addProfile(JSON.parse(readFileSync(path, 'utf8')) as Profile);

console.log(`${ms(totalUs)} ms in all, ${ms(busyUs)} ms of them busy; percent of the busy time:`);
print(byFile);
console.log('');
print(byFunction);

function addProfile({ nodes, samples, timeDeltas }: Profile): void {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  samples.forEach((id, i) => {
    const frame = frames.get(id);
    // The first delta counts from the profile's start; each later one from the sample before.
    const us = timeDeltas[i + 1] ?? 0;
    if (frame === undefined || us < 0) return;
    totalUs += us;
    if (frame.functionName === '(idle)') return;
    busyUs += us;
    const file = fileOf(frame.url);
    add(byFile, file === '' ? frame.functionName : file, us);
    add(byFunction, `${frame.functionName || '(anonymous)'} ${file}:${frame.lineNumber + 1}`, us);
  });
}

function fileOf(url: string): string {
  const at = url.search(/\/(src|plugins|bench|node_modules)\//);
  return at < 0 ? basename(url) : url.slice(at + 1);
}

function add(sums: Map<string, number>, key: string, us: number): void {
  sums.set(key, (sums.get(key) ?? 0) + us);
}

function print(sums: ReadonlyMap<string, number>): void {
  const top = [...sums].sort(([, a], [, b]) => b - a).slice(0, TOP);
  for (const [name, us] of top) console.log(`${((100 * us) / busyUs).toFixed(1).padStart(5)}  ${name}`);
}

function ms(us: number): number {
  return Math.round(us / 1_000);
}
