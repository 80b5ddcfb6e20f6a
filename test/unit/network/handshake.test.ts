import { describe, expect, it } from 'vitest';
import { encodeFrame } from '../../../src/protocol/frame.js';
import { sign } from '../../../src/protocol/keys.js';
import type { MessageOf } from '../../../src/protocol/messages.js';
import {
  ackOf,
  GENESIS,
  heyOf,
  introduce,
  key,
  lastAckOf,
  type Party,
  type Stranger,
  World,
} from './parties.js';

const us = key(0);
const them = key(1);
const third = key(2);
const at = { host: 'us', port: 1000 };

/** What a HEY gets for an answer. */
async function answerTo(
  changes: Partial<MessageOf<'HEY'>>,
  options: Parameters<World['start']>[2] = {},
  certified?: string,
): Promise<{ stranger: Stranger; party: Party; world: World }> {
  const world = new World();
  const party = await world.start('us', us, options);
  const stranger = await world.stranger(at, 'stranger', certified);
  stranger.send(heyOf(them, changes));
  await world.moment();
  return { stranger, party, world };
}

describe('a node that is dialed', () => {
  it('makes a peer of one that proves its key, and tells what it said of itself', async () => {
    const world = new World();
    const party = await world.start('us', us);
    const stranger = await world.stranger(at);
    await introduce(world, stranger, them);
    expect(party.ups).toHaveLength(1);
    expect(party.ups[0]).toMatchObject({
      address: them.address,
      role: 'basic',
      agent: 'stranger',
      listenPort: 2000,
      inbound: true,
      height: 5,
      remote: { host: 'stranger' },
    });
    expect(stranger.last('ACK')).toMatchObject({ address: us.address, genesis_id: GENESIS.id, height: 1 });
  });

  it('does not count a connection before the last ACK', async () => {
    const { party, stranger } = await answerTo({});
    expect(stranger.count('ACK')).toBe(1);
    expect(party.addresses()).toEqual([]);
  });

  const even = Uint8Array.from(them.publicKey);
  even[even.length - 6] = (even[even.length - 6] as number) & 0xfe;
  const refused: [string, Partial<MessageOf<'HEY'>>, string][] = [
    ['another version', { version: 2 }, 'BAD_VERSION'],
    ['another genesis', { genesis_id: 'cd'.repeat(32) }, 'WRONG_NETWORK'],
    ['another network_id', { network_id: 8 }, 'WRONG_NETWORK'],
    ['a network_id without genesis_id', { genesis_id: null }, 'PROTOCOL_ERROR'],
    ['a genesis_id without network_id', { network_id: null }, 'PROTOCOL_ERROR'],
    ['the key of another address', { public_key: third.publicKey }, 'BAD_KEY'],
    ['a key that is none', { public_key: new Uint8Array(270) }, 'BAD_KEY'],
    ['a key with an even modulus', { public_key: even }, 'BAD_KEY'],
    ['our own address', { address: us.address, public_key: us.publicKey }, 'DUPLICATE'],
    ['a port that is none', { port: 65_536 }, 'PROTOCOL_ERROR'],
  ];
  it.each(refused)('refuses %s', async (_, changes, code) => {
    const { stranger, party } = await answerTo(changes);
    expect(stranger.received).toEqual([expect.objectContaining({ type: 'BYE', code })]);
    expect(stranger.closed).toBe(true);
    expect(party.ups).toEqual([]);
  });

  it('refuses who is not on the list of those allowed, and takes who is', async () => {
    const kept = await answerTo({}, { allow: [third.address] });
    expect(kept.stranger.last('BYE').code).toBe('NOT_ALLOWED');
    const let_ = await answerTo({}, { allow: [them.address] });
    expect(let_.stranger.count('ACK')).toBe(1);
  });

  it('refuses who claims another address than its certificate', async () => {
    const { stranger } = await answerTo({}, {}, third.address);
    expect(stranger.last('BYE').code).toBe('BAD_KEY');
    const good = await answerTo({}, {}, them.address);
    expect(good.stranger.count('ACK')).toBe(1);
  });

  it('refuses everybody while it has no genesis itself', async () => {
    const { stranger } = await answerTo({}, { genesis: null });
    expect(stranger.last('BYE').code).toBe('WRONG_NETWORK');
  });

  const badLast: [string, (ack: MessageOf<'ACK'>) => MessageOf<'ACK'>][] = [
    ['of another key', (ack) => ({ ...lastAckOf(third, ack) })],
    ['over another challenge', (ack) => lastAckOf(them, { ...ack, challenge: new Uint8Array(32) })],
    ['for another answerer', (ack) => lastAckOf(them, { ...ack, address: third.address })],
    ['of another network', (ack) => lastAckOf(them, ack, 'cd'.repeat(32))],
    ['that is the answerer’s own', (ack) => ({ ...lastAckOf(them, ack), signature: ack.signature })],
    ['that is empty', (ack) => ({ ...lastAckOf(them, ack), signature: new Uint8Array(0) })],
  ];
  it.each(badLast)('refuses a last signature %s', async (_, last) => {
    const { stranger, party, world } = await answerTo({});
    stranger.send(last(stranger.last('ACK')));
    await world.moment();
    expect(stranger.last('BYE').code).toBe('BAD_SIGNATURE');
    expect(party.ups).toEqual([]);
  });

  it('is of no use to a man in the middle as a signer of openers’ texts', async () => {
    // The middle dials us with the challenge of a victim it wants to enter as us; our answer is over another tag.
    const victim = new World();
    await victim.start('us', third);
    const middle = await victim.stranger(at);
    middle.send(heyOf(us));
    await victim.moment();
    const wanted = middle.last('ACK');

    const { stranger } = await answerTo({
      address: wanted.address,
      public_key: wanted.public_key,
      challenge: wanted.challenge,
    });
    const ours = stranger.last('ACK').signature;
    middle.send({ type: 'ACK', request_id: 1, height: 1, time: 0, signature: ours });
    await victim.moment();
    expect(middle.last('BYE').code).toBe('BAD_SIGNATURE');
  });

  it('refuses what is no handshake', async () => {
    for (const frame of [
      encodeFrame({ type: 'PNG', request_id: 1 }),
      encodeFrame({ type: 'GLK', block: new Uint8Array(20_000) }),
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.alloc(100),
      Buffer.alloc(100, 0xff),
      encodeFrame(heyOf(them)).slice().fill(0xc1, 7),
    ]) {
      const world = new World();
      const party = await world.start('us', us);
      const stranger = await world.stranger(at);
      stranger.connection.send(frame);
      await world.moment();
      expect(stranger.last('BYE').code).toBe('PROTOCOL_ERROR');
      expect(party.ups).toEqual([]);
    }
  });

  it('hangs up on who says nothing, half of a HEY, or a byte a second', async () => {
    const world = new World();
    await world.start('us', us);
    const [silent, half, slow] = [
      await world.stranger(at),
      await world.stranger(at),
      await world.stranger(at),
    ];
    const hey = encodeFrame(heyOf(them));
    half.connection.send(hey.subarray(0, 50));
    for (let i = 0; i < 12; i++) {
      slow.connection.send(hey.subarray(i, i + 1));
      await world.clock.advance(1000);
    }
    for (const stranger of [silent, half, slow]) {
      expect(stranger.last('BYE').code).toBe('TOO_SLOW');
      expect(stranger.closed).toBe(true);
    }
  });

  it('bounds handshakes under way, of one host and of all', async () => {
    const world = new World();
    await world.start('us', us);
    const ofOne = [];
    for (let i = 0; i < 30; i++) ofOne.push(await world.stranger(at, 'crowd'));
    await world.moment();
    expect(ofOne.filter(({ closed }) => !closed)).toHaveLength(24);
    const ofMany = [];
    for (let i = 0; i < 60; i++) ofMany.push(await world.stranger(at, `host${i}`));
    await world.moment();
    expect(ofMany.filter(({ closed }) => !closed)).toHaveLength(40);
  });

  it('holds a bounded amount of what is sent before it knows who sends', async () => {
    const world = new World();
    const party = await world.start('us', us);
    const stranger = await world.stranger(at);
    stranger.send(heyOf(them));
    await world.moment();
    const last = encodeFrame(lastAckOf(them, stranger.last('ACK')));
    const flood = encodeFrame({ type: 'GLK', block: new Uint8Array(2_900_000) });
    stranger.connection.send(Buffer.concat([last, flood, flood]));
    await world.moment();
    expect(stranger.last('BYE').code).toBe('PROTOCOL_ERROR');
    expect(party.ups).toEqual([]);
  });
});

