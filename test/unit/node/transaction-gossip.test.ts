import { beforeEach, describe, expect, it } from 'vitest';
import { FANOUT } from '../../../src/node/fanout.js';
import { TransactionGossip } from '../../../src/node/transaction-gossip.js';
import type { Address } from '../../../src/protocol/bytes.js';
import type { Message } from '../../../src/protocol/messages.js';
import type { Transaction } from '../../../src/protocol/transaction.js';
import { ManualClock } from '../../support/manual-clock.js';
import { randomOf } from '../network/parties.js';

const [self, alpha, beta, gamma] = ['a0', 'a1', 'a2', 'a3'] as [Address, Address, Address, Address];
const [reader, follower] = ['b1', 'b2'] as Address[] as [Address, Address];
const AUTHORITIES = new Set([self, alpha, beta, gamma]);
const PEERS = [alpha, beta, gamma, reader, follower];
const LATER_MS = 1_000;

const transaction = (byte: number) =>
  ({ wire: Uint8Array.of(byte), wireHash: `hash ${byte}` }) as unknown as Transaction;

describe('the gossip of transactions', () => {
  let clock: ManualClock;
  let gossip: TransactionGossip;
  const pending = new Set<Transaction>();
  let peers: readonly Address[];
  /** What each peer was told, the first bytes of the wire forms. */
  let told: Map<Address, number[]>;

  function tell(peer: Address, message: Message): void {
    if (message.type !== 'TXN') throw new Error(`${message.type} is no gossip of transactions`);
    told.set(peer, [...(told.get(peer) ?? []), ...message.txns.map(([byte = -1]) => byte)]);
  }

  function spread(bytes: readonly number[], source: Address | null): Transaction[] {
    const transactions = bytes.map(transaction);
    for (const each of transactions) pending.add(each);
    gossip.spread(transactions, source);
    return transactions;
  }

  const reached = () => [...told.keys()].sort();

  beforeEach(() => {
    clock = new ManualClock();
    pending.clear();
    peers = PEERS;
    told = new Map();
    gossip = gossipOf(self);
  });

  function gossipOf(address: Address): TransactionGossip {
    return new TransactionGossip(clock, randomOf('gossip'), {
      self: address,
      peers: () => peers,
      send: tell,
      broadcast: (message, isFor, isFirst) => {
        const meant = peers.filter(isFor);
        for (const peer of meant) if (isFirst(peer)) tell(peer, message);
        for (const peer of meant) if (!isFirst(peer)) tell(peer, message);
      },
      isAuthority: (peer) => AUTHORITIES.has(peer),
      isNextLeader: (peer) => peer === beta,
      isPending: (each) => pending.has(each),
      pending: () => pending,
    });
  }

  it('tells everybody at once of what was submitted here', () => {
    spread([1], null);
    expect(reached()).toEqual([...PEERS].sort());
  });

  it('tells first who is to put it into the next block', () => {
    spread([1], null);
    expect([...told.keys()]).toEqual([beta, alpha, gamma, reader, follower]);
  });

  it('tells everybody else at once of what a basic node said', () => {
    spread([1], reader);
    expect(reached()).toEqual([alpha, beta, gamma, follower].sort());
  });

  it('tells authorities of what an authority said only if it is still pending a moment later', async () => {
    const [, second] = spread([1, 2], alpha);
    expect(reached()).toEqual([reader, follower].sort());
    if (second !== undefined) pending.delete(second);
    await clock.advance(LATER_MS);
    expect(told.get(beta)).toEqual([1]);
    expect(told.get(gamma)).toEqual([1]);
    expect(told.has(alpha)).toBe(false);
    expect(told.get(reader)).toEqual([1, 2]);
  });

  it('tells a few of many followers at once, others each time, and the rest only if it is still pending then', async () => {
    const followers = Array.from({ length: 40 }, (_, i) => `f${i}` as Address);
    peers = [alpha, ...followers];
    const drawn = new Set<string>();
    for (let byte = 0; byte < 5; byte++) {
      told.clear();
      spread([byte], reader);
      expect(told.has(alpha)).toBe(true);
      expect(told.size).toBe(1 + FANOUT);
      drawn.add(reached().join());
      if (byte > 0) pending.clear();
      await clock.advance(LATER_MS);
      expect(told.size).toBe(byte === 0 ? peers.length : 1 + FANOUT);
      expect([...told.values()].flat()).toHaveLength(told.size);
    }
    expect(drawn.size).toBe(5);
  });

  it('as a follower tells a few of all at once of what another follower said, and the rest if it is still pending', async () => {
    const others = Array.from({ length: 40 }, (_, i) => `a${i}` as Address);
    peers = [...others, reader];
    gossip = gossipOf(follower);
    spread([1], reader);
    expect(told.size).toBe(FANOUT);
    await clock.advance(LATER_MS);
    expect(reached()).toEqual([...others].sort());
  });

  it('as a follower tells all authorities at once of its own', () => {
    peers = [alpha, beta, gamma, ...Array.from({ length: 40 }, (_, i) => `f${i}` as Address)];
    gossip = gossipOf(follower);
    spread([1], null);
    expect(reached()).toEqual(expect.arrayContaining([alpha, beta, gamma]));
    expect(told.size).toBe(3 + FANOUT);
  });

  it('puts what follows at once into one batch', async () => {
    spread([1], null);
    spread([2], null);
    spread([3], null);
    expect(told.get(alpha)).toEqual([1]);
    await clock.advance(LATER_MS);
    expect(told.get(alpha)).toEqual([1, 2, 3]);
  });

  it('offers all that is pending', () => {
    pending.add(transaction(7)).add(transaction(8));
    gossip.offer(beta);
    expect([...told]).toEqual([[beta, [7, 8]]]);
  });

  it('says nothing any more when it was stopped', async () => {
    spread([1], alpha);
    told.clear();
    gossip.stop();
    await clock.advance(LATER_MS);
    expect(reached()).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});
