/** The shell around the consensus core: nothing leaves that is not on disk, whatever fails (section 8, "Own word kept"). */
import { beforeEach, describe, expect, it } from 'vitest';
import { kindOf, signerIndexOf } from '../../../src/consensus/message.js';
import { keptBackMs } from '../../../src/consensus/reserve.js';
import type { DriverDependencies } from '../../../src/node/consensus-driver.js';
import { FANOUT } from '../../../src/node/fanout.js';
import { FAR_RELAY_EVERY_MS } from '../../../src/node/far-relay.js';
import { MAX_RELAY_DELAY_MS } from '../../../src/node/message-relay.js';
import { PREVOTE } from '../../../src/protocol/vote.js';
import { ManualClock, settle } from '../../support/manual-clock.js';
import { fakeBlock, precommits, prevotes, propose, TIMEOUTS, vote } from '../consensus/fakes.js';
import { AUTHORITIES, addressOf, HEIGHT, quietDriver } from './quiet-driver.js';

const KEPT_BACK_MS = keptBackMs(TIMEOUTS);
const FOLLOWER = 'ff'.repeat(20);
const OTHER_FOLLOWER = 'ee'.repeat(20);
const PEER = new Set([FOLLOWER]);
const BLOCK = fakeBlock(HEIGHT, addressOf(1), 'a');

/** An authority at work on a block that is due. */
function driverWith(overrides: Partial<DriverDependencies>) {
  const sent: string[] = [];
  const failures: Error[] = [];
  const driver = quietDriver(3, {
    broadcast: (message) => sent.push(`send ${message.round}`),
    fail: (error) => failures.push(error),
    ...overrides,
  });
  driver.input({ type: 'acting', acting: true });
  driver.input({ type: 'due', height: HEIGHT });
  return { driver, sent, failures };
}

