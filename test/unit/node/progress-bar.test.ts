import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { ProgressBar } from '../../../src/node/progress-bar.js';

class Screen extends Writable {
  readonly columns = 120;
  text = '';
  readonly isTTY: boolean;

  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }

  cursorTo(): void {}
  moveCursor(): void {}
  clearLine(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

const PROGRESS = { head: 250, target: 1_000, blocksPerSecond: 12.4, secondsLeft: 61 };

test('shows how far, how fast and how long', () => {
  const screen = new Screen(true);
  const bar = new ProgressBar(screen);
  bar.show(PROGRESS);
  bar.show(null);
  expect(screen.text).toContain('25% | block 250 of 1000 | 12 blocks/s | 1 min 1 s left');
});

test('shows nothing where there is no terminal, nor without progress', () => {
  const file = new Screen(false);
  const bar = new ProgressBar(file);
  bar.show(PROGRESS);
  bar.show(null);
  expect(file.text).toBe('');
  const screen = new Screen(true);
  new ProgressBar(screen).show(null);
  expect(screen.text.trim()).toBe('');
});
