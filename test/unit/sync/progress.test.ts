import { expect, test } from 'vitest';
import { ProgressMeter } from '../../../src/sync/progress.js';

test('has nothing to say at first', () => {
  expect(new ProgressMeter().report(5, 105, 0)).toEqual({
    head: 5,
    target: 105,
    blocksPerSecond: 0,
    secondsLeft: null,
  });
});

test('takes the speed of the last seconds, not of all time', () => {
  const meter = new ProgressMeter();
  let head = 0;
  for (let ms = 0; ms <= 60_000; ms += 100) {
    head += ms < 30_000 ? 1 : 5;
    meter.sample(head, ms);
  }
  const report = meter.report(head, head + 500, 60_000);
  expect(report.blocksPerSecond).toBeCloseTo(50, 0);
  expect(report.secondsLeft).toBeCloseTo(10, 0);
});

test('standing still shows', () => {
  const meter = new ProgressMeter();
  for (let ms = 0; ms <= 1_000; ms += 500) meter.sample(100, ms);
  expect(meter.report(100, 200, 1_000)).toMatchObject({ blocksPerSecond: 0, secondsLeft: null });
});

test('nothing is left at the target, which is never below the head', () => {
  expect(new ProgressMeter().report(9, 7, 0)).toMatchObject({ target: 9, secondsLeft: 0 });
});

test('a new sync forgets the last one', () => {
  const meter = new ProgressMeter();
  meter.sample(0, 0);
  meter.reset();
  meter.sample(100, 60_000);
  expect(meter.report(110, 120, 61_000).blocksPerSecond).toBe(10);
});
