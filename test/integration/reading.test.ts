/** Looking something up never changes anything: every GET route there is, on a whole node with all sorts of things in it. */
import { describe, expect, it } from 'vitest';
import { createApi } from '../../src/api/api.js';
import { DEFAULT_LIMITS } from '../../src/api/limits.js';
import type { RouteContext } from '../../src/api/route.js';
import { routes } from '../../src/api/routes/index.js';
import type { NodeStatus } from '../../src/node/face.js';
import { BlockMaker } from '../support/block-maker.js';
import { testGenesis } from '../support/genesis.js';
import { dump, keyOf, start, stopAllAfterEach, untilReady } from '../support/running-nodes.js';
import type { TestNode } from '../support/test-node.js';

stopAllAfterEach();

/** A stream without an end: it has a test of its own. */
const ENDLESS = '/events';

/** The GET routes, from the table that the API itself is made from. */
function readingRoutes(face: TestNode['face']): string[] {
  const context = { face, limits: DEFAULT_LIMITS } as unknown as RouteContext;
  return routes(context)
    .filter(({ method, url }) => method === 'GET' && url !== ENDLESS)
    .map(({ url }) => url);
}

/** A status without what time alone changes. */
function timeless(status: NodeStatus): NodeStatus {
  return { ...status, uptimeMs: 0, consensus: { ...status.consensus, stalledMs: 0 } };
}

describe('every GET route', () => {
  it('leaves stores, pool and state as they were, whether there is what it asks for or not', async () => {
    // No timeout of a round may come between the two looks at the status.
    const genesis = testGenesis(2, { consensus: { timeout_propose_ms: 3_600_000 } });
    const maker = await BlockMaker.on(genesis);
    const mined = maker.transfer(keyOf(2), { nonce: 0, to: keyOf(5).address });
    await maker.add({ miner: maker.leader(2), transactions: [mined] });
    await maker.add({ miner: maker.leader(3) });
    const node = await start({ key: keyOf(4), genesis: genesis.wire, role: 'basic', stores: maker.stores });
    await untilReady(node);
    const pending = [0, 1, 3].map((nonce) => maker.transfer(keyOf(3), { nonce }));
    await node.face.submit(pending.map(({ wire }) => wire));

    const everything = async () => ({
      chain: await dump(node.stores.chain),
      signerRecord: await dump(node.stores.signerRecord),
      pool: node.face.pool(undefined, 100),
      status: timeless(node.face.status()),
      peers: node.face.peers(),
    });
    const before = await everything();
    expect(before.status.pool).toMatchObject({ ready: 2, waiting: 1 });

    const values: Readonly<Record<string, readonly string[]>> = {
      block: ['1', '3', 'latest', maker.chain.head.id, '99', 'ff'.repeat(32), 'nonsense', '-1'],
      id: [mined.id, ...pending.map(({ id }) => id), 'ff'.repeat(32), 'nonsense'],
      address: [keyOf(2).address, keyOf(3).address, 'ff'.repeat(20), 'nonsense'],
    };
    const queries = ['', '?state=all', '?limit=1', '?block=2', '?max_behind=0', '?cursor=zzz', '?since=1'];
    const app = createApi(node.face);
    const statuses = new Set<number>();
    for (const route of readingRoutes(node.face)) {
      const [, parameter] = /:(\w+)/.exec(route) ?? [];
      const filled = parameter === undefined ? [''] : values[parameter];
      if (filled === undefined) throw new Error(`${route}: no values to try for ${parameter}`);
      for (const value of filled) {
        for (const query of queries) {
          const { statusCode } = await app.inject({ url: route.replace(/:\w+/, value) + query });
          statuses.add(statusCode);
        }
      }
    }
    await app.close();
    expect([...statuses].sort()).toEqual([200, 400, 404]);
    expect(await everything()).toEqual(before);
  });
});
