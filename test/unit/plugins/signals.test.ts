import { afterEach, describe, expect, it } from 'vitest';
import { untilSignal } from '../../../plugins/lib/signals.js';

describe('untilSignal', () => {
  const listening = process.listenerCount('SIGHUP');

  afterEach(() => {
    for (const listener of process.listeners('SIGHUP').slice(listening)) {
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(name, listener);
    }
  });

  it('takes the echo of a signal for the same one, and a later signal for impatience', async () => {
    let now = 5_000;
    const ended: string[] = [];
    const signal = untilSignal(
      () => now,
      (name) => ended.push(name),
    );
    process.emit('SIGHUP', 'SIGHUP');
    expect(await signal).toBe('SIGHUP');
    now += 999;
    process.emit('SIGHUP', 'SIGHUP');
    expect(ended).toEqual([]);
    now += 1;
    process.emit('SIGHUP', 'SIGHUP');
    expect(ended).toEqual(['SIGHUP']);
    expect(process.listenerCount('SIGHUP')).toBe(listening);
  });
});
