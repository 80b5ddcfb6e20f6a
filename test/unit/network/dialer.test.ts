import { describe, expect, it } from 'vitest';
import { Dialer, type DialView } from '../../../src/network/dialer.js';
import { LIMITS } from '../../../src/network/limits.js';
import { randomOf } from './parties.js';

const own = '00'.repeat(20);
const address = (i: number) => i.toString(16).padStart(40, '0');
const endpoint = (i: number) => ({ host: `host${i}`, port: 1000 });
const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);
const known = (from: number, count: number) =>
  range(from, count).map((i) => ({ endpoint: endpoint(i), address: address(i) }));

const nobody: DialView = {
  isConnected: () => false,
  isAuthority: () => false,
  authority: false,
  authoritiesMissing: false,
  otherPlaces: LIMITS.otherDials,
  dials: LIMITS.dials,
};
const authorities = (count: number) => (who: string) => Number.parseInt(who, 16) <= count;
const hosts = (entries: { endpoint: { host: string } }[]) => entries.map((entry) => entry.endpoint.host);

function dialerOf(): Dialer {
  return new Dialer(own, randomOf('dialer'));
}

describe('the dialer', () => {
  it('of a basic node takes 8 in all, authorities first', () => {
    const dialer = dialerOf();
    dialer.learn(known(20, 20), 'discovery', 0);
    dialer.learn(known(1, 3), 'hint', 0);
    const taken = dialer.take(0, { ...nobody, isAuthority: authorities(3) });
    expect(taken).toHaveLength(8);
    expect(hosts(taken).slice(0, 3).sort()).toEqual(['host1', 'host2', 'host3']);
    expect(dialer.take(0, { ...nobody, isAuthority: authorities(3) })).toEqual([]);
  });

  it('tries what is alike in an order of its own', () => {
    const order = (seed: string) => {
      const dialer = new Dialer(own, randomOf(seed));
      dialer.learn(known(1, 30), 'discovery', 0);
      return hosts(dialer.take(0, nobody));
    };
    expect(order('one')).toHaveLength(8);
    expect(order('one')).toEqual(order('one'));
    expect(order('one').filter((host) => order('other').includes(host)).length).toBeLessThan(8);
  });

  it('of an authority takes every authority, and 8 others', () => {
    const dialer = dialerOf();
    dialer.learn(known(1, 30), 'discovery', 0);
    const view = { ...nobody, authority: true, isAuthority: authorities(12), dials: 100 };
    expect(dialer.take(0, view)).toHaveLength(20);
    const full = dialerOf();
    full.learn(known(1, 30), 'discovery', 0);
    expect(hosts(full.take(0, { ...view, otherPlaces: 0 }))).toHaveLength(12);
  });

  it('of an authority tries endpoints of nobody known as long as an authority is missing', () => {
    const dialer = dialerOf();
    dialer.learn([{ endpoint: endpoint(1) }], 'configured', 0);
    const view = { ...nobody, authority: true, otherPlaces: 0 };
    expect(dialer.take(0, view)).toEqual([]);
    expect(dialer.take(0, { ...view, authoritiesMissing: true })).toHaveLength(1);
  });

  it('prefers what is configured to discovery, and discovery to hints', () => {
    const dialer = dialerOf();
    dialer.learn(known(1, 1), 'hint', 0);
    dialer.learn(known(2, 1), 'discovery', 0);
    dialer.learn([{ endpoint: endpoint(3) }], 'configured', 0);
    expect(hosts(dialer.take(0, nobody))).toEqual(['host3', 'host2', 'host1']);
  });

  it('dials nobody twice: not who is connected, nor two endpoints of one address at once', () => {
    const dialer = dialerOf();
    dialer.learn(known(1, 2), 'discovery', 0);
    dialer.learn([{ endpoint: endpoint(3), address: address(2) }], 'discovery', 0);
    const view = { ...nobody, isConnected: (who: string) => who === address(1) };
    const taken = dialer.take(0, view);
    expect(hosts(taken)).toEqual(['host2']);
    for (const entry of taken) dialer.ended(entry, 0, 0);
    expect(hosts(dialer.take(1, view))).toEqual(['host3']);
  });

  it('bounds dials under way', () => {
    const dialer = dialerOf();
    dialer.learn(known(1, 50), 'discovery', 0);
    const view = { ...nobody, authority: true, isAuthority: () => true };
    expect(dialer.take(0, view)).toHaveLength(LIMITS.dials);
    expect(dialer.take(0, view)).toHaveLength(0);
  });

  it('ignores our own address', () => {
    const dialer = dialerOf();
    dialer.learn([{ endpoint: endpoint(1), address: own }], 'discovery', 0);
    expect(dialer.size).toBe(0);
  });

  it('remembers a bounded number; hints displace nothing, discovery displaces hints', () => {
    const dialer = dialerOf();
    dialer.learn(known(1, LIMITS.knownEndpoints + 500), 'hint', 0);
    expect(dialer.size).toBe(LIMITS.knownEndpoints);
    dialer.learn(known(5000, 1), 'discovery', 0);
    expect(dialer.size).toBe(LIMITS.knownEndpoints);
    expect(hosts(dialer.take(0, nobody))[0]).toBe('host5000');
    dialer.learn([{ endpoint: endpoint(9000) }], 'configured', 0);
    expect(dialer.size).toBe(LIMITS.knownEndpoints + 1);
  });

  it('forgets what never answers, unless it is configured', () => {
    for (const [source, left] of [
      ['hint', 0],
      ['configured', 1],
    ] as const) {
      const dialer = dialerOf();
      dialer.learn([{ endpoint: endpoint(1) }], source, 0);
      for (let nowMs = 0; nowMs < 3_600_000; nowMs += 31_000) {
        for (const entry of dialer.take(nowMs, nobody)) dialer.ended(entry, nowMs, 0);
      }
      expect(dialer.size).toBe(left);
    }
  });

  it('begins with short delays again only after a connection that lasted', () => {
    const delayAfter = (connectedMs: number) => {
      const dialer = dialerOf();
      dialer.learn([{ endpoint: endpoint(1) }], 'configured', 0);
      let [entry] = dialer.take(0, nobody);
      for (let i = 0; i < 10 && entry !== undefined; i++) {
        dialer.ended(entry, i * 100_000, 0);
        [entry] = dialer.take((i + 1) * 100_000, nobody);
      }
      if (entry === undefined) throw new Error('not dialed');
      dialer.ended(entry, 2_000_000, connectedMs);
      return entry.dueMs - 2_000_000;
    };
    expect(delayAfter(LIMITS.stableMs)).toBeLessThanOrEqual(LIMITS.reconnectMinMs);
    expect(delayAfter(LIMITS.stableMs - 1)).toBeGreaterThanOrEqual(LIMITS.reconnectMaxMs / 2);
  });
});
