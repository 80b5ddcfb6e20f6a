import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type BlockRequest,
  Download,
  FIRST_WINDOW,
  FORGET_MS,
  MAX_REQUESTS_PER_PEER,
  MAX_WINDOW,
  MIN_WINDOW,
  OVERDUE_MS,
  STALL_MS,
} from '../../../src/sync/download.js';
import { MAX_AHEAD_BLOCKS, MAX_HELD_BYTES } from '../../../src/sync/held-blocks.js';
import { blockOf, CERTIFICATE } from './harness.js';

const HEIGHT = 100_000;
const A = { address: 'a', height: HEIGHT };
const B = { address: 'b', height: HEIGHT };

function blocks(from: number, count: number, sizeBytes = 0): [Uint8Array, Uint8Array][] {
  return Array.from({ length: count }, (_, i) => [blockOf(from + i, { sizeBytes }), CERTIFICATE]);
}

function answerFull(download: Download, request: BlockRequest, nowMs: number, sizeBytes = 0): void {
  download.answer(request.peer, request.id, blocks(request.from, request.count, sizeBytes), nowMs);
}

function onlyOne(requests: readonly BlockRequest[]): BlockRequest {
  expect(requests).toHaveLength(1);
  return requests[0] as BlockRequest;
}

describe('asking', () => {
  test('spreads disjoint ranges over the peers, a bounded number each', () => {
    const requests = new Download(1).plan([A, B], 0);
    expect(requests.map(({ peer, from, count }) => [peer, from, count])).toEqual([
      ['a', 2, FIRST_WINDOW],
      ['b', 2 + FIRST_WINDOW, FIRST_WINDOW],
      ['a', 2 + 2 * FIRST_WINDOW, FIRST_WINDOW],
      ['b', 2 + 3 * FIRST_WINDOW, FIRST_WINDOW],
    ]);
  });

  test('asks nobody for more than it says it has', () => {
    const request = onlyOne(new Download(1).plan([{ address: 'a', height: 4 }], 0));
    expect([request.from, request.count]).toEqual([2, 3]);
    expect(new Download(4).plan([{ address: 'a', height: 4 }], 0)).toEqual([]);
  });

  test('asks quick peers for more, slow ones for less', () => {
    const download = new Download(1);
    let nowMs = 0;
    const most = new Map<string, number>();
    for (let i = 0; i < 12; i++) {
      const requests = download.plan([A, B], nowMs);
      for (const { peer, count } of requests) most.set(peer, count);
      for (const request of requests) if (request.peer === 'a') answerFull(download, request, nowMs + 10);
      for (const request of requests) if (request.peer === 'b') answerFull(download, request, nowMs + 1_500);
      nowMs += 1_500;
      download.advance(download.reach);
    }
    expect(most.get('a')).toBe(MAX_WINDOW);
    expect(most.get('b')).toBe(MIN_WINDOW);
  });

  test('stays within its window beyond the head', () => {
    const download = new Download(1);
    download.plan([B], 0);
    for (let i = 0; i < 100; i++)
      for (const request of download.plan([A], i)) answerFull(download, request, i);
    expect(download.heldBlocks).toBeLessThan(MAX_AHEAD_BLOCKS);
    expect(download.heldBlocks).toBeGreaterThan(MAX_AHEAD_BLOCKS - 3 * FIRST_WINDOW);
  });

  test('asks another peer for the block that everything waits for', () => {
    const download = new Download(1);
    const [first] = download.plan([{ ...A, height: 10 }], 0);
    expect(download.plan([A, B], STALL_MS - 1).every(({ from }) => from > 2)).toBe(true);
    const rescue = download.plan([A, B], STALL_MS).filter(({ from }) => from === 2);
    expect(rescue.map(({ peer }) => peer)).toEqual(['b']);
    answerFull(download, rescue[0] as BlockRequest, STALL_MS + 5);
    expect(download.next?.peer).toBe('b');
    answerFull(download, first as BlockRequest, STALL_MS + 9);
    expect(download.next?.peer).toBe('b');
  });
});