describe('a node that dials', () => {
  async function dialed(answer: (hey: MessageOf<'HEY'>) => MessageOf<'ACK'>) {
    const world = new World();
    const { endpoint, connections } = await world.listening('them');
    const party = await world.start('us', us, { peers: [endpoint] });
    await world.moment();
    const stranger = connections[0] as Stranger;
    stranger.send(answer(stranger.last('HEY')));
    await world.moment();
    return { world, party, stranger };
  }

  it('proves itself, and counts the peer once that has spoken', async () => {
    const { party, stranger, world } = await dialed((hey) => ackOf(them, hey));
    const hey = stranger.last('HEY');
    expect(hey).toMatchObject({
      version: 1,
      address: us.address,
      genesis_id: GENESIS.id,
      network_id: 7,
      port: 1000,
    });
    expect(stranger.last('ACK').signature.length).toBe(256);
    expect('address' in stranger.last('ACK')).toBe(false);
    expect(party.ups).toEqual([]);
    stranger.send({ type: 'RBH', request_id: 1, block_number: 4 });
    await world.moment();
    expect(party.ups).toMatchObject([{ address: them.address, inbound: false, height: 4 }]);
    expect(party.messages).toHaveLength(1);
  });

  it('takes an answerer that has nothing to say for a peer after a while', async () => {
    const { party, world } = await dialed((hey) => ackOf(them, hey));
    await world.clock.advance(6000);
    expect(party.addresses()).toEqual([them.address]);
  });

  it('never shows a peer that refuses it', async () => {
    const { party, stranger, world } = await dialed((hey) => ackOf(them, hey));
    stranger.send({ type: 'BYE', code: 'TOO_MANY_PEERS', reason: 'full' });
    await world.moment();
    expect(party.ups).toEqual([]);
    expect(party.downs).toEqual([]);
  });

  const refused: [string, (hey: MessageOf<'HEY'>) => MessageOf<'ACK'>, string][] = [
    [
      'a signature of another key',
      (hey) => ({ ...ackOf(them, hey), signature: ackOf(third, hey).signature }),
      'BAD_SIGNATURE',
    ],
    [
      'a signature over another challenge',
      (hey) => ackOf(them, { ...hey, challenge: new Uint8Array(32) }),
      'BAD_SIGNATURE',
    ],
    [
      'a signature for another opener',
      (hey) => ackOf(them, { ...hey, address: third.address }),
      'BAD_SIGNATURE',
    ],
    [
      'a signature over what the opener’s text would be',
      (hey) => ({ ...ackOf(them, hey), signature: sign(them.privateKey, Buffer.from('ccoin/hello-open\0')) }),
      'BAD_SIGNATURE',
    ],
    ['another genesis', (hey) => ackOf(them, hey, { genesis_id: 'cd'.repeat(32) }), 'WRONG_NETWORK'],
    ['the key of another address', (hey) => ackOf(them, hey, { public_key: third.publicKey }), 'BAD_KEY'],
    ['an ACK of another HEY', (hey) => ackOf(them, hey, { request_id: 999 }), 'PROTOCOL_ERROR'],
    ['an ACK that lacks fields', (hey) => ackOf(them, hey, { challenge: undefined }), 'PROTOCOL_ERROR'],
    ['an absurd height', (hey) => ackOf(them, hey, { height: 2 ** 40 }), 'PROTOCOL_ERROR'],
  ];
  it.each(refused)('refuses %s', async (_, answer, code) => {
    const { stranger, party } = await dialed(answer);
    expect(stranger.last('BYE').code).toBe(code);
    expect(stranger.count('ACK')).toBe(0);
    expect(party.ups).toEqual([]);
  });
});