describe('the driver of consensus', () => {
  it('sends its own vote once that is on disk, not before', async () => {
    let written = () => {};
    const { driver, sent } = driverWith({
      persist: () =>
        new Promise((resolve) => {
          written = resolve;
        }),
    });
    driver.hear(propose(HEIGHT, 0, BLOCK, null), PEER);
    await settle();
    expect(sent).toEqual([]);
    written();
    await settle();
    expect(sent).toEqual(['send 0']);
  });

  it('sends nothing any more once a write failed, whatever it hears until the node is stopped', async () => {
    const { driver, sent, failures } = driverWith({
      persist: async () => {
        throw new Error('the disk is gone');
      },
    });
    driver.hear(propose(HEIGHT, 0, BLOCK, null), PEER);
    await settle();
    expect(failures.map(({ message }) => message)).toEqual(['the disk is gone']);

    for (const prevote of prevotes(HEIGHT, 0, BLOCK, 0, 1, 2)) driver.hear(prevote, PEER);
    driver.behindEffects(() => sent.push('ADR'));
    await settle();
    expect(sent).toEqual([]);
  });

  it('signs a proposal beside the seal of its block, and sends it only when it is asked to and it is on disk', async () => {
    const order: string[] = [];
    const signed: boolean[] = [];
    const own = fakeBlock(HEIGHT, addressOf(1), 'own');
    const dependencies: Partial<DriverDependencies> = {
      build: async (_height, _signal, mined) => {
        mined(own.id);
        order.push(`sealed after ${signed.length}`);
        return own;
      },
      persist: async () => {
        order.push('persist');
      },
      broadcast: (message) => order.push(`send ${kindOf(message)}`),
    };
    const driver = quietDriver(1, dependencies, new ManualClock(), (beside) => signed.push(beside));
    driver.input({ type: 'acting', acting: true });
    driver.input({ type: 'due', height: HEIGHT });
    await settle();
    expect(order).toEqual(['sealed after 1', 'persist', 'send 0', 'persist', 'send 1']);
    // The proposal's, beside the seal, and the prevote's: none was made twice.
    expect(signed).toEqual([true, false]);
  });

  it('says its own word first to those whose votes the height waits for', async () => {
    const first: boolean[] = [];
    const { driver } = driverWith({
      broadcast: (_, isFor, isFirst) => {
        for (const peer of [0, 1, 2].map(addressOf)) if (isFor(peer)) first.push(isFirst?.(peer) === true);
        first.push(isFirst?.(FOLLOWER) === true);
      },
    });
    driver.hear(propose(HEIGHT, 0, BLOCK, null), PEER);
    await settle();
    // Authority 1 leads, 2 and 3 are next, 0 is the reserve.
    expect(first).toEqual([false, true, true, false]);
  });

  it('signs nothing any more of a height that is decided', async () => {
    let committed = '';
    let signed = 0;
    let release = () => {};
    const dependencies: Partial<DriverDependencies> = {
      commit: async ({ id }) => {
        committed = id;
      },
      persist: () =>
        new Promise((resolve) => {
          release = resolve;
        }),
    };
    const driver = quietDriver(3, dependencies, new ManualClock(), () => signed++);
    driver.input({ type: 'acting', acting: true });
    driver.input({ type: 'due', height: HEIGHT });
    driver.hear(propose(HEIGHT, 0, BLOCK, null), PEER);
    await settle();
    expect(signed).toBe(1);
    // Its precommit waits behind the prevote that is being written; the others decide without it.
    for (const prevote of prevotes(HEIGHT, 0, BLOCK, 0, 1, 2)) driver.hear(prevote, PEER);
    for (const precommit of precommits(HEIGHT, 0, BLOCK, 0, 1, 2)) driver.hear(precommit, PEER);
    release();
    await settle();
    expect(committed).toBe(BLOCK.id);
    expect(signed).toBe(1);
  });

  it('passes on what is near at once to those who only follow, and of far rounds the newest once a second', async () => {
    const clock = new ManualClock();
    const relayed: string[] = [];
    const driver = quietDriver(
      null,
      {
        peers: () => [OTHER_FOLLOWER],
        broadcast: (message, isFor) => {
          if (isFor(OTHER_FOLLOWER))
            relayed.push(`${message.round} of ${signerIndexOf(message, AUTHORITIES)}`);
        },
      },
      clock,
    );
    for (const prevote of prevotes(HEIGHT, 0, null, 0, 1)) driver.hear(prevote, PEER);
    for (let round = 2; round < 1_000; round++) driver.hear(vote(HEIGHT, round, PREVOTE, null, 2), PEER);
    await settle();
    expect(relayed).toEqual(['0 of 0', '0 of 1', '2 of 2']);
    await clock.advance(FAR_RELAY_EVERY_MS);
    expect(relayed.slice(3)).toEqual(['999 of 2']);
    await clock.advance(10 * FAR_RELAY_EVERY_MS);
    expect(relayed).toHaveLength(4);
    driver.hear(vote(HEIGHT, 1_000, PREVOTE, null, 2), PEER);
    await settle();
    expect(relayed.slice(4)).toEqual(['1000 of 2']);
  });

  describe('passing on to followers', () => {
    const followers = Array.from({ length: 40 }, (_, i) => `f${i.toString(16).padStart(39, '0')}`);
    let told: string[];
    let clock: ManualClock;
    let driver: ReturnType<typeof quietDriver>;

    beforeEach(() => {
      clock = new ManualClock();
      told = [];
      const broadcast: DriverDependencies['broadcast'] = (_, isFor) => told.push(...followers.filter(isFor));
      driver = quietDriver(null, { broadcast, peers: () => followers }, clock);
    });

    it('tells a few at once, and the others a moment later if they have not sent it meanwhile', async () => {
      const holders = new Set(followers.slice(0, 1));
      const [prevote] = prevotes(HEIGHT, 0, null, 1);
      if (prevote === undefined) throw new Error('no prevote');
      driver.hear(prevote, holders);
      await settle();
      expect(told).toHaveLength(FANOUT);
      for (const peer of followers.slice(20)) holders.add(peer);
      const early = told.filter((peer) => holders.has(peer));
      await clock.advance(MAX_RELAY_DELAY_MS);
      // Nobody twice, and of those who had it by then only such as were told before they said so.
      expect([...told].sort()).toEqual([...followers.slice(1, 20), ...early].sort());
    });

    it('leaves the others to fetch the block of a height that is over', async () => {
      for (const prevote of prevotes(HEIGHT, 0, null, 1)) driver.hear(prevote, PEER);
      await settle();
      driver.enterHeight(HEIGHT + 1, AUTHORITIES, null);
      await clock.advance(10 * MAX_RELAY_DELAY_MS);
      expect(told).toHaveLength(FANOUT);
    });
  });

  describe('passing on to authorities', () => {
    /** What each authority was sent, as 'signer of kind'. */
    let sent: string[][];
    let clock: ManualClock;
    let driver: ReturnType<typeof quietDriver>;

    beforeEach(() => {
      clock = new ManualClock();
      sent = [[], [], [], []];
      const broadcast: DriverDependencies['broadcast'] = (message, isFor) => {
        for (const [index, got] of sent.entries())
          if (isFor(addressOf(index))) got.push(`${signerIndexOf(message, AUTHORITIES)}:${kindOf(message)}`);
      };
      driver = quietDriver(null, { broadcast }, clock);
    });

    it('waits a moment, and spares its signer and whoever sent it meanwhile', async () => {
      const holders = new Set([addressOf(0)]);
      const [prevote] = prevotes(HEIGHT, 0, null, 1);
      if (prevote === undefined) throw new Error('no prevote');
      driver.hear(prevote, holders);
      await settle();
      expect(sent).toEqual([[], [], [], []]);
      holders.add(addressOf(2));
      await clock.advance(MAX_RELAY_DELAY_MS);
      expect(sent).toEqual([[], [], [], ['1:1']]);
      await clock.advance(10 * MAX_RELAY_DELAY_MS);
      expect(sent.flat()).toHaveLength(1);
    });

    it('spares those a proposal that voted for its block, not those that voted for nil', async () => {
      driver.hear(propose(HEIGHT, 0, BLOCK, null), PEER);
      for (const prevote of [...prevotes(HEIGHT, 0, BLOCK, 2), ...prevotes(HEIGHT, 0, null, 3)])
        driver.hear(prevote, new Set(AUTHORITIES.list.map(({ address }) => address)));
      await clock.advance(MAX_RELAY_DELAY_MS);
      expect(sent).toEqual([['1:0'], [], [], ['1:0']]);
    });

    it('goes on with what came later when its moment has come', async () => {
      const [first, second] = prevotes(HEIGHT, 0, null, 1, 2);
      if (first === undefined || second === undefined) throw new Error('no prevotes');
      driver.hear(first, PEER);
      await clock.advance(MAX_RELAY_DELAY_MS / 2);
      driver.hear(second, PEER);
      await clock.advance(MAX_RELAY_DELAY_MS / 2);
      expect(sent[0]).toEqual(['1:1']);
      await clock.advance(MAX_RELAY_DELAY_MS / 2);
      expect(sent[0]).toEqual(['1:1', '2:1']);
    });

    it('drops what is left of a height that is over', async () => {
      for (const prevote of prevotes(HEIGHT, 0, null, 0, 1)) driver.hear(prevote, PEER);
      await settle();
      driver.enterHeight(HEIGHT + 1, AUTHORITIES, null);
      await clock.advance(10 * MAX_RELAY_DELAY_MS);
      expect(sent.flat()).toEqual([]);
    });
  });
});

