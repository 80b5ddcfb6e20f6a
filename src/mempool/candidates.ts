/** The order in which pending transactions are offered to a block. */
import type { Transaction } from '../protocol/transaction.js';
import { Heap, type HeapItem } from './heap.js';
import type { Entry, SenderQueue } from './sender-queue.js';

/** How far one sender's ready transactions have been taken. */
interface Cursor extends HeapItem {
  readonly queue: SenderQueue;
  at: number;
  next: Entry;
}

/** Of what each sender's nonces allow next, the highest fee first, and of equal fees the first to arrive. */
export function* inFeeOrder(queues: Iterable<SenderQueue>): Generator<Transaction> {
  const heads = new Heap<Cursor>((a, b) => isBetter(a.next, b.next));
  for (const queue of queues) {
    const first = queue.entries[0];
    if (first?.ready) heads.place({ queue, at: 0, next: first, heapIndex: -1 });
  }
  for (let head = heads.peek(); head !== undefined; head = heads.peek()) {
    yield head.next.transaction;
    head.at++;
    const next = head.queue.entries[head.at];
    if (next?.ready) {
      head.next = next;
      heads.place(head);
    } else heads.remove(head);
  }
}

function isBetter(a: Entry, b: Entry): boolean {
  return a.transaction.fee === b.transaction.fee
    ? a.arrival < b.arrival
    : a.transaction.fee > b.transaction.fee;
}
