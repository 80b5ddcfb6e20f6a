/** One transfer, from its submission over HTTP until the same node says that it is final. */
import { toBase64 } from '../../src/protocol/bytes.js';
import type { KeptConnection } from './kept-connection.js';

const WAIT_S = 30;

interface TransactionAnswer {
  readonly status: { readonly state: string; readonly block_number?: number };
}

export interface Finality {
  readonly ms: number;
  readonly blockNumber: number;
}

/** @throws Error if it is not final in half a minute */
export async function submitUntilFinal(node: KeptConnection, wire: Uint8Array): Promise<Finality> {
  const body = JSON.stringify({ wire: toBase64(wire) });
  const startMs = performance.now();
  const answer = await node.post(`/txn?wait=${WAIT_S}`, body);
  const ms = performance.now() - startMs;
  const { status } = JSON.parse(answer) as TransactionAnswer;
  if (status.state !== 'final') throw new Error(`a transfer is ${status.state} after ${WAIT_S} s`);
  return { ms, blockNumber: status.block_number ?? 0 };
}
