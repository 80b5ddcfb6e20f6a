import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { onceATurn } from '../../../src/api/once-a-turn.js';

describe('what is made once a turn', () => {
  it('is the same for all who ask in one, and made anew in the next', async () => {
    let made = 0;
    const count = onceATurn(() => ++made);
    expect([count(), count(), await Promise.resolve().then(count)]).toEqual([1, 1, 1]);
    await turn();
    expect([count(), count()]).toEqual([2, 2]);
  });

  it('is not kept when making it fails', () => {
    let fails = true;
    const attempt = onceATurn(() => {
      if (fails) throw new Error('no');
      return 'yes';
    });
    expect(attempt).toThrow('no');
    fails = false;
    expect(attempt()).toBe('yes');
  });
});
