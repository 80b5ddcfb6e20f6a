/** 200 connections of one address, each telling its HEY byte by byte. */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeFrame } from '../../src/protocol/frame.js';
import { type Attack, HOST, type Target } from './attack.js';
import { closing, heyOf } from './stranger.js';

const CONNECTIONS = 200;
const BYTE_EVERY_MS = 100;
/** A new connection follows one that was closed after so long. */
const AGAIN_MS = 100;

export const slowHandshakes: Attack = {
  name: 'handshakes',
  what: `${CONNECTIONS} connections of one address, each telling its HEY byte by byte`,
  async run(target, signal, press) {
    const hey = heyBytes(target);
    let dialed = 0;
    let bytes = 0;
    press(true);
    await Promise.all(
      Array.from({ length: CONNECTIONS }, async () => {
        for (; !signal.aborted; await sleep(AGAIN_MS)) {
          dialed++;
          // Read after it, not before: the others count meanwhile.
          const told = await tellSlowly(target.p2pPort, hey, signal);
          bytes += told;
        }
      }),
    );
    return `${dialed} connections, ${bytes} bytes of HEYs`;
  },
};

export function heyBytes({
  strangers: [stranger],
  genesisId,
}: Pick<Target, 'strangers' | 'genesisId'>): Uint8Array {
  if (stranger === undefined) throw new Error('a stranger needs a key');
  return encodeFrame(heyOf(stranger, genesisId));
}

/** Resolves with how many bytes it got rid of before the connection was closed. */
async function tellSlowly(port: number, hey: Uint8Array, signal: AbortSignal): Promise<number> {
  const socket = connect(port, HOST).on('error', () => {});
  const closed = closing(socket.resume());
  let told = 0;
  const timer = setInterval(() => {
    if (signal.aborted) socket.destroy();
    // The last byte never comes.
    else if (socket.writable && told < hey.length - 1) socket.write(hey.subarray(told, ++told));
  }, BYTE_EVERY_MS);
  await closed;
  clearInterval(timer);
  return told;
}
