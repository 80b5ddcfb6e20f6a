import { describe, expect, test } from 'vitest';
import { encodeFrame, MAX_FRAME_BYTES } from '../../../src/protocol/frame.js';
import type { MessageOf } from '../../../src/protocol/messages.js';
import {
  BlockServer,
  BURST_BYTES,
  MAX_ANSWER_BYTES,
  MAX_SERVED_BLOCKS,
  MAX_WAITING_REQUESTS,
  REFILL_BYTES_PER_MS,
  SHARED_BURST_BYTES,
  SHARED_REFILL_BYTES_PER_MS,
} from '../../../src/sync/serve.js';

function serverOf(height: number, sizeBytes: number, base = 0): BlockServer {
  return new BlockServer(
    (number) =>
      number < 1 || number > height || (number > 1 && number <= base)
        ? undefined
        : { block: new Uint8Array(sizeBytes), certificate: number === 1 ? null : new Uint8Array(700) },
    () => base,
  );
}

function ask(from: number, count: number, id = 1): MessageOf<'RBL'> {
  return { type: 'RBL', request_id: id, start_from_block: from, count };
}

function answersOf(server: BlockServer, request: MessageOf<'RBL'>): MessageOf<'ABL'>[] {
  server.request('p', request, 0);
  return server.due(0).map(({ message }) => message);
}

describe('an answer', () => {
  test('has the blocks asked for that there are', () => {
    const server = serverOf(10, 100);
    const [answer] = answersOf(server, ask(8, 20, 77));
    expect(answer?.request_id).toBe(77);
    expect(answer?.blocks).toHaveLength(3);
  });

  test.each([
    [11, 5],
    [0, 5],
    [5, 0],
    [2 ** 52, 2 ** 52],
  ])('is empty for what there is not: from %i, %i blocks', (from, count) => {
    expect(answersOf(serverOf(10, 100), ask(from, count))[0]?.blocks).toEqual([]);
  });

  test.each([
    ['no longer kept', 10, 10, { blocks: 0, base: 30 }],
    ['no longer kept, as the last of them', 30, 10, { blocks: 0, base: 30 }],
    ['kept', 31, 10, { blocks: 10 }],
    ['not there yet', 41, 10, { blocks: 0 }],
    ['genesis and what is no longer kept', 1, 10, { blocks: 1, base: 30 }],
  ])('says up to where nothing is kept, to one who asks for what is %s', (_, from, count, expected) => {
    const [answer] = answersOf(serverOf(40, 100, 30), ask(from, count));
    expect({ ...answer, blocks: answer?.blocks.length }).toEqual({ type: 'ABL', request_id: 1, ...expected });
  });

  test.each([1, 300, 40_000, 700_000, 1_999_000])(
    'fits into a frame with blocks of %i bytes',
    (sizeBytes) => {
      const [answer] = answersOf(serverOf(1_000_000, sizeBytes), ask(1, 1_000_000));
      if (answer === undefined) throw new Error('no answer');
      expect(encodeFrame(answer).length - 4).toBeLessThanOrEqual(MAX_FRAME_BYTES);
      expect(answer.blocks.length).toBeGreaterThan(0);
      const full = answer.blocks.length === MAX_SERVED_BLOCKS;
      expect(full || (answer.blocks.length + 1) * (sizeBytes + 716) > MAX_ANSWER_BYTES).toBe(true);
    },
  );
});

describe('what a peer may cost', () => {
  test('requests beyond its allowance wait, those beyond a few are dropped', () => {
    const server = serverOf(1_000, 290_000);
    const taken = Array.from({ length: 10 }, (_, i) => server.request('p', ask(2, 100, i), 0));
    expect(taken.filter(Boolean)).toHaveLength(MAX_WAITING_REQUESTS);
    const sent = server.due(0).length;
    expect(sent).toBe(Math.ceil(BURST_BYTES / MAX_ANSWER_BYTES));
    for (let i = 0; i < 10; i++) server.request('p', ask(2, 100, i), 0);
    expect(server.due(0)).toEqual([]);
    expect(server.due(MAX_ANSWER_BYTES / REFILL_BYTES_PER_MS)).toHaveLength(1);
  });

  test('one peer does not use up what another may have', () => {
    const server = serverOf(1_000, 290_000);
    for (let i = 0; i < 9; i++) {
      server.request('greedy', ask(2, 100, i), 0);
      server.due(0);
    }
    server.request('modest', ask(2, 1), 0);
    expect(server.due(0).map(({ peer }) => peer)).toEqual(['modest']);
    server.forget('greedy');
    server.request('greedy', ask(2, 1), 0);
    expect(server.due(0)).toHaveLength(1);
  });

  test('all together get a bounded number of bytes, and take turns at them', () => {
    const server = serverOf(1_000, 289_200);
    const peers = Array.from({ length: 20 }, (_, i) => `p${i}`);
    const askAll = () => {
      for (const peer of peers)
        for (let id = 0; id < MAX_WAITING_REQUESTS; id++) server.request(peer, ask(2, 100, id), 0);
    };
    askAll();
    const answers = server.due(0);
    expect(answers).toHaveLength(Math.ceil(SHARED_BURST_BYTES / MAX_ANSWER_BYTES));
    expect(answers.map(({ peer }) => peer)).toEqual(peers.slice(0, answers.length));
    askAll();
    expect(server.due(0)).toEqual([]);
    const later = server.due((8 * MAX_ANSWER_BYTES) / SHARED_REFILL_BYTES_PER_MS);
    expect(later.length).toBeGreaterThanOrEqual(7);
    expect(new Set([...answers, ...later].map(({ peer }) => peer))).toEqual(new Set(peers));
  });
});
