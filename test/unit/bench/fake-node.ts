/** What the load sees of a node: it takes batches over HTTP and, some day, says what is final. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FinalCount, type RunningNode } from '../../../bench/lib/cluster.js';
import type { Child } from '../../../plugins/lib/devnet/child.js';
import { fromBase64 } from '../../../src/protocol/bytes.js';

export interface FakeNode {
  readonly node: RunningNode;
  /** What each request brought, in the order of their arrival. */
  readonly batches: string[][];
  close(): void;
}

/**
 * @param onBatch of texts, each a transfer
 * @returns a node whose answer accepts each of which `accepts` says so
 */
export async function fakeNode(
  onBatch: (batch: readonly string[]) => void,
  accepts: (text: string) => boolean = () => true,
): Promise<FakeNode> {
  const batches: string[][] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const batch = (JSON.parse(body) as string[]).map((wire) => textOf(wire));
    batches.push(batch);
    onBatch(batch);
    const items = batch.map((text) =>
      accepts(text) ? { accepted: true } : { accepted: false, error: { code: 'POOL_FULL' } },
    );
    response.end(JSON.stringify({ items }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const http = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    node: { p2pPort: 0, http, child: {} as Child },
    batches,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** A count over one node, and the means to add a block of so many transfers to it. */
export function blocks(): { readonly count: FinalCount; add(transactions: number): void } {
  const count = new FinalCount(1);
  let number = 1;
  return {
    count,
    add(transactions) {
      number++;
      count.add({ event: 'final', number, transactions, id: `block ${number}` });
    },
  };
}

/** Transfers as `signedTransfers` orders them, each a text: its sender and nonce. */
export function texts(senders: number, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => Buffer.from(`${i % senders} ${Math.floor(i / senders)}`));
}

function textOf(wire: string): string {
  const bytes = fromBase64(wire);
  if (bytes === undefined) throw new Error('a batch that is not Base64');
  return Buffer.from(bytes).toString();
}
