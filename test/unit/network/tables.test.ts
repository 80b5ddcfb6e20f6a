import { describe, expect, it } from 'vitest';
import { endpointsOf, isAnyHost, isLoopback } from '../../../src/network/hints.js';
import { LIMIT_TABLE, LIMITS, QUOTAS } from '../../../src/network/limits.js';
import { OFFENCES, offenceOf } from '../../../src/network/offences.js';
import { TokenBucket } from '../../../src/network/token-bucket.js';
import { ERRORS, type ErrorCode } from '../../../src/protocol/errors.js';
import { MAX_FRAME_BYTES } from '../../../src/protocol/frame.js';
import { MESSAGE_TYPES } from '../../../src/protocol/messages.js';

describe('limits', () => {
  it('each have a value and a reason', () => {
    for (const [value, why] of Object.values(LIMIT_TABLE)) {
      expect(value).toBeGreaterThan(0);
      expect(why.length).toBeGreaterThan(10);
    }
    expect(LIMITS.sendQueueBytes).toBe(16 * 1024 * 1024);
  });

  it('fit each other', () => {
    expect(LIMITS.confirmMs).toBeGreaterThan(LIMITS.probeMs);
    expect(LIMITS.handshakeMs).toBeGreaterThan(LIMITS.confirmMs);
    expect(LIMITS.silenceMs).toBeGreaterThan(2 * LIMITS.pingMs);
    for (const ms of [LIMITS.pingMs, LIMITS.hintsEveryMs]) expect(ms % LIMITS.tickMs).toBe(0);
  });

  it('have a quota for every message but those of the handshake, with room for the longest frame', () => {
    const without = new Set(['HEY', 'ACK', 'GLK', 'BYE']);
    expect(Object.keys(QUOTAS)).toEqual(MESSAGE_TYPES.filter((type) => !without.has(type)));
    for (const quota of Object.values(QUOTAS)) {
      if (quota.per === 'byte') expect(quota.burst).toBeGreaterThan(MAX_FRAME_BYTES);
    }
  });
});

describe('offences', () => {
  it('ban only on proof', () => {
    for (const { ban, provable } of Object.values(OFFENCES)) if (ban) expect(provable).toBe(true);
  });

  it('are held against a peer for every code that is its fault, and for no other', () => {
    for (const [code, { fault }] of Object.entries(ERRORS)) {
      const offence = offenceOf(code as ErrorCode);
      if (fault === 'peer') expect(offence, code).toBeDefined();
      if (fault === 'nobody') expect(offence, code).toBeUndefined();
    }
  });
});

describe('a token bucket', () => {
  it('gives its burst at once, then what flows in, and never more than the burst', () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 5 }, 0);
    const taken = (nowMs: number) => Array.from({ length: 20 }, () => bucket.take(1, nowMs)).filter(Boolean);
    expect(taken(0)).toHaveLength(5);
    expect(taken(200)).toHaveLength(2);
    expect(taken(100_000)).toHaveLength(5);
  });
});

describe('hints', () => {
  it('are taken only where somebody could be dialed', () => {
    const peer = (ip: string, port = 1) => ({ id: '00'.repeat(20), ip, port });
    const good = ['10.0.0.1', 'node-1.example', '::1', 'fe80::1', '2001:db8::7', '127.0.0.1', 'localhost'];
    const bad = ['', '0.0.0.0', '::', 'a b', '-x', 'http://x', 'x/y', 'é', 'x'.repeat(254)];
    const endpoints = endpointsOf({
      type: 'PRS',
      request_id: 1,
      peers: [...[...good, ...bad].map((ip) => peer(ip)), peer('10.0.0.2', 0), peer('10.0.0.2', 65_536)],
    });
    expect(endpoints.map(({ endpoint }) => endpoint.host)).toEqual(good);
  });

  it('are taken in a bounded number from one message', () => {
    const peers = Array.from({ length: 500 }, (_, i) => ({
      id: '00'.repeat(20),
      ip: `10.0.0.${i % 250}`,
      port: 1,
    }));
    expect(endpointsOf({ type: 'PRS', request_id: 1, peers })).toHaveLength(LIMITS.hintsPerMessage);
  });

  it('know loopback and "any" addresses', () => {
    expect(['127.0.0.1', '127.1.2.3', '::1', 'localhost', '::ffff:127.0.0.1'].every(isLoopback)).toBe(true);
    expect(['10.0.0.1', '128.0.0.1', 'localhost.example'].some(isLoopback)).toBe(false);
    expect(['0.0.0.0', '::', ''].every(isAnyHost)).toBe(true);
    expect(['::1', '10.0.0.0'].some(isAnyHost)).toBe(false);
  });
});