describe('an authority in reserve', () => {
  /** Authority 0, the last in turn of HEIGHT, which has heard the proposal; what it signs and stores, in order. */
  async function inReserve() {
    const clock = new ManualClock();
    const done: string[] = [];
    const dependencies: Partial<DriverDependencies> = {
      persist: async ({ slot }) => {
        done.push(`persist ${slot}`);
      },
      broadcast: (message) => {
        if (signerIndexOf(message, AUTHORITIES) === 0) done.push(`send ${kindOf(message)} ${message.round}`);
      },
      commit: async ({ id }) => {
        done.push(`commit ${id.slice(0, 4)}`);
      },
    };
    const driver = quietDriver(0, dependencies, clock, () => done.push('sign'));
    driver.input({ type: 'acting', acting: true });
    driver.input({ type: 'due', height: HEIGHT });
    driver.hear(propose(HEIGHT, 0, BLOCK, null), PEER);
    await settle();
    return { clock, driver, done };
  }

  async function hear(driver: ReturnType<typeof quietDriver>, messages: Parameters<typeof driver.hear>[0][]) {
    for (const message of messages) driver.hear(message, PEER);
    await settle();
  }

  it('signs and stores nothing at a height that the others decide', async () => {
    const { clock, driver, done } = await inReserve();
    await hear(driver, [...prevotes(HEIGHT, 0, BLOCK, 1, 2, 3), ...precommits(HEIGHT, 0, BLOCK, 1, 2, 3)]);
    expect(done).toEqual([`commit ${BLOCK.id.slice(0, 4)}`]);
    driver.enterHeight(HEIGHT + 1, AUTHORITIES, null);
    await clock.advance(KEPT_BACK_MS);
    await settle();
    expect(done).toHaveLength(1);
  });

  it('says all that it kept back, in order, when the others do not suffice in time', async () => {
    const { clock, driver, done } = await inReserve();
    await hear(driver, prevotes(HEIGHT, 0, BLOCK, 1, 2, 3));
    await clock.advance(KEPT_BACK_MS - 1);
    await settle();
    expect(done).toEqual([]);
    await clock.advance(1);
    await settle();
    expect(done).toEqual(['sign', 'sign', 'persist 1', 'send 1 0', 'persist 2', 'send 2 0']);
  });

  it('says it before anything later', async () => {
    const { driver, done } = await inReserve();
    await hear(driver, prevotes(HEIGHT, 0, null, 1, 2, 3));
    expect(done).toEqual(['sign', 'sign', 'persist 1', 'send 1 0', 'persist 2', 'send 2 0']);
  });

  it('says nothing more of it when its key has spoken elsewhere', async () => {
    const { clock, driver, done } = await inReserve();
    await hear(driver, [vote(HEIGHT, 0, PREVOTE, null, 0)]);
    await clock.advance(KEPT_BACK_MS);
    await settle();
    expect(done).toEqual([]);
  });
});
