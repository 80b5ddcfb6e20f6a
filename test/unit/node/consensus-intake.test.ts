/** What peers may make us decode and check on their way to the consensus core. */
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { ConsensusDriver } from '../../../src/node/consensus-driver.js';
import { ConsensusIntake } from '../../../src/node/consensus-intake.js';
import { assembleBlock, hashTxnsOf } from '../../../src/protocol/block.js';
import type { Hash } from '../../../src/protocol/bytes.js';
import type { SignatureCheck } from '../../../src/protocol/keys.js';
import type { Transaction } from '../../../src/protocol/transaction.js';
import { encodeProposal, PREVOTE, type Proposal } from '../../../src/protocol/vote.js';
import { fakeBlock, prevotes, propose, vote, ZERO_HASH } from '../consensus/fakes.js';
import { transfer } from '../ledger/support.js';
import { AUTHORITIES, addressOf, HEIGHT, quietDriver } from './quiet-driver.js';

const [A, B] = ['aa'.repeat(20), 'bb'.repeat(20)] as [string, string];

describe('the intake of consensus', () => {
  let driver: ConsensusDriver;
  let intake: ConsensusIntake;
  let checked: number;
  const pending = new Map<Hash, Transaction>();
  const offences: string[] = [];
  const ahead: number[] = [];

  beforeEach(() => {
    checked = 0;
    pending.clear();
    offences.length = 0;
    ahead.length = 0;
    driver = quietDriver(null);
    const verify = async (checks: readonly SignatureCheck[]) => {
      checked += checks.length;
      return checks.map(() => true);
    };
    intake = new ConsensusIntake(
      driver,
      { verify, seekNonce: async () => undefined, close: async () => {} },
      ZERO_HASH,
      {
        decodedBefore: (wireHash) => pending.get(wireHash),
        authorities: () => AUTHORITIES,
        offend: (_, offence) => offences.push(offence),
        ahead: (_, height) => ahead.push(height),
      },
    );
  });

  /** A proposal of `height` around something that is no block. */
  function hollow(height: number) {
    const block = { ...fakeBlock(height, addressOf(0), 'x'), wire: new Uint8Array(3) };
    return encodeProposal({ height, round: 0, validRound: null, block }, new Uint8Array(1)).wire;
  }

  it('does not decode the block of a proposal that it cannot use', async () => {
    await intake.proposal(A, hollow(HEIGHT - 1));
    await intake.proposal(A, hollow(HEIGHT + 7));
    expect({ offences, ahead }).toEqual({ offences: [], ahead: [HEIGHT + 6] });
    await intake.proposal(A, hollow(HEIGHT));
    expect(offences).toEqual(['malformed']);
  });

  it('knows the copies of a proposal by their hash, until the height is over', async () => {
    const { wire } = propose(HEIGHT, 0, fakeBlock(HEIGHT, addressOf(1), 'a'), null);
    const asks = vi.spyOn(driver.core, 'knows');
    await intake.proposal(A, wire);
    expect(driver.core.missing([])).toHaveLength(1);
    const before = asks.mock.calls.length;
    for (let copy = 0; copy < 5; copy++) await intake.proposal(B, wire);
    expect(asks.mock.calls.length).toBe(before);
    expect(checked).toBe(2);
    expect(offences).toEqual([]);
  });

  it('decodes and keeps nothing again of a proposal that is pending', async () => {
    const known = transfer({ from: addressOf(2), nonce: 1 });
    const news = transfer({ from: addressOf(2), nonce: 2 });
    pending.set(known.wireHash, known);
    const { header } = fakeBlock(HEIGHT, addressOf(1), 'a');
    const hashTxns = hashTxnsOf([known, news]);
    const block = assembleBlock({ ...header, hashTxns }, 0, Uint8Array.of(1), [known, news]);
    await intake.proposal(A, propose(HEIGHT, 0, block, null).wire);
    const [heard] = driver.core.missing([]) as Proposal[];
    expect(heard?.block.transactions).toEqual([known, news]);
    expect(heard?.block.transactions.map((each) => each === known || each === news)).toEqual([true, false]);
  });

  it('never takes a pending transaction for one with the same id and another signature', async () => {
    const known = transfer({ from: addressOf(2), nonce: 1 }, 1);
    const proposed = transfer({ from: addressOf(2), nonce: 1 }, 2);
    expect(proposed.id).toBe(known.id);
    pending.set(known.wireHash, known);
    const { header } = fakeBlock(HEIGHT, addressOf(1), 'a');
    const hashTxns = hashTxnsOf([proposed]);
    const block = assembleBlock({ ...header, hashTxns }, 0, Uint8Array.of(1), [proposed]);
    await intake.proposal(A, propose(HEIGHT, 0, block, null).wire);
    const [heard] = driver.core.missing([]) as Proposal[];
    expect(heard?.block.transactions).toEqual([proposed]);
  });

  it('remembers who else sent a message, so that it need not be passed on to them', async () => {
    const hear = vi.spyOn(driver, 'hear');
    const proposal = propose(HEIGHT, 0, fakeBlock(HEIGHT, addressOf(1), 'a'), null);
    const prevote = vote(HEIGHT, 0, PREVOTE, null, 2);
    for (const peer of [A, B]) await intake.proposal(peer, proposal.wire);
    // The second copy comes while the first is being checked.
    await Promise.all([A, B].map((peer) => intake.vote(peer, prevote.wire)));
    expect(hear.mock.calls.map(([, holders]) => [...holders])).toEqual([
      [A, B],
      [A, B],
    ]);
  });

  it('takes a proposal of a later round again that had to make way for another', async () => {
    const first = propose(HEIGHT, 4, fakeBlock(HEIGHT, addressOf(1), 'a'), null);
    const later = propose(HEIGHT, 8, fakeBlock(HEIGHT, addressOf(1), 'b'), null);
    for (const { wire } of [first, later, first]) await intake.proposal(A, wire);
    expect(driver.core.missing([])).toEqual([expect.objectContaining({ round: 8 })]);
    // Two authorities are there now: we follow (rule 10), and round 4 is none of the far ones any more.
    for (const { wire } of prevotes(HEIGHT, 8, null, 2, 3)) await intake.vote(A, wire);
    await intake.proposal(A, first.wire);
    expect(driver.core.missing([])).toContainEqual(expect.objectContaining({ round: 4 }));
  });

  it('checks no vote of the next height that would not be kept', async () => {
    for (let round = 2; round < 50; round++)
      await intake.vote(A, vote(HEIGHT + 1, round, PREVOTE, null, 1).wire);
    expect(checked).toBe(0);
    for (const { wire } of prevotes(HEIGHT + 1, 1, null, 1, 2)) await intake.vote(A, wire);
    expect(checked).toBe(2);
  });

  it('checks no second vote that would not be kept, until a quorum is shown for it', async () => {
    const block = 'ee'.repeat(32);
    await intake.vote(A, vote(HEIGHT, 0, PREVOTE, null, 3).wire);
    for (let i = 0; i < 5; i++) await intake.vote(B, vote(HEIGHT, 0, PREVOTE, block, 3).wire);
    expect(checked).toBe(1);
    const shown = [0, 1, 3].map((authority) => vote(HEIGHT, 0, PREVOTE, block, authority).wire);
    await intake.repair(B, [], shown);
    expect(checked).toBe(4);
    expect(driver.core.missing([])).toHaveLength(4);
  });

  it('checks a second vote for a block that is proposed, and for nil: it is evidence', async () => {
    const block = fakeBlock(HEIGHT, addressOf(1), 'a');
    await intake.proposal(A, propose(HEIGHT, 0, block, null).wire);
    for (const value of ['ee'.repeat(32), block.id, null])
      await intake.vote(A, vote(HEIGHT, 0, PREVOTE, value, 3).wire);
    expect(checked).toBe(2 + 3);
    expect(driver.core.missing([])).toHaveLength(1 + 3);
  });

  it('checks a bounded number of the messages that one peer answers with, and goes on with the rest later', async () => {
    const votes = Array.from({ length: 6_000 }, (_, round) => vote(HEIGHT, round, PREVOTE, null, 1).wire);
    await Promise.all([
      intake.repair(A, [], votes),
      intake.repair(A, [], votes),
      intake.repair(B, [], votes),
    ]);
    expect(checked).toBe(2 * 4_096);
    await intake.repair(A, [], votes);
    expect(checked).toBeGreaterThan(2 * 4_096);
  });
});
