/** A peer that asks for blocks and never reads what it is answered. */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeFrame } from '../../src/protocol/frame.js';
import type { Attack, Stranger, Target } from './attack.js';
import { dial, shakeHands } from './stranger.js';

/** As often as the quota of RBL allows. */
const ASK_EVERY_MS = 20;
const AGAIN_MS = 200;
const BLOCKS = 1_000;

export const silentReader: Attack = {
  name: 'reader',
  what: 'a peer that asks for blocks 50 times a second and never reads',
  async run(target, signal, press) {
    let asked = 0;
    let connections = 0;
    press(true);
    for (; !signal.aborted; await sleep(AGAIN_MS)) {
      const stranger = target.strangers[connections % target.strangers.length] as Stranger;
      const socket = await join(target, stranger);
      if (socket === undefined) continue;
      connections++;
      for (; !signal.aborted && socket.writable; await sleep(ASK_EVERY_MS))
        socket.write(askForBlocks(asked++));
      socket.destroy();
    }
    return `${asked} requests over ${connections} connections`;
  },
};

export function askForBlocks(requestId: number): Uint8Array {
  return encodeFrame({ type: 'RBL', request_id: requestId, start_from_block: 1, count: BLOCKS });
}

/** A connection that is never read from, so that the system stops taking more for it; undefined if it is not let in. */
async function join({ p2pPort, genesisId }: Target, stranger: Stranger): Promise<Socket | undefined> {
  try {
    const socket = await dial(p2pPort);
    await shakeHands(socket, stranger, genesisId);
    return socket;
  } catch {
    return undefined;
  }
}
