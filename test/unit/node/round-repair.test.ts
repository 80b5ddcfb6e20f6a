/** LDR and ADR between one node and peers that tell it the truth, or keep it busy. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { ConsensusMessage } from '../../../src/consensus/message.js';
import type { ConsensusDriver } from '../../../src/node/consensus-driver.js';
import { ConsensusIntake } from '../../../src/node/consensus-intake.js';
import { RoundRepair } from '../../../src/node/round-repair.js';
import type { Address } from '../../../src/protocol/bytes.js';
import type { SignatureCheck } from '../../../src/protocol/keys.js';
import type { Message, MessageOf } from '../../../src/protocol/messages.js';
import { PREVOTE } from '../../../src/protocol/vote.js';
import { ManualClock, settle } from '../../support/manual-clock.js';
import { vote, ZERO_HASH } from '../consensus/fakes.js';
import { AUTHORITIES, HEIGHT, quietDriver } from './quiet-driver.js';

const ME = 'aa'.repeat(20);
const [HONEST, LIAR] = ['bb'.repeat(20), 'cc'.repeat(20)] as [Address, Address];

describe('the repair of a round', () => {
  let clock: ManualClock;
  let driver: ConsensusDriver;
  let repair: RoundRepair;
  let checked: number;
  let peers: Address[];
  const sent: { readonly peer: Address; readonly message: Message }[] = [];

  beforeEach(() => {
    clock = new ManualClock();
    checked = 0;
    peers = [HONEST, LIAR];
    sent.length = 0;
    driver = quietDriver(null, {}, clock);
    const verify = async (checks: readonly SignatureCheck[]) => {
      checked += checks.length;
      return checks.map(() => true);
    };
    const worker = { verify, seekNonce: async () => undefined, close: async () => {} };
    const intake = new ConsensusIntake(driver, worker, ZERO_HASH, {
      decodedBefore: () => undefined,
      authorities: () => AUTHORITIES,
      offend: () => {},
      ahead: () => {},
    });
    repair = new RoundRepair(driver, intake, clock, {
      address: ME,
      peers: () => peers,
      send: (peer, message) => sent.push({ peer, message }),
      giveFinal: () => {},
      ahead: () => {},
      offerTransactions: () => {},
    });
  });

  function question(holds: MessageOf<'LDR'>['holds']): MessageOf<'LDR'> {
    return { type: 'LDR', request_id: 1, address: LIAR, height: HEIGHT, round: 0, holds };
  }

  /** To the first question. */
  function answer(votes: readonly ConsensusMessage[]): MessageOf<'ADR'> {
    const wires = votes.map(({ wire }) => wire);
    return {
      type: 'ADR',
      request_id: 1,
      address: HONEST,
      height: HEIGHT,
      round: 0,
      proposals: [],
      votes: wires,
      more: false,
    };
  }

  const asked = (peer: Address) => sent.filter((each) => each.peer === peer && each.message.type === 'LDR');

  it('asks every peer once a second while a block is due and no step is taken', async () => {
    repair.start();
    await clock.advance(3_000);
    expect(asked(HONEST)).toEqual([]);
    driver.input({ type: 'due', height: HEIGHT });
    await clock.advance(3_000);
    expect(asked(HONEST)).toHaveLength(3);
  });

  it('asks whoever seems to hold more, at most once a second', async () => {
    repair.start();
    const more = question([[0, PREVOTE, Uint8Array.of(0b1111), 'ee'.repeat(32)]]);
    for (let i = 0; i < 5; i++) repair.answer(LIAR, more);
    expect(asked(LIAR)).toHaveLength(1);
    repair.answer(LIAR, question([]));
    await clock.advance(1_000);
    repair.answer(LIAR, more);
    expect(asked(LIAR)).toHaveLength(2);
  });

  it('is not kept from asking the others by a peer that always claims to hold more', async () => {
    driver.input({ type: 'due', height: HEIGHT });
    repair.start();
    await clock.advance(990);
    for (let second = 0; second < 5; second++) {
      repair.answer(LIAR, question([[0, PREVOTE, Uint8Array.of(0b1111), 'ee'.repeat(32)]]));
      await clock.advance(1_000);
    }
    expect(asked(HONEST).length).toBeGreaterThanOrEqual(4);
  });

  it('takes the answer of one peer however many others were asked since, and however often', async () => {
    repair.ask(HONEST);
    for (let i = 0; i < 300; i++) repair.ask(i.toString(16).padStart(40, '0'));
    for (let i = 0; i < 300; i++) repair.ask(LIAR);
    await repair.hear(HONEST, answer([vote(HEIGHT, 0, PREVOTE, null, 1)]));
    expect(checked).toBe(1);
  });

  it('takes no answer but to a question of the last few, once, and of nobody who left', async () => {
    const first = answer([vote(HEIGHT, 0, PREVOTE, null, 1)]);
    await repair.hear(HONEST, first);
    for (let i = 0; i < 17; i++) repair.ask(HONEST);
    await repair.hear(HONEST, first);
    await repair.hear(LIAR, { ...first, request_id: 2 });
    repair.start();
    peers.length = 0;
    await clock.advance(1_000);
    await repair.hear(HONEST, { ...first, request_id: 17 });
    expect(checked).toBe(0);
    repair.ask(HONEST);
    await repair.hear(HONEST, { ...first, request_id: 18 });
    await repair.hear(HONEST, { ...answer([vote(HEIGHT, 0, PREVOTE, null, 2)]), request_id: 18 });
    expect(checked).toBe(1);
  });

  it('checks a vote once, however often an answer repeats it', async () => {
    repair.ask(HONEST);
    const once = vote(HEIGHT, 0, PREVOTE, null, 1);
    await repair.hear(HONEST, answer(Array(1_000).fill(once)));
    await settle();
    expect(checked).toBe(1);
    expect(driver.core.knows(once)).toBe(true);
  });
});
