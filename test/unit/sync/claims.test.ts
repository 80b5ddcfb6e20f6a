import { expect, test } from 'vitest';
import { Claims, FIRST_BACKOFF_MS, MAX_BACKOFF_MS, MAX_REMEMBERED } from '../../../src/sync/claims.js';
import { WAIT_MS } from '../../../src/sync/life.js';

function claimsOf(...heights: number[]): Claims {
  const claims = new Claims();
  heights.forEach((height, i) => {
    claims.add(`p${i}`, height);
  });
  return claims;
}

test('knows who has more than the head', () => {
  const claims = claimsOf(5, 9, 7);
  expect(claims.best(0, 0)).toBe(9);
  expect(claims.sources(6, 0).map(({ address }) => address)).toEqual(['p1', 'p2']);
  claims.tells('p1', 3);
  claims.implies('p1', 2);
  expect(claims.best(0, 0)).toBe(7);
  claims.remove('p2');
  expect(claims.best(0, 0)).toBe(5);
});

test('asks nobody for what it says it keeps no more, until the head is there', () => {
  const claims = claimsOf(100, 90, 80);
  claims.keepsAbove('p0', 60);
  claims.keepsAbove('p1', 50);
  expect(claims.sources(49, 0).map(({ address }) => address)).toEqual(['p2']);
  expect(claims.best(49, 0)).toBe(80);
  expect(claims.outOfReach(49)).toEqual({ height: 100, base: 50 });
  expect(claims.sources(50, 0).map(({ address }) => address)).toEqual(['p1', 'p2']);
  expect(claims.best(60, 0)).toBe(100);
  expect(claims.outOfReach(60)).toBeNull();
  claims.keepsAbove('p2', 2 ** 52);
  claims.keepsAbove('nobody', 5);
  expect(claims.outOfReach(60)).toBeNull();
});

test('waits for answers, but for no peer longer than 2 s, however often it is asked', () => {
  const claims = claimsOf(5, 5);
  expect(claims.unanswered(0)).toBe(0);
  const [first] = claims.ask(0);
  expect(claims.unanswered(0)).toBe(2);
  claims.tells('p0', 5, (first?.id ?? 0) + 100);
  expect(claims.unanswered(0)).toBe(2);
  claims.tells('p0', 5, first?.id);
  expect(claims.unanswered(0)).toBe(1);
  claims.ask(WAIT_MS - 1);
  expect(claims.unanswered(WAIT_MS)).toBe(1);
  expect(claims.unanswered(2 * WAIT_MS)).toBe(0);
});

test('ignores an unfounded claim for a while, longer each time, and forgives step by step', () => {
  const claims = claimsOf(100);
  claims.unfounded('p0', 0);
  expect(claims.best(0, FIRST_BACKOFF_MS - 1)).toBe(0);
  expect(claims.sources(1, FIRST_BACKOFF_MS - 1)).toEqual([]);
  expect(claims.best(0, FIRST_BACKOFF_MS)).toBe(100);
  claims.unfounded('p0', 0);
  expect(claims.best(0, 2 * FIRST_BACKOFF_MS - 1)).toBe(0);
  claims.founded('p0', 2);
  expect(claims.best(0, 0)).toBe(100);
  claims.unfounded('p0', 0);
  expect(claims.best(0, 2 * FIRST_BACKOFF_MS - 1)).toBe(0);
  for (let i = 0; i < 50; i++) claims.unfounded('p0', 0);
  expect(claims.best(0, MAX_BACKOFF_MS)).toBe(100);
});

test('remembers the standing of peers that left, of a bounded number', () => {
  const claims = claimsOf(100);
  claims.unfounded('p0', 0);
  claims.remove('p0');
  claims.add('p0', 100);
  expect(claims.best(0, 0)).toBe(0);
  claims.remove('p0');
  for (let i = 0; i < MAX_REMEMBERED; i++) {
    claims.add(`q${i}`, 1);
    claims.unfounded(`q${i}`, 0);
    claims.remove(`q${i}`);
  }
  claims.add('p0', 100);
  expect(claims.best(0, 0)).toBe(100);
});

test('hears nothing from strangers and barred peers, until they connect anew', () => {
  const claims = claimsOf(100);
  expect(claims.hears('p0')).toBe(true);
  expect(claims.hears('stranger')).toBe(false);
  claims.ask(0);
  claims.bar('p0');
  expect(claims.hears('p0')).toBe(false);
  expect(claims.best(0, 0)).toBe(0);
  expect(claims.unanswered(0)).toBe(0);
  claims.remove('p0');
  claims.add('p0', 100);
  expect(claims.hears('p0')).toBe(true);
});
