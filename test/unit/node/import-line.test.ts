/** The order in which the steps of taking blocks begin: overlapping, but executed and written in turn. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ImportLine,
  MAX_CHECKING_BLOCKS,
  MAX_CHECKING_BYTES,
  MAX_LINE_BLOCKS,
  MAX_LINE_BYTES,
  MAX_WRITE_BLOCKS,
  MAX_WRITE_BYTES,
  type Place,
  type Step,
} from '../../../src/node/import-line.js';
import { ProtocolError } from '../../../src/protocol/errors.js';

const BAD = new ProtocolError('BAD_BLOCK', 'bad');

function lineOf(count: number, sizeBytes = 100): ImportLine<number> {
  const line = new ImportLine<number>();
  for (let number = 1; number <= count; number++) line.add(number, sizeBytes);
  return line;
}

/** All steps that are due now. */
function due(line: ImportLine<number>): Step<number>[] {
  const steps: Step<number>[] = [];
  for (let step = line.next(); step !== undefined; step = line.next()) steps.push(step);
  return steps;
}

function shown(steps: readonly Step<number>[]): string[] {
  return steps.map((step) => {
    if (step.kind === 'write') return `write ${step.places.map(({ item }) => item)}`;
    if (step.kind === 'tell') return `tell ${step.place.item}, not ${step.behind.map(({ item }) => item)}`;
    return `${step.kind} ${step.place.item}`;
  });
}

function placesOf(steps: readonly Step<number>[]): Place<number>[] {
  return steps.flatMap((step) => (step.kind === 'write' ? step.places : [step.place]));
}

