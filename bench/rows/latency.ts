/**
 * How long one transfer takes from its submission over HTTP until it is final, on a quiet network of four validators,
 * beside what it cannot do without: three signatures, three synced writes, three hops (proposal, prevote, precommit).
 */

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { signerOf } from '../../src/keys/signer.js';
import { fromHex, toBase64 } from '../../src/protocol/bytes.js';
import { decodeTransaction } from '../../src/protocol/transaction.js';
import { openLevelStore } from '../../src/storage/level-store.js';
import { withDirectory } from '../lib/cache.js';
import { Cluster, FinalCount, isFinal } from '../lib/cluster.js';
import { ask } from '../lib/http.js';
import type { Row, Settings } from '../lib/row.js';
import { median, percentile } from '../lib/statistics.js';
import { signedTransfers } from '../lib/transfers.js';
import { benchWorld, QUIET, VALIDATORS, type World } from '../lib/world.js';

const SENDERS = 8;
const WAIT_S = 30;
const WARM_UP = 20;
/** A vote, and what its synced write holds. */
const MESSAGE_BYTES = 330;
const FLOOR_SAMPLES = 200;
const PLANS = { full: { runs: 3, transfers: 200 }, quick: { runs: 1, transfers: 40 } };

interface TransactionAnswer {
  readonly status: { readonly state: string; readonly block_number?: number };
}

export const latencyRow: Row = {
  name: 'latency',
  async run({ quick, say }: Settings) {
    const { runs, transfers } = quick ? PLANS.quick : PLANS.full;
    const world = await benchWorld(SENDERS, QUIET);
    const wires = await signedTransfers(world, WARM_UP + transfers);
    const floors: number[] = [];
    const p50: number[] = [];
    const p99: number[] = [];
    for (let run = 0; run < runs; run++) {
      await withDirectory(async (directory) => {
        floors.push(await floorMs(directory, world));
        const times = (await measure(directory, world, wires)).slice(WARM_UP);
        p50.push(percentile(times, 50));
        p99.push(percentile(times, 99));
      });
      say(`  run ${run + 1}: p50 ${p50.at(-1)?.toFixed(1)} ms, floor ${floors.at(-1)?.toFixed(2)} ms`);
    }
    const what = `POST /txn to final (GET /txn/{id}?wait=), ${transfers} one at a time, min_bound 1, difficulty 0`;
    return [
      {
        name: 'latency floor',
        what: '3 signatures + 3 synced writes + 3 hops on loopback, medians of each',
        unit: 'ms',
        runs: floors,
      },
      {
        name: 'latency p50',
        what,
        unit: 'ms',
        runs: p50,
        limit: { name: 'floor', value: median(floors) },
        goal: { atMost: 5 },
      },
      {
        name: 'latency p99',
        what,
        unit: 'ms',
        runs: p99,
        limit: { name: 'p50', value: median(p50) },
        goal: { atMost: 5 },
      },
    ];
  },
};

/** Milliseconds of each transfer, in order; before each the last one is final everywhere. */
async function measure(directory: string, world: World, wires: readonly Uint8Array[]): Promise<number[]> {
  const cluster = new Cluster(directory, world.genesis);
  const count = new FinalCount(VALIDATORS);
  cluster.onEvent((_, event) => {
    if (isFinal(event)) count.add(event);
  });
  try {
    for (const validator of world.validators) {
      await cluster.prepare(validator);
      await cluster.start(validator, 'validator');
    }
    await cluster.ready();
    const genesisId = fromHex(world.genesis.block.id);
    const times: number[] = [];
    for (const [index, wire] of wires.entries()) {
      const { http } = cluster.nodes[index % VALIDATORS] ?? { http: '' };
      const { id } = decodeTransaction(wire, genesisId);
      const body = JSON.stringify({ wire: toBase64(wire) });
      const startMs = performance.now();
      await ask(`${http}/txn`, body);
      const { status } = await ask<TransactionAnswer>(`${http}/txn/${id}?wait=${WAIT_S}`);
      times.push(performance.now() - startMs);
      if (status.state !== 'final') throw new Error(`a transfer is ${status.state} after ${WAIT_S} s`);
      await count.reaches(status.block_number ?? 0);
    }
    return times;
  } finally {
    await cluster.stop();
  }
}

async function floorMs(directory: string, world: World): Promise<number> {
  return 3 * ((await signMs(world)) + (await syncedWriteMs(directory)) + (await hopMs()));
}

async function signMs({ validators: [account] }: World): Promise<number> {
  if (account === undefined) throw new Error('a network without a validator');
  const signer = signerOf(account);
  return timed(() => signer.sign(Buffer.alloc(MESSAGE_BYTES)));
}

async function syncedWriteMs(directory: string): Promise<number> {
  const store = await openLevelStore(join(directory, 'floor'));
  try {
    const operation = { key: Buffer.from('key'), value: Buffer.alloc(MESSAGE_BYTES) };
    return await timed(() => store.write([operation], { sync: true }));
  } finally {
    await store.close();
  }
}

/** Half a round trip over TCP. */
async function hopMs(): Promise<number> {
  const server = createServer({ noDelay: true }, (socket: Socket) => socket.pipe(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect({
    port: (server.address() as { port: number }).port,
    host: '127.0.0.1',
    noDelay: true,
  });
  await once(socket, 'connect');
  try {
    const roundTripMs = await timed(async () => {
      socket.write(Buffer.alloc(MESSAGE_BYTES));
      for (let got = 0; got < MESSAGE_BYTES; ) got += ((await once(socket, 'data')) as [Buffer])[0].length;
    });
    return roundTripMs / 2;
  } finally {
    socket.destroy();
    server.close();
  }
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < FLOOR_SAMPLES; i++) {
    const startMs = performance.now();
    await act();
    times.push(performance.now() - startMs);
  }
  return median(times);
}
