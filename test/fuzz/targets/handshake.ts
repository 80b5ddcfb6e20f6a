/**
 * A stranger's side of a connection, from its first byte on: a real network over the memory transport, which answers
 * or dials it. The last change may come after the handshake was whole, so that what peers say is covered as well.
 */

import { LIMITS } from '../../../src/network/limits.js';
import type { Connection } from '../../../src/ports/transport.js';
import { toHex } from '../../../src/protocol/bytes.js';
import { encodeFrame } from '../../../src/protocol/frame.js';
import { decodeBody } from '../../../src/protocol/messages.js';
import { ackOf, heyOf, key, lastAckOf, type Party, World } from '../../unit/network/parties.js';
import { Dice } from '../dice.js';
import { MSGPACK } from '../msgpack-dialect.js';
import { mutateBytes } from '../mutate-bytes.js';
import { sampleMessages } from '../sample-messages.js';
import { Broken, changed, type Target } from '../target.js';

const VICTIM = { host: 'victim', port: 1_000 };
const STRANGER = { host: 'stranger', port: 2_000 };
/** All deadlines of a connection have passed by then. */
const LONG_MS = 90_000;
const HEADER_BYTES = 7;

/** The side that the victim takes: the input's first byte. */
const ANSWERS = 0;
const DIALS = 1;

interface Scene {
  readonly world: World;
  readonly victim: Party;
  readonly connection: Connection;
  readonly received: Uint8Array[];
  closed(): boolean;
}

/** A fresh victim, the same at each call to the last byte, and a connection with it. */
async function scene(side: number): Promise<Scene> {
  const world = new World();
  const received: Uint8Array[] = [];
  let closed = false;
  const opened = (connection: Connection) => {
    connection.open({
      data: (bytes) => received.push(bytes),
      close: () => {
        closed = true;
      },
    });
    return connection;
  };
  const connections: Connection[] = [];
  await world.internet
    .host(STRANGER.host)
    .listen(STRANGER, (connection) => connections.push(opened(connection)));
  const victim = await world.start(VICTIM.host, key(0), side === DIALS ? { peers: [STRANGER] } : {});
  if (side === ANSWERS) {
    const dialing = world.internet.host(STRANGER.host).dial(VICTIM, 1_000);
    await world.clock.advance(5);
    connections.push(opened(await dialing));
  } else await world.clock.advance(5);
  const [connection] = connections;
  if (connection === undefined) throw new Error('nobody was dialed');
  return { world, victim, connection, received, closed: () => closed };
}

async function stopped({ world, victim }: Pick<Scene, 'world' | 'victim'>): Promise<void> {
  const stopping = victim.network.stop();
  await world.clock.advance(LIMITS.lingerMs + 100);
  await stopping;
}

/** What a peer says that does everything right, recorded once for each side. */
async function soundSpeech(side: number): Promise<Uint8Array> {
  const { world, victim, connection, received } = await scene(side);
  const messageAt = (at: number) => {
    const frame = received[at];
    if (frame === undefined) throw new Error('the victim says nothing');
    const type = Buffer.from(frame).toString('latin1', 4, HEADER_BYTES);
    const length = Buffer.from(frame).readUInt32LE() + 4;
    return decodeBody(type as 'HEY' | 'ACK', frame.subarray(HEADER_BYTES, length));
  };
  const said: Uint8Array[] = [];
  const say = async (frame: Uint8Array) => {
    said.push(frame);
    connection.send(frame);
    await world.clock.advance(20);
  };
  await world.clock.advance(20);
  if (side === ANSWERS) {
    await say(encodeFrame(heyOf(key(1))));
    await say(encodeFrame(lastAckOf(key(1), messageAt(0) as Parameters<typeof lastAckOf>[1])));
  } else await say(encodeFrame(ackOf(key(1), messageAt(0) as Parameters<typeof ackOf>[1])));
  await say(encodeFrame({ type: 'PNG', request_id: 1 }));
  if (victim.ups.length !== 1) throw new Error('a sound handshake that came to nothing');
  await stopped({ world, victim });
  return Uint8Array.from(Buffer.concat(said));
}

const SPEECHES = [await soundSpeech(ANSWERS), await soundSpeech(DIALS)];
const AFTER = sampleMessages().map(encodeFrame);

/** The frames of a stream of whole ones. */
function framesIn(stream: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = 0; at < stream.length; ) {
    const end = at + 4 + Buffer.from(stream.subarray(at, at + 4)).readUInt32LE();
    frames.push(stream.subarray(at, end));
    at = end;
  }
  return frames;
}

function withBodyChanged(frame: Uint8Array, dice: Dice): Uint8Array {
  const body = changed([frame.subarray(HEADER_BYTES)], MSGPACK)(dice);
  const head = Buffer.from(frame.subarray(0, HEADER_BYTES));
  head.writeUInt32LE(body.length + 3);
  return Buffer.concat([head, body]);
}

function input(dice: Dice): Uint8Array {
  const side = dice.oneIn(2) ? ANSWERS : DIALS;
  const frames = framesIn(SPEECHES[side] as Uint8Array);
  while (!dice.oneIn(3)) frames.push(dice.pick(AFTER));
  const at = dice.below(frames.length);
  const how = dice.below(4);
  if (how === 0) frames.splice(at, 1);
  else if (how === 1) frames.splice(at, 0, dice.pick(AFTER));
  else if (how === 2) frames.splice(at, 1, withBodyChanged(frames[at] as Uint8Array, dice));
  else frames.splice(at, 1, mutateBytes(frames[at] as Uint8Array, dice, AFTER));
  return Uint8Array.from(Buffer.concat([Uint8Array.of(side), ...frames]));
}

export const HANDSHAKE: Target = {
  name: 'handshake',
  input,
  async open() {
    return {
      async take(bytes) {
        const { world, victim, connection, closed } = await scene((bytes[0] ?? 0) & 1);
        const dice = new Dice(toHex(bytes.subarray(0, 64)) + bytes.length);
        for (let at = 1; at < bytes.length; ) {
          const end = at + 1 + dice.size(8_192);
          connection.send(bytes.slice(at, end));
          at = end;
          if (dice.oneIn(2)) await world.clock.advance(5);
        }
        await world.clock.advance(50);
        const met = victim.ups.length > 0;
        for (const { address } of victim.ups) {
          if (address !== key(1).address) throw new Broken(`${address} became a peer without its key`);
        }
        await world.clock.advance(LONG_MS);
        if (!closed() && !met) throw new Broken('a connection that came to nothing stays open');
        if (victim.network.peers.size > 0) throw new Broken('a peer that says nothing any more stays');
        await stopped({ world, victim });
        return met ? 'accepted' : 'refused';
      },
    };
  },
};