describe('the line of blocks being imported', () => {
  it('checks many at once, and executes them in order, whichever check ends first', () => {
    const line = lineOf(3);
    const [first, second, third] = placesOf(due(line)) as [Place<number>, Place<number>, Place<number>];
    line.checked(third);
    line.checked(second);
    expect(due(line)).toEqual([]);
    line.checked(first);
    expect(shown(due(line))).toEqual(['execute 1']);
    line.executed(first);
    expect(shown(due(line))).toEqual(['write 1', 'execute 2']);
  });

  it('writes what was executed while the last write went on, together', () => {
    const line = lineOf(3);
    const places = placesOf(due(line)) as [Place<number>, Place<number>, Place<number>];
    for (const place of places) line.checked(place);
    due(line);
    line.executed(places[0]);
    expect(shown(due(line))).toEqual(['write 1', 'execute 2']);
    line.executed(places[1]);
    due(line);
    line.executed(places[2]);
    expect(due(line)).toEqual([]);
    line.written();
    expect(shown(due(line))).toEqual(['write 2,3']);
    line.written();
    expect(line.length).toBe(0);
  });

  it('says on which block each stands', () => {
    const line = lineOf(3);
    expect(due(line)).toMatchObject([{ parent: undefined }, { parent: 1 }, { parent: 2 }]);
  });

  it('tells of a bad block when all before it have left, and drops those behind it unjudged', () => {
    const line = lineOf(4);
    const places = placesOf(due(line)) as Place<number>[];
    line.judged(places[1] as Place<number>, BAD);
    line.add(5, 100);
    expect(due(line)).toEqual([]);
    line.checked(places[0] as Place<number>);
    due(line);
    line.executed(places[0] as Place<number>);
    expect(shown(due(line))).toEqual(['write 1']);
    line.written();
    expect(shown(due(line))).toEqual(['tell 2, not 3,4,5']);
    expect(line.length).toBe(0);
    // Checks that were under way end without a place in the line.
    line.checked(places[2] as Place<number>);
    expect(due(line)).toEqual([]);
  });

  it('lets a block that is known already leave in its turn, and goes on behind it', () => {
    const line = lineOf(2);
    const [first, second] = placesOf(due(line)) as [Place<number>, Place<number>];
    line.judged(second, null);
    expect(due(line)).toEqual([]);
    line.judged(first, null);
    expect(shown(due(line))).toEqual(['tell 1, not ', 'tell 2, not ']);
  });

  it('finishes what is begun while it is held, and begins nothing else', () => {
    const line = lineOf(1);
    const [first] = placesOf(due(line)) as [Place<number>];
    line.add(2, 100);
    line.hold(true);
    expect(due(line)).toEqual([]);
    line.checked(first);
    expect(shown(due(line))).toEqual(['execute 1']);
    line.executed(first);
    expect(shown(due(line))).toEqual(['write 1']);
    expect(line.isMoving).toBe(true);
    line.written();
    expect(due(line)).toEqual([]);
    expect(line.isMoving).toBe(false);
    line.hold(false);
    expect(shown(due(line))).toEqual(['check 2']);
  });

  it('bounds what is in check and in one write, by number and by bytes, but lets a single large block through', () => {
    expect(due(lineOf(MAX_CHECKING_BLOCKS + 5, 1))).toHaveLength(MAX_CHECKING_BLOCKS);
    expect(due(lineOf(3, MAX_CHECKING_BYTES))).toHaveLength(1);
    for (const [sizeBytes, count] of [
      [1, MAX_WRITE_BLOCKS],
      [MAX_WRITE_BYTES / 2, 2],
      [MAX_WRITE_BYTES + 1, 1],
    ] as const) {
      const line = lineOf(1);
      for (let number = 2; number <= MAX_WRITE_BLOCKS + 4 && line.hasRoom(sizeBytes); number++)
        line.add(number, sizeBytes);
      executeAll(line);
      line.written();
      expect(line.next()).toMatchObject({ kind: 'write', places: Array(count).fill({}) });
    }
  });

  it('is bounded itself, and says so', () => {
    const full = lineOf(MAX_LINE_BLOCKS);
    expect(full.hasRoom(1)).toBe(false);
    expect(() => full.add(1, 1)).toThrow('more blocks');
    expect(lineOf(1, MAX_LINE_BYTES).hasRoom(1)).toBe(false);
    expect(new ImportLine().hasRoom(2 * MAX_LINE_BYTES)).toBe(true);
  });

  it('has room again when blocks have left, however they did', () => {
    const line = lineOf(1, MAX_LINE_BYTES);
    const [first] = placesOf(due(line)) as [Place<number>];
    line.judged(first, BAD);
    due(line);
    line.add(2, MAX_LINE_BYTES);
    line.clear();
    line.add(3, MAX_LINE_BYTES);
    expect(line.length).toBe(1);
  });

  it('takes every block once through check, execution and write, in order, whatever ends when', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.option(fc.integer({ min: 1, max: 40 }), { nil: 0 }),
        fc.infiniteStream(fc.nat()),
        (count, bad, chance) => {
          const line = lineOf(count);
          const executed: number[] = [];
          const written: number[] = [];
          const told: number[] = [];
          const open: (() => void)[] = [];
          for (;;) {
            for (let step = line.next(); step !== undefined; step = line.next()) {
              if (step.kind === 'check') {
                const { place } = step;
                open.push(() => (place.item === bad ? line.judged(place, BAD) : line.checked(place)));
              } else if (step.kind === 'execute') {
                executed.push(step.place.item);
                line.executed(step.place);
              } else if (step.kind === 'write') {
                written.push(...step.places.map(({ item }) => item));
                open.push(() => line.written());
              } else told.push(step.place.item);
            }
            const [end] = open.splice((chance.next().value as number) % Math.max(1, open.length), 1);
            if (end === undefined) break;
            end();
          }
          const isBad = bad >= 1 && bad <= count;
          const good = Array.from({ length: isBad ? bad - 1 : count }, (_, i) => i + 1);
          expect(executed).toEqual(good);
          expect(written).toEqual(good);
          expect(told).toEqual(isBad ? [bad] : []);
          expect(line.length).toBe(0);
        },
      ),
    );
  });
});

/** Until a first write is begun and all others are executed. */
function executeAll(line: ImportLine<number>): void {
  for (let steps = due(line); steps.length > 0; steps = due(line)) {
    for (const step of steps) {
      if (step.kind === 'check') line.checked(step.place);
      if (step.kind === 'execute') line.executed(step.place);
    }
  }
}
