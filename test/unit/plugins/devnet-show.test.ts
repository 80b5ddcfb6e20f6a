import { describe, expect, test } from 'vitest';
import { BlockFeed } from '../../../plugins/lib/devnet/block-feed.js';
import { parseLine } from '../../../plugins/lib/devnet/child.js';
import { LoadBook } from '../../../plugins/lib/devnet/load-book.js';
import { jsonShow, type Running, textShow } from '../../../plugins/lib/devnet/show.js';

const block = { number: 2, id: 'ab', leader: 'a1', round: 0, transactions: 3, finality_ms: 12.5 };
const final = { event: 'final', level: 30, msg: 'block 2 is final', synced: false, ...block };
const running: Running = {
  genesisId: '00ff',
  path: '/devnet',
  discovery: 'http://127.0.0.1:4444',
  nodes: [
    {
      name: 'validator-1',
      role: 'validator',
      address: 'a1',
      p2p: '127.0.0.1:1',
      http: 'http://127.0.0.1:2',
      pid: 3,
    },
  ],
};

describe('the list of final blocks', () => {
  test('has each block once, as the first node reports it', () => {
    const feed = new BlockFeed();
    expect(feed.next(final)).toEqual(block);
    expect(feed.next({ ...final, finality_ms: 15 })).toBeUndefined();
    expect(feed.next({ ...final, number: 3 })?.number).toBe(3);
    expect(feed.next({ ...final, number: 2 })).toBeUndefined();
  });

  test('has no blocks that a node fetched, and no other events', () => {
    const feed = new BlockFeed();
    expect(feed.next({ ...final, synced: true })).toBeUndefined();
    expect(feed.next({ ...final, event: 'phase' })).toBeUndefined();
  });
});

test('a log line is read if it is JSON, or says where discovery listens', () => {
  const said = 'Discovery service listening on http://127.0.0.1:4444';
  expect(parseLine(said)).toEqual({ event: 'listening', port: 4444 });
  expect(parseLine('{"event":"http","http_port":4}')).toEqual({ event: 'http', http_port: 4 });
  expect(parseLine('ChainNode starting on 4')).toBeUndefined();
  expect(parseLine('{"event":')).toBeUndefined();
});

describe('what programs read', () => {
  test('is one line for the network and one for each block, everything else apart', () => {
    const out: string[] = [];
    const remarks: string[] = [];
    const show = jsonShow(
      (text) => out.push(text),
      (text) => remarks.push(text),
    );
    show.started(running);
    show.block(block);
    show.remark('validator-1 ended');
    show.summary(new LoadBook([0]).summary());
    expect(out.map((text) => JSON.parse(text))).toEqual([
      { genesis_id: '00ff', nodes: running.nodes, discovery: running.discovery },
      { block },
    ]);
    expect(out.every((text) => text.endsWith('}\n'))).toBe(true);
    expect(remarks).toHaveLength(2);
  });
});

describe('what people read', () => {
  test('is a table of the nodes, and blocks with the names of their leaders', () => {
    let text = '';
    const show = textShow((more) => {
      text += more;
    });
    show.started(running);
    show.block(block);
    show.block({ ...block, number: 3, leader: 'unknown', transactions: 1 });
    expect(text).toContain('node         address  P2P          HTTP');
    expect(text).toContain('validator-1  a1       127.0.0.1:1  http://127.0.0.1:2');
    expect(text).toContain('block 2  leader validator-1  round 0  3 transactions  final in 12.5 ms\n');
    expect(text).toContain('block 3  leader unknown  round 0  1 transaction  final');
  });
});
