/** The other end of a peer-to-peer connection, by hand: with it an attacker does what no node would do. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { encodeFrame, FrameReader, MAX_FRAME_BYTES } from '../../src/protocol/frame.js';
import { openerText } from '../../src/protocol/handshake.js';
import { sign } from '../../src/protocol/keys.js';
import { decodeBody, type Message } from '../../src/protocol/messages.js';
import { HOST, type Stranger } from './attack.js';

/** A connection that nobody needs to look after: it may end at any time. @throws Error if nobody answers */
export async function dial(port: number): Promise<Socket> {
  const socket = connect({ port, host: HOST, noDelay: true });
  await once(socket, 'connect');
  return socket.on('error', () => {});
}

/** Resolves when it has closed, in order or not. */
export function closing(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

export function heyOf({ address, publicKey }: Stranger, genesisId: string): Message {
  return {
    type: 'HEY',
    version: 1,
    request_id: 1,
    network_id: 1,
    genesis_id: genesisId,
    address,
    public_key: publicKey,
    node_type: 'basic',
    port: 0,
    agent: 'greedy/1',
    challenge: new Uint8Array(32).fill(9),
  };
}

/**
 * Becomes a peer, as an opener; the socket is paused after it.
 * @throws Error if the other side hangs up or refuses
 */
export async function shakeHands(socket: Socket, stranger: Stranger, genesisId: string): Promise<void> {
  socket.write(encodeFrame(heyOf(stranger, genesisId)));
  const reader = new FrameReader();
  reader.maxFrameBytes = MAX_FRAME_BYTES;
  const closed = new AbortController();
  socket.once('close', () => closed.abort());
  for (let frame = reader.next(); ; frame = reader.next()) {
    if (frame === undefined) {
      socket.resume();
      const [bytes] = (await once(socket, 'data', { signal: closed.signal })) as [Buffer];
      socket.pause();
      reader.push(bytes);
      continue;
    }
    const ack = decodeBody(frame.type, frame.body);
    if (ack.type !== 'ACK' || ack.challenge === undefined || ack.address === undefined)
      throw new Error(`${ack.type} instead of an answer to HEY`);
    const text = openerText({
      genesisId,
      challenge: ack.challenge,
      challenger: ack.address,
      signer: stranger.address,
      channel: new Uint8Array(0),
    });
    const signature = sign(stranger.privateKey, text);
    socket.write(encodeFrame({ type: 'ACK', request_id: 1, height: 1, time: Date.now(), signature }));
    return;
  }
}