describe('a node without genesis', () => {
  it('gets the genesis block, and nothing else', async () => {
    const world = new World();
    const giver = await world.start('us', us);
    const taker = await world.start('taker', them, { genesis: null, peers: [at] });
    await world.moment();
    expect(taker.geneses).toEqual([expect.objectContaining({ length: GENESIS.block.length })]);
    expect(Buffer.from(taker.geneses[0] as Uint8Array)).toEqual(Buffer.from(GENESIS.block));
    expect([giver.ups, taker.ups, giver.downs, taker.downs]).toEqual([[], [], [], []]);
  });

  it('is hung up on when it wants more', async () => {
    const { stranger, world, party } = await answerTo({ genesis_id: null, network_id: null });
    stranger.send(lastAckOf(them, stranger.last('ACK'), null));
    await world.moment();
    expect(stranger.count('GLK')).toBe(1);
    stranger.send({ type: 'RBL', request_id: 1, start_from_block: 1, count: 10 });
    await world.moment();
    expect(stranger.last('BYE').code).toBe('PROTOCOL_ERROR');
    expect(party.messages).toEqual([]);
  });

  it('has to prove its key as well', async () => {
    const { stranger, world } = await answerTo({ genesis_id: null, network_id: null });
    stranger.send(lastAckOf(third, stranger.last('ACK'), null));
    await world.moment();
    expect(stranger.count('GLK')).toBe(0);
    expect(stranger.last('BYE').code).toBe('BAD_SIGNATURE');
  });
});