describe('answers', () => {
  test('hands blocks out in order, however they came', () => {
    const download = new Download(1);
    const requests = download.plan([A, B], 0);
    for (const request of [...requests].reverse()) answerFull(download, request, 10);
    for (let number = 2; number < 2 + 4 * FIRST_WINDOW; number++) {
      expect(download.next?.number).toBe(number);
      download.advance(number);
    }
    expect(download.next).toBeUndefined();
    expect(download.heldBytes).toBe(0);
  });

  test('a short answer is normal when the frame is full; the rest is asked for again', () => {
    const download = new Download(1);
    const [request] = download.plan([A], 0) as [BlockRequest];
    const answer = download.answer('a', request.id, blocks(2, 1, 1_900_000), 10);
    expect(answer).toEqual({ kind: 'taken', last: 2, short: false });
    expect(download.plan([B], 10)[0]).toMatchObject({ from: 3 });
  });

  test.each([0, 1])('giving %i small blocks of many is not making good on a claim', (count) => {
    const download = new Download(1);
    const [request] = download.plan([A], 0) as [BlockRequest];
    expect(download.answer('a', request.id, blocks(2, count), 10)).toEqual({
      kind: 'taken',
      last: 1 + count,
      short: true,
    });
    expect(download.next?.founded).toBe(count === 0 ? undefined : false);
  });

  test('giving all of few is', () => {
    const download = new Download(1);
    const request = onlyOne(download.plan([{ address: 'a', height: 2 }], 0));
    expect(download.answer('a', request.id, blocks(2, 1), 10)).toMatchObject({ short: false });
    expect(download.next?.founded).toBe(true);
  });

  test('a request can be answered once, and only by its peer', () => {
    const download = new Download(1);
    const [request] = download.plan([A], 0) as [BlockRequest];
    expect(download.answer('b', request.id, blocks(2, 1), 1).kind).toBe('offence');
    expect(download.answer('a', request.id, blocks(2, request.count), 1).kind).toBe('taken');
    expect(download.answer('a', request.id, blocks(2, request.count), 2).kind).toBe('offence');
  });

  test('an offensive answer leaves nothing behind, and its range is asked for again', () => {
    const download = new Download(1);
    const [request] = download.plan([A], 0) as [BlockRequest];
    const wrong = [...blocks(2, 3), ...blocks(9, 1)];
    expect(download.answer('a', request.id, wrong, 1)).toMatchObject({ kind: 'offence' });
    expect(download.heldBlocks).toBe(0);
    expect(download.plan([B], 1)[0]).toMatchObject({ from: 2 });
  });

  test('more blocks than asked for are an offence, even if they are the next ones', () => {
    const download = new Download(1);
    const request = onlyOne(download.plan([{ address: 'a', height: 4 }], 0));
    expect(download.answer('a', request.id, blocks(2, 4), 1)).toMatchObject({ kind: 'offence' });
  });

  test('a peer that did not answer is asked for less', () => {
    const download = new Download(1);
    download.plan([A], 0);
    download.expire(OVERDUE_MS);
    download.expire(FORGET_MS);
    expect(download.plan([A], FORGET_MS)[0]?.count).toBe(MIN_WINDOW);
  });

  test('overdue: given to others, still welcome; forgotten: no offence', () => {
    const download = new Download(1);
    const [first, second] = download.plan([A], 0) as [BlockRequest, BlockRequest];
    expect(download.expire(OVERDUE_MS - 1)).toEqual([]);
    expect(download.expire(OVERDUE_MS)).toHaveLength(2);
    expect(download.expire(OVERDUE_MS)).toEqual([]);
    expect(download.plan([A], OVERDUE_MS)).toEqual([]);
    expect(download.plan([B], OVERDUE_MS)[0]).toMatchObject({ peer: 'b', from: 2 });
    answerFull(download, first, OVERDUE_MS + 500);
    expect(download.next).toMatchObject({ number: 2, peer: 'a' });
    download.expire(FORGET_MS);
    expect(download.answer('a', second.id, blocks(second.from, 1), FORGET_MS).kind).toBe('stale');
    expect(download.answer('a', second.id, blocks(second.from, 1), FORGET_MS).kind).toBe('offence');
  });

  test('bytes are copied: a block does not hold on to its frame', () => {
    const download = new Download(1);
    const [request] = download.plan([A], 0) as [BlockRequest];
    const block = blockOf(2);
    const frame = new Uint8Array(3_000_000);
    frame.set(block);
    download.answer('a', request.id, [[frame.subarray(0, block.length), CERTIFICATE]], 1);
    expect(download.next?.block).toEqual(new Uint8Array(block));
    expect(download.next?.block.buffer.byteLength).toBe(block.length);
  });

  test('holds a bounded number of bytes, and still takes the next block', () => {
    const download = new Download(1);
    const [first] = download.plan([{ ...B, height: 2 }], 0) as [BlockRequest];
    for (let i = 0; i < 200; i++) {
      for (const request of download.plan([A], i)) {
        download.answer('a', request.id, blocks(request.from, 1, 1_900_000), i);
      }
    }
    expect(download.heldBytes).toBeLessThanOrEqual(MAX_HELD_BYTES);
    expect(download.heldBlocks).toBeGreaterThan(10);
    expect(download.next).toBeUndefined();
    answerFull(download, first, 300, 1_900_000);
    expect(download.next?.number).toBe(2);
  });
});

