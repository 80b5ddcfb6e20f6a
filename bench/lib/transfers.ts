/** Transfers signed before anything is measured, as a signature costs ten times what its check does. */
import { signerOf } from '../../src/keys/signer.js';
import { fromHex, toHex } from '../../src/protocol/bytes.js';
import { sha256 } from '../../src/protocol/hash.js';
import {
  encodePayload,
  encodeTransaction,
  signedTransactionBytes,
  TRANSFER,
} from '../../src/protocol/transaction.js';
import { cachedBytes } from './cache.js';
import type { World } from './world.js';

/** Signed at once on node's thread pool. */
const AT_ONCE = 250;
const CHUNK = 1_000;
const AMOUNT = 1;
/** Recipients: many enough for the state to grow, each used again and again as in life. */
const RECIPIENTS = 1_000;

/** Wire forms of `count` transfers: all senders' nonce 0, then all their nonce 1, and so on. */
export async function signedTransfers(world: World, count: number): Promise<readonly Uint8Array[]> {
  const wires: Uint8Array[] = [];
  while (wires.length < count) wires.push(...(await signedChunk(world, wires.length)));
  return wires.slice(0, count);
}

/** Kept in chunks, so that rows which need more and less of the same share them. */
function signedChunk(world: World, from: number): Promise<readonly Uint8Array[]> {
  return cachedBytes(`transfers-${world.genesis.block.id.slice(0, 16)}-${from}`, async () => {
    const wires: Uint8Array[] = [];
    while (wires.length < CHUNK) {
      const next = Array.from({ length: AT_ONCE }, (_, i) => from + wires.length + i);
      wires.push(...(await Promise.all(next.map((index) => signed(world, index)))));
    }
    return wires;
  });
}

async function signed({ genesis: { block }, senders }: World, index: number): Promise<Uint8Array> {
  const sender = senders[index % senders.length];
  if (sender === undefined) throw new Error('a load without senders');
  const nonce = Math.floor(index / senders.length);
  const payload = encodePayload({
    kind: TRANSFER,
    from: sender.address,
    nonce,
    to: recipient(index % RECIPIENTS),
    amount: AMOUNT,
    fee: 0,
    data: null,
    time: block.header.time,
    publicKey: nonce === 0 ? sender.publicKey : null,
  });
  const signature = await signerOf(sender).sign(signedTransactionBytes(payload, fromHex(block.id)));
  return encodeTransaction(payload, signature);
}

function recipient(index: number): string {
  return toHex(sha256(Buffer.from(`recipient ${index}`)).subarray(0, 20));
}
