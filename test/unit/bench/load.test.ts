import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { Load, shareOut } from '../../../bench/lib/load.js';
import { blocks, type FakeNode, fakeNode, texts } from './fake-node.js';

const BATCH = 100;
const CLIENTS = 16;
const nodes: FakeNode[] = [];

afterEach(() => {
  for (const node of nodes.splice(0)) node.close();
});

async function started(...args: Parameters<typeof fakeNode>): Promise<FakeNode> {
  const node = await fakeNode(...args);
  nodes.push(node);
  return node;
}

/** The nonces of each sender, as they came. */
function noncesOf(batches: readonly (readonly string[])[]): Map<string, number[]> {
  const nonces = new Map<string, number[]>();
  for (const [sender = '', nonce] of batches.flat().map((text) => text.split(' ')))
    nonces.set(sender, [...(nonces.get(sender) ?? []), Number(nonce)]);
  return nonces;
}

describe('shareOut', () => {
  it('gives every transfer to one client, all of a sender to the same and in order', () => {
    const counts = { senders: fc.integer({ min: 1, max: 60 }), nodes: fc.integer({ min: 1, max: 4 }) };
    fc.assert(
      fc.property(fc.record(counts), fc.nat(500), ({ senders, nodes }, count) => {
        const shares = shareOut(texts(senders, count), senders, nodes);
        expect(shares).toHaveLength(Math.min(senders, nodes * CLIENTS));
        const clients = new Map<string, number>();
        for (const [client, share] of shares.entries())
          for (const [sender, nonces] of noncesOf([share.map(String)])) {
            expect(clients.has(sender)).toBe(false);
            clients.set(sender, client);
            expect(nonces).toEqual(nonces.map((_, nonce) => nonce));
          }
        expect(shares.flat()).toHaveLength(count);
      }),
    );
  });
});

describe('Load', () => {
  it('keeps so many under way and no more, until all are handed in', async () => {
    const underWay = 300;
    const { count, add } = blocks();
    let open = 0;
    let most = 0;
    const { node, batches } = await started((batch) => {
      open += batch.length;
      // What is on its way to the node counts too.
      most = Math.max(most, load.submitted - count.transactions);
      // Only when nothing more would come of itself.
      if (open >= underWay) {
        add(open);
        open = 0;
      }
    });
    const load = new Load([node], shareOut(texts(20, 3_000), 20, 1));
    await load.keepUnderWay(underWay, count);
    expect(load.over).toBe(true);
    expect(load.submitted).toBe(3_000);
    expect(batches.flat()).toHaveLength(3_000);
    expect(most).toBeGreaterThanOrEqual(underWay);
    expect(most).toBeLessThan(underWay + BATCH);
    for (const nonces of noncesOf(batches).values()) expect(nonces).toEqual(nonces.map((_, nonce) => nonce));
  });

  it('hands a rate to all nodes alike', async () => {
    const both = [await started(() => {}), await started(() => {})];
    const load = new Load(
      both.map(({ node }) => node),
      shareOut(texts(40, 800), 40, 2),
    );
    await load.keepRate(1_000_000);
    expect(both.map(({ batches }) => batches.flat().length)).toEqual([400, 400]);
  });

  it('hands in nothing more once it is stopped', async () => {
    const { count, add } = blocks();
    const { node, batches } = await started((batch) => {
      load.stop();
      add(batch.length);
    });
    const load = new Load([node], shareOut(texts(1, 10_000), 1, 1));
    await load.keepUnderWay(BATCH, count);
    expect(batches).toHaveLength(1);
    expect(load.submitted).toBe(BATCH);
  });

  it('fails with a transfer that is refused', async () => {
    const { count, add } = blocks();
    const { node } = await started(
      (batch) => add(batch.length),
      (text) => text !== '7 3',
    );
    const load = new Load([node], shareOut(texts(20, 400), 20, 1));
    await expect(load.keepUnderWay(200, count)).rejects.toThrow('refused: POOL_FULL');
  });
});
