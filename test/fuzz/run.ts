/**
 * `npm run fuzz -- [--seconds 20] [--target NAME] [--workers 2] [--seed S]`: fuzzes every target, or one, and ends with a
 * line for each; exit code 1 if one failed. `--workers N` shares the targets out to so many processes, and `--part 1/N`
 * fuzzes one such share. `--target NAME --replay HEX|@FILE` gives one target one input.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { toHex } from '../../src/protocol/bytes.js';
import { type Found, fuzz, shrink } from './fuzzer.js';
import { judge } from './oracle.js';
import type { Target } from './target.js';
import { TARGETS, targetNamed } from './targets/index.js';

/** Longer ones are printed as the file that they were written to. */
const MAX_SHOWN_BYTES = 4_096;

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    target: { type: 'string', multiple: true, default: [] },
    workers: { type: 'string', default: '1' },
    part: { type: 'string', default: '1/1' },
    seed: { type: 'string' },
    from: { type: 'string', default: '0' },
    inputs: { type: 'string', default: String(Number.MAX_SAFE_INTEGER) },
    replay: { type: 'string' },
  },
});

async function run(): Promise<boolean> {
  const workers = Number(flags.workers);
  if (workers > 1) return shareOut(workers);
  const targets = flags.target.length === 0 ? partOf(TARGETS, flags.part) : flags.target.map(targetNamed);
  if (flags.replay !== undefined) return replay(targets[0] as Target, flags.replay);
  const seed = flags.seed ?? String(process.pid + process.hrtime()[1]);
  let good = true;
  for (const target of targets) good = (await fuzzOne(target, seed)) && good;
  return good;
}

async function shareOut(workers: number): Promise<boolean> {
  const shares = Array.from({ length: workers }, (_, index) => `${index + 1}/${workers}`);
  const codes = shares.map(async (share) => {
    const child = fork(fileURLToPath(import.meta.url), [
      ...process.argv.slice(2),
      '--workers=1',
      `--part=${share}`,
    ]);
    const [code] = await once(child, 'exit');
    return code;
  });
  return (await Promise.all(codes)).every((code) => code === 0);
}

/** "2/3": the second of three shares. */
function partOf(targets: readonly Target[], share: string): readonly Target[] {
  const [part = 0, parts = 0] = share.split('/').map(Number);
  if (!(part >= 1 && part <= parts)) throw new Error(`--part wants a share such as 1/2, not ${share}`);
  return targets.filter((_, index) => index % parts === part - 1);
}

async function fuzzOne(target: Target, seed: string): Promise<boolean> {
  const started = performance.now();
  const endMs = started + Number(flags.seconds) * 1_000;
  const { inputs, accepted, leftBytes, found } = await fuzz(target, {
    seed,
    from: Number(flags.from),
    inputs: Number(flags.inputs),
    until: () => performance.now() > endMs,
  });
  const seconds = (performance.now() - started) / 1_000;
  const perSecond = Math.round(inputs / seconds);
  const share = ((100 * accepted) / Math.max(1, inputs)).toFixed(1);
  const left = `${Math.round(leftBytes / 1024)} KiB left behind`;
  console.log(
    `${target.name}: ${inputs} inputs, ${perSecond} a second, ${share} % accepted, ${left}, seed ${seed}`,
  );
  if (found !== undefined) await tell(target, found);
  return found === undefined;
}

async function tell(target: Target, found: Found): Promise<void> {
  const { kind, detail, seed, at, input } = found;
  console.log(
    `FAILURE (${kind}) of ${target.name} by input ${at} of seed ${seed}, ${input.length} bytes:\n${detail}`,
  );
  console.log(`again: npm run fuzz -- --target ${target.name} --seed ${seed} --from ${at} --inputs 1`);
  const small = await shrink(target, found);
  console.log(`smallest input found, ${small.length} bytes: ${await shown(target, small)}`);
}

async function shown(target: Target, input: Uint8Array): Promise<string> {
  let text = toHex(input);
  if (input.length > MAX_SHOWN_BYTES) {
    const path = join(await mkdtemp(join(tmpdir(), 'ccoin-fuzz-')), 'input');
    await writeFile(path, input);
    text = `@${path}`;
  }
  return `${text}\nreplay: npm run fuzz -- --target ${target.name} --replay ${text}`;
}

async function replay(target: Target, text: string): Promise<boolean> {
  const input = text.startsWith('@') ? await readFile(text.slice(1)) : Buffer.from(text, 'hex');
  const taker = await target.open();
  const judgement = await judge(taker, input);
  await taker.close?.();
  console.log(judgement);
  return !('failure' in judgement);
}

process.exitCode = (await run()) ? 0 : 1;
