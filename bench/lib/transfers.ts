/** Transfers signed before anything is measured, as a signature costs ten times what its check does. */
import type { Account } from '../../src/keys/account.js';
import { signerOf } from '../../src/keys/signer.js';
import { type Address, fromHex, toHex } from '../../src/protocol/bytes.js';
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
const SAY_EVERY = 100_000;
const AMOUNT = 1;
/** Recipients: many enough for the state to grow, each used again and again as in life. */
const RECIPIENTS = 1_000;

/** Wire forms of `count` transfers: all senders' nonce 0, then all their nonce 1, and so on. */
export async function signedTransfers(
  world: World,
  count: number,
  say: (text: string) => void = () => {},
): Promise<readonly Uint8Array[]> {
  const wires: Uint8Array[] = [];
  while (wires.length < count) {
    wires.push(...(await signedChunk(world, wires.length)));
    if (wires.length % SAY_EVERY === 0) say(`  ${wires.length} of ${count} signed transfers`);
  }
  return wires.slice(0, count);
}

/** The wire form of a transfer of one coin. */
export async function signedTransfer(
  { genesis: { block } }: World,
  from: Account,
  nonce: number,
  to: Address,
): Promise<Uint8Array> {
  const payload = encodePayload({
    kind: TRANSFER,
    from: from.address,
    nonce,
    to,
    amount: AMOUNT,
    fee: 0,
    data: null,
    time: block.header.time,
    publicKey: nonce === 0 ? from.publicKey : null,
  });
  const signature = await signerOf(from).sign(signedTransactionBytes(payload, fromHex(block.id)));
  return encodeTransaction(payload, signature);
}

/** An address that nobody has the key of. */
export function madeAddress(name: string): Address {
  return toHex(sha256(Buffer.from(name)).subarray(0, 20));
}

/** The addresses that the load pays to. */
export function recipientOf(index: number): Address {
  return madeAddress(`recipient ${index % RECIPIENTS}`);
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

function signed(world: World, index: number): Promise<Uint8Array> {
  const { senders } = world;
  const sender = senders[index % senders.length];
  if (sender === undefined) throw new Error('a load without senders');
  return signedTransfer(world, sender, Math.floor(index / senders.length), recipientOf(index));
}
