/** `npm run sim`: plays seeds, in one process or several, and sums up. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { CORPUS } from './corpus.js';
import { playTogether } from './crew.js';
import { readOptions, type SimOptions, USAGE } from './options.js';
import { play, type Report } from './player.js';
import { playScenarios } from './scenarios/play.js';
import { Totals } from './totals.js';

const PROGRESS_EVERY_MS = 60_000;

async function main(args: readonly string[]): Promise<number> {
  let options: SimOptions;
  try {
    options = readOptions(args);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    return 2;
  }
  if (options.scenario !== null) return playScenarios(options.scenario, options.trace);
  const { from, count, minutes, workers } = options;
  const many = count === null ? `for ${minutes} minutes` : `${count} of them`;
  if (count !== 1) console.log(`seeds from 0x${from.toString(16)}, ${many}, in ${workers} process(es)`);
  const began = performance.now();
  const totals = new Totals(from);
  const keep = () => keepFigures(options, totals, performance.now() - began);
  let told = began;
  const reported = (report: Report) => {
    totals.add(report);
    const now = performance.now();
    if (now - told < PROGRESS_EVERY_MS) return;
    told = now;
    console.log(totals.progress(now - began));
    keep();
  };
  const seeds = seedsOf(options, began);
  if (count === 1) for (const seed of seeds) reported(await play(seed, options));
  // Even one at a time: a seed that hangs must not keep the others waiting.
  else await playTogether(seeds, workers, args, reported);

  const tookMs = performance.now() - began;
  const { failures, seeds: played } = totals;
  const wanted = (count ?? 0) + (options.corpus ? CORPUS.length : 0);
  if (played < wanted) console.log(`the time was up after ${played} of ${wanted} seeds`);
  const missing = totals.missing();
  for (const what of missing) console.log(`FAILED: never reached: ${what}`);
  for (const { seed, what, replay } of failures)
    console.log(`FAILED: seed 0x${seed.toString(16)}: ${what.split('\n')[0]}\n  ${replay}`);
  console.log(totals.lines(tookMs).join('\n'));
  keep();
  return failures.length === 0 && missing.length === 0 ? 0 : 1;
}

function* seedsOf({ corpus, from, count, minutes }: SimOptions, began: number): Generator<number> {
  if (corpus) for (const { seed } of CORPUS) yield seed;
  for (let seed = from; count === null || seed < from + count; seed++) {
    if (minutes !== null && performance.now() - began > minutes * 60_000) return;
    yield seed;
  }
}

function keepFigures({ out }: SimOptions, totals: Totals, tookMs: number): void {
  if (out === null) return;
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, `${JSON.stringify(totals.figures(tookMs), null, 2)}\n`);
}

process.exitCode = await main(process.argv.slice(2));
