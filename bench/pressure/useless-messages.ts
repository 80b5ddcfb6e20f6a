/** A peer that says 10,000 times a second what is valid and of no use: votes, transactions and a block long final. */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { CcoinClient } from '../../src/client/index.js';
import { decodeBlock } from '../../src/protocol/block.js';
import { fromBase64, fromHex, type Hash } from '../../src/protocol/bytes.js';
import { decodeCertificate } from '../../src/protocol/certificate.js';
import { encodeFrame } from '../../src/protocol/frame.js';
import type { Message } from '../../src/protocol/messages.js';
import { encodeVote, PRECOMMIT } from '../../src/protocol/vote.js';
import { type Attack, HOST, type Stranger, type Target } from './attack.js';
import { dial, shakeHands } from './stranger.js';

const PER_SECOND = 10_000;
const TICK_MS = 10;
/** What was missed is made up for, but not by more than this at once. */
const MAX_CATCH_UP_MS = 200;

export const uselessMessages: Attack = {
  name: 'messages',
  what: `a peer that says ${PER_SECOND} valid but useless messages a second`,
  async run(target, signal, press) {
    const frames = (await uselessOf(target)).map(encodeFrame);
    let said = 0;
    let connections = 0;
    let socket: Socket | undefined;
    press(true);
    const startedMs = performance.now();
    let lastMs = startedMs;
    while (!signal.aborted) {
      if (!socket?.writable) {
        const stranger = target.strangers[connections++ % target.strangers.length] as Stranger;
        socket = await join(target, stranger);
        lastMs = performance.now();
      }
      await sleep(TICK_MS);
      const nowMs = performance.now();
      const due = Math.round((Math.min(nowMs - lastMs, MAX_CATCH_UP_MS) * PER_SECOND) / 1000);
      lastMs = nowMs;
      // Who does not keep up with reading is not sent more: a queue of our own would be no pressure.
      if (socket === undefined || socket.writableNeedDrain) continue;
      const batch = Array.from({ length: due }, () => frames[said++ % frames.length] as Uint8Array);
      socket.write(Buffer.concat(batch));
    }
    socket?.destroy();
    const perSecond = Math.round((said * 1000) / (performance.now() - startedMs));
    return `${perSecond} messages/s over ${connections} connection${connections === 1 ? '' : 's'}`;
  },
};

/** Undefined if it is not let in just now. */
async function join({ p2pPort, genesisId }: Target, stranger: Stranger): Promise<Socket | undefined> {
  try {
    const socket = await dial(p2pPort);
    await shakeHands(socket, stranger, genesisId);
    return socket.resume();
  } catch {
    return undefined;
  }
}

async function uselessOf({ httpPort, genesisId }: Target): Promise<Message[]> {
  const client = new CcoinClient(`http://${HOST}:${httpPort}`);
  const final = (await client.blocks({ from: 2 })).items.find(({ body }) => body.length > 0);
  if (final === undefined) throw new Error('no block with transactions is final');
  const { block, certificate } = await client.blockWire(final.number);
  return messagesAbout(fromBase64(block), fromBase64(certificate ?? ''), genesisId);
}

/** What can be said about a final block: its precommits, its transactions, and itself. */
export function messagesAbout(
  blockBytes: Uint8Array | undefined,
  certificateBytes: Uint8Array | undefined,
  genesisId: Hash,
): Message[] {
  if (blockBytes === undefined || certificateBytes === undefined) throw new Error('no base64');
  const block = decodeBlock(blockBytes, fromHex(genesisId));
  const { round, signatures } = decodeCertificate(certificateBytes);
  const { number: height } = block.header;
  return [
    ...signatures.map(({ authority, signature }): Message => {
      const vote = encodeVote({ height, round, type: PRECOMMIT, blockId: block.id }, authority, signature);
      return { type: 'VOT', vote: vote.wire };
    }),
    { type: 'TXN', txns: block.transactions.map(({ wire }) => wire) },
    { type: 'BLK', block: blockBytes, certificate: certificateBytes },
  ];
}