describe('peers and the head', () => {
  test('what a bad peer gave is thrown away and fetched elsewhere', () => {
    const download = new Download(1);
    const [a1, b1, a2] = download.plan([A, B], 0) as [BlockRequest, BlockRequest, BlockRequest];
    answerFull(download, b1, 1);
    answerFull(download, a1, 1);
    expect(download.reach).toBe(1 + 2 * FIRST_WINDOW);
    download.discard('a');
    expect(download.next).toBeUndefined();
    expect(download.reach).toBe(1);
    expect(download.answer('a', a2.id, blocks(a2.from, a2.count), 2).kind).toBe('offence');
    expect(download.plan([B], 2)[0]).toMatchObject({ from: 2, count: FIRST_WINDOW });
  });

  test('what a peer gave before it left stays; what it owed is fetched elsewhere', () => {
    const download = new Download(1);
    const [first, second] = download.plan([A], 0) as [BlockRequest, BlockRequest];
    answerFull(download, first, 1);
    download.release('a');
    expect(download.next?.number).toBe(2);
    expect(download.plan([B], 1)[0]).toMatchObject({ from: second.from });
  });

  test('a head that moved by itself makes what it passed superfluous', () => {
    const download = new Download(1);
    const [first] = download.plan([A], 0) as [BlockRequest];
    answerFull(download, first, 1);
    download.advance(5_000);
    expect(download.heldBlocks).toBe(0);
    expect(download.reach).toBe(5_000);
    expect(download.plan([B], 1)[0]).toMatchObject({ from: 5_001 });
    download.advance(10);
    expect(download.reach).toBe(5_000);
  });

  test('an offered block is kept within the window, and not asked for', () => {
    const download = new Download(1);
    download.offer('a', 1, blockOf(1), CERTIFICATE);
    download.offer('a', 2 + MAX_AHEAD_BLOCKS, blockOf(2 + MAX_AHEAD_BLOCKS), CERTIFICATE);
    expect(download.heldBlocks).toBe(0);
    download.offer('a', 2, blockOf(2), CERTIFICATE);
    expect(download.next).toMatchObject({ number: 2, fetched: false, founded: false });
    expect(download.plan([B], 0)[0]).toMatchObject({ from: 3 });
  });
});

test('whatever peers do, every block is handed out once and in order, or is asked for again', () => {
  const step = fc.record({
    peer: fc.constantFrom('a', 'b', 'c'),
    does: fc.constantFrom(
      'answer',
      'answer',
      'answer',
      'short',
      'empty',
      'wrong',
      'leave',
      'wait',
      'discard',
    ),
    amount: fc.nat({ max: 7 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const target = 300;
      const download = new Download(1);
      let open: BlockRequest[] = [];
      let nowMs = 0;
      let head = 1;
      const drain = (): void => {
        for (let next = download.next; next !== undefined; next = download.next) {
          expect(next.number).toBe(++head);
          download.advance(head);
        }
      };
      const plan = (): void => {
        open.push(
          ...download.plan(
            ['a', 'b', 'c'].map((address) => ({ address, height: target })),
            nowMs,
          ),
        );
        for (const peer of ['a', 'b', 'c']) {
          const load = open.filter((request) => request.peer === peer).length;
          expect(load).toBeLessThanOrEqual(MAX_REQUESTS_PER_PEER + 1);
        }
      };
      for (const { peer, does, amount } of steps) {
        plan();
        if (does === 'wait') {
          nowMs += amount * 250;
          download.expire(nowMs);
        } else if (does === 'leave' || does === 'discard') {
          does === 'leave' ? download.release(peer) : download.discard(peer);
          open = open.filter((request) => request.peer !== peer);
        } else {
          const request = open.filter((candidate) => candidate.peer === peer)[amount % 2];
          if (request === undefined) continue;
          open = open.filter((other) => other !== request);
          const count =
            does === 'short' ? Math.min(amount, request.count) : does === 'empty' ? 0 : request.count;
          const from = does === 'wrong' ? request.from + 1 : request.from;
          download.answer(peer, request.id, blocks(from, count), nowMs);
        }
        drain();
      }
      // One honest peer is enough for the rest.
      for (const peer of ['a', 'b', 'c']) download.release(peer);
      for (let i = 0; i < 400 && head < target; i++) {
        for (const request of download.plan([{ address: 'd', height: target }], nowMs)) {
          answerFull(download, request, nowMs);
        }
        drain();
      }
      expect(head).toBe(target);
    }),
    { numRuns: 60 },
  );
});
