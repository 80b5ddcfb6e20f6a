import { describe, expect, test } from 'vitest';
import { LoadBook, MAX_UNDER_WAY_PER_SENDER } from '../../../plugins/lib/devnet/load-book.js';

/** Takes a turn and sends what it gave as `id`. */
function send(book: LoadBook, id: string, nowMs = 0): { sender: number; nonce: number } {
  const turn = book.take();
  if (turn === undefined) throw new Error('nobody may send');
  book.sent(id, turn.sender, turn.nonce, nowMs);
  return turn;
}

describe('the books of a load', () => {
  test('give the senders their turns and rising nonces from where they stand', () => {
    const book = new LoadBook([7, 0]);
    const turns = ['a', 'b', 'c', 'd'].map((id) => send(book, id));
    expect(turns).toEqual([
      { sender: 0, nonce: 7 },
      { sender: 1, nonce: 0 },
      { sender: 0, nonce: 8 },
      { sender: 1, nonce: 1 },
    ]);
  });

  test('fill the gap that a refused transaction leaves, before anything else', () => {
    const book = new LoadBook([0]);
    for (const id of ['a', 'b', 'c', 'd']) send(book, id);
    book.rejected('c', 'POOL_FULL');
    book.rejected('b', 'POOL_FULL');
    expect([send(book, 'e').nonce, send(book, 'f').nonce, send(book, 'g').nonce]).toEqual([1, 2, 4]);
    expect(book.summary()).toMatchObject({ sent: 7, rejected: 2, reasons: { POOL_FULL: 2 } });
  });

  test('leave no gap for a nonce that was used already', () => {
    const book = new LoadBook([0]);
    send(book, 'a');
    book.rejected('a', 'NONCE_TOO_LOW');
    expect(send(book, 'b').nonce).toBe(1);
  });

  test('hold a sender back that has as much under way as a pool takes, until something ends', () => {
    const book = new LoadBook([0, 0]);
    for (let i = 0; i < 2 * MAX_UNDER_WAY_PER_SENDER; i++) send(book, `${i}`);
    expect(book.take()).toBeUndefined();
    book.final(['3'], 1);
    expect(book.take()?.sender).toBe(1);
    expect(book.take()).toBeUndefined();
  });

  test('count each transaction final once, and only their own', () => {
    const book = new LoadBook([0]);
    send(book, 'a');
    send(book, 'b');
    book.final(['a', 'stranger'], 5);
    book.final(['a'], 6);
    book.rejected('a', 'POOL_FULL');
    expect(book.summary()).toMatchObject({ sent: 2, final: 1, rejected: 0, unfinished: 1 });
  });

  test('tell the middle and the slowest of the times from submission to final', () => {
    const book = new LoadBook([0]);
    for (let i = 1; i <= 100; i++) {
      send(book, `${i}`, 1000);
      book.final([`${i}`], 1000 + i);
    }
    expect(book.summary()).toMatchObject({ p50_ms: 50, p99_ms: 99, per_second: 1000 });
    expect(new LoadBook([0]).summary()).toMatchObject({ p50_ms: null, p99_ms: null, per_second: 0 });
  });
});
