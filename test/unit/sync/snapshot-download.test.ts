/** What is asked of whom while a snapshot is taken. */
import { describe, expect, it } from 'vitest';
import {
  ANSWER_MS,
  MAX_REQUESTS,
  MAX_REQUESTS_PER_PEER,
  SnapshotDownload,
} from '../../../src/sync/snapshot-download.js';
import { MAX_FAILURES } from '../../../src/sync/snapshot-offers.js';

const PATHS = Array.from({ length: 64 }, (_, i) => i.toString(2).padStart(6, '0'));

/** One that takes the state after block 10, of which these peers have a snapshot. */
function taking(...peers: string[]): SnapshotDownload {
  const download = new SnapshotDownload((peer) => peer.startsWith('authority'));
  for (const peer of peers) download.offer(peer, 10);
  download.begin(10, peers[0] ?? '');
  return download;
}

describe('looking for a header', () => {
  it('asks one peer at a time, whoever offers the newest first', () => {
    const download = new SnapshotDownload((peer) => peer.startsWith('authority'));
    expect(download.plan(0)).toEqual([]);
    expect(download.hopeful).toBe(false);
    download.offer('old', 10);
    download.offer('new', 20);
    const [request, ...others] = download.plan(0);
    expect(request).toMatchObject({ kind: 'header', peer: 'new', number: 20 });
    expect(others).toEqual([]);
    expect(download.plan(1)).toEqual([]);
  });

  it('goes on with another if that one has none, is silent, or gone', () => {
    const download = new SnapshotDownload((peer) => peer.startsWith('authority'));
    for (const [peer, number] of [
      ['a', 40],
      ['b', 30],
      ['c', 20],
      ['d', 10],
    ] as const)
      download.offer(peer, number);
    const [a] = download.plan(0);
    expect(download.answered('a', a?.id ?? 0, 'header')).toMatchObject(a ?? {});
    download.useless('a');
    expect(download.plan(0)).toMatchObject([{ peer: 'b' }]);
    expect(download.expire(ANSWER_MS - 1)).toEqual([]);
    expect(download.expire(ANSWER_MS)).toMatchObject([{ peer: 'b' }]);
    expect(download.plan(ANSWER_MS)).toMatchObject([{ peer: 'c' }]);
    download.drop('c');
    expect(download.plan(ANSWER_MS)).toMatchObject([{ peer: 'd' }]);
    download.drop('d');
    expect(download.hopeful).toBe(false);
    download.offer('a', 40);
    expect(download.hopeful).toBe(false);
    download.offer('a', 50);
    expect(download.plan(ANSWER_MS)).toMatchObject([{ peer: 'a', number: 50 }]);
  });

  it('asks first for what more authorities have, then for what more peers have, then for the newest', () => {
    const download = new SnapshotDownload((peer) => peer.startsWith('authority'));
    const next = () => {
      const [request] = download.plan(0);
      if (request === undefined) return undefined;
      download.answered(request.peer, request.id, 'header');
      download.drop(request.peer);
      return request.peer;
    };
    download.offer('newest', 40);
    for (const peer of ['crowd 1', 'crowd 2', 'crowd 3']) download.offer(peer, 30);
    download.offer('authority 1', 20);
    expect([next(), next(), next(), next(), next()]).toEqual([
      'authority 1',
      'crowd 1',
      'crowd 2',
      'newest',
      'crowd 3',
    ]);
  });

  it('asks whoever let it down last, whatever that one offers since, and not for ever', () => {
    const download = new SnapshotDownload((peer) => peer.startsWith('authority'));
    const asked: string[] = [];
    for (let turn = 0; turn < 20; turn++) {
      for (const liar of ['authority 1', 'liar']) {
        // Gone and back makes nobody better.
        if (turn % 3 === 0) download.drop(liar);
        download.offer(liar, 100 + turn);
      }
      download.offer('honest', 10);
      const [request] = download.plan(0);
      if (request === undefined) break;
      asked.push(request.peer);
      download.answered(request.peer, request.id, 'header');
      if (request.peer === 'honest') break;
      download.useless(request.peer);
    }
    expect(asked).toEqual(['authority 1', 'liar', 'honest']);

    download.drop('honest');
    for (let turn = 0; turn < 20; turn++) {
      for (const liar of ['authority 1', 'liar']) download.offer(liar, 200 + turn);
      const [request] = download.plan(0);
      if (request === undefined) break;
      asked.push(request.peer);
      download.answered(request.peer, request.id, 'header');
      download.useless(request.peer);
    }
    expect(asked).toHaveLength(3 + 2 * (MAX_FAILURES - 1));
    expect(download.hopeful).toBe(false);
  });

  it('takes no offer of the genesis block, or of a number that no block can have', () => {
    const download = new SnapshotDownload((peer) => peer.startsWith('authority'));
    for (const number of [0, 1, 2 ** 31, undefined]) download.offer('a', number);
    expect(download.hopeful).toBe(false);
  });
});

describe('taking the parts', () => {
  it('asks all who have it or something newer, a few each', () => {
    const download = taking('a', 'b');
    download.offer('newer', 20);
    download.offer('older', 5);
    expect(download.plan(0)).toMatchObject([{ kind: 'part', number: 10, path: '' }]);
    download.want(PATHS);
    const requests = download.plan(0);
    const count = (name: string) => requests.filter(({ peer }) => peer === name).length;
    expect(count('older')).toBe(0);
    expect(requests).toHaveLength(3 * MAX_REQUESTS_PER_PEER - 1);
    expect(count('newer')).toBe(MAX_REQUESTS_PER_PEER);
    expect(download.plan(0)).toEqual([]);
  });

  it('does not ask who has it no more again, however new its offers, until another is taken', () => {
    const download = taking('a');
    const [request] = download.plan(0);
    download.answered('a', request?.id ?? 0, 'part');
    download.useless('a');
    download.want(['']);
    expect(download.hopeful).toBe(false);
    download.offer('a', 20);
    expect(download.hopeful).toBe(false);
    expect(download.plan(0)).toEqual([]);
    download.restart();
    expect(download.plan(0)).toMatchObject([{ kind: 'header', peer: 'a', number: 20 }]);
  });

  it('begins again with the header of somebody else, if there is one', () => {
    const download = new SnapshotDownload(() => false);
    download.offer('liar', 20);
    download.offer('honest', 10);
    const [header] = download.plan(0);
    expect(header).toMatchObject({ peer: 'liar' });
    download.begin(20, 'liar');
    const [part] = download.plan(0);
    download.answered('liar', part?.id ?? 0, 'part');
    download.useless('liar');
    download.want(['']);
    expect(download.hopeful).toBe(false);
    download.restart();
    expect(download.plan(0)).toMatchObject([{ kind: 'header', peer: 'honest', number: 10 }]);
  });

  it('asks for no more at once than its bound, whoever offers', () => {
    const download = taking(...PATHS);
    download.want(PATHS);
    expect(download.plan(0)).toHaveLength(MAX_REQUESTS);
  });

  it('asks somebody else for what a peer was silent about, and asks that peer no more', () => {
    const download = taking('a');
    const [first] = download.plan(0);
    download.offer('b', 10);
    expect(download.expire(ANSWER_MS)).toMatchObject([{ peer: 'a', path: '' }]);
    expect(download.plan(ANSWER_MS)).toMatchObject([{ peer: 'b', path: '' }]);
    expect(download.answered('a', first?.id ?? 0, 'part')).toBe('stale');
    download.drop('b');
    expect(download.hopeful).toBe(false);
  });

  it('knows an answer that was never asked for', () => {
    const download = taking('a');
    const [request] = download.plan(0);
    const id = request?.id ?? 0;
    expect(download.answered('b', id, 'part')).toBeUndefined();
    expect(download.answered('a', id, 'header')).toBeUndefined();
    expect(download.answered('a', id + 1, 'part')).toBeUndefined();
    expect(download.answered('a', id, 'part')).toMatchObject(request ?? {});
    expect(download.answered('a', id, 'part')).toBeUndefined();
  });

  it('forgets all that it wanted when it begins again, and who was silent', () => {
    const download = taking('a');
    download.want(PATHS);
    download.plan(0);
    download.expire(ANSWER_MS);
    expect(download.hopeful).toBe(false);
    download.restart();
    expect(download.plan(ANSWER_MS)).toMatchObject([{ kind: 'header', number: 10 }]);
    expect(download.plan(ANSWER_MS)).toEqual([]);
  });
});
