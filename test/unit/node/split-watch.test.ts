/** Another final block at a height that is final here: that it is said once, proven, and no lever for anybody. */
import { beforeEach, describe, expect, it } from 'vitest';
import { inlineWorker } from '../../../src/node/inline-worker.js';
import {
  ASK_EVERY_MS,
  brokenBy,
  MAX_SPLITS_TOLD,
  SPLIT_REQUEST_ID,
  SplitWatch,
} from '../../../src/node/split-watch.js';
import { AuthoritySet } from '../../../src/protocol/authorities.js';
import type { Block } from '../../../src/protocol/block.js';
import { fromHex, type Hash } from '../../../src/protocol/bytes.js';
import { encodeCertificate } from '../../../src/protocol/certificate.js';
import { sign, verify } from '../../../src/protocol/keys.js';
import type { Message, MessageOf } from '../../../src/protocol/messages.js';
import { decodeVote, PRECOMMIT, PREVOTE, type VoteType, voteBytes } from '../../../src/protocol/vote.js';
import type { Evidence } from '../../../src/storage/evidence.js';
import { TEST_KEYS } from '../../support/genesis.js';
import { ManualClock } from '../../support/manual-clock.js';
import { fakeBlock } from '../consensus/fakes.js';

const GENESIS_ID = '0e'.repeat(32);
const PEER = 'aa'.repeat(20);
const OTHER = 'bb'.repeat(20);
/** Above genesis, all with blocks signed by authorities 0, 1 and 2 in round 0. */
const HEAD = 40;
const KEYS = TEST_KEYS.slice(0, 4).sort((a, b) => (a.address < b.address ? -1 : 1));
const AUTHORITIES = new AuthoritySet(KEYS);

function blockOf(number: number, salt: string): Block {
  return fakeBlock(number, KEYS[0]?.address ?? '', salt);
}

const ours = (number: number) => blockOf(number, 'ours');
const theirs = (number: number) => blockOf(number, 'theirs');

function certificate(block: Block, signers: readonly number[], round = 0, type: VoteType = PRECOMMIT) {
  const content = { height: block.header.number, round, type, blockId: block.id };
  const message = voteBytes(content, fromHex(GENESIS_ID));
  return encodeCertificate(
    round,
    signers.map((authority) => {
      const key = KEYS[authority];
      if (key === undefined) throw new Error(`there is no authority ${authority}`);
      return { authority, signature: sign(key.privateKey, message) };
    }),
  ).wire;
}

describe('the watch for splits', () => {
  let clock: ManualClock;
  let watch: SplitWatch;
  let checked: number;
  let lookups: number;
  let sent: { to: string; number: number }[];
  let offences: string[];
  let kept: Evidence[];
  let said: { fields: Readonly<Record<string, unknown>>; text: string }[];
  /** Answers to checks that are under way, if they are to be held up. */
  let held: (() => void)[] | undefined;

  beforeEach(() => {
    clock = new ManualClock();
    [checked, lookups, sent, offences, kept, said, held] = [0, 0, [], [], [], [], undefined];
    const worker = inlineWorker();
    const numbers = new Map<Hash, number>();
    for (let number = 1; number <= HEAD; number++) numbers.set(ours(number).id, number);
    watch = new SplitWatch(
      {
        clock,
        worker: {
          ...worker,
          verify: async (checks) => {
            checked += checks.length;
            if (held !== undefined) await new Promise<void>((resolve) => held?.push(resolve));
            return worker.verify(checks);
          },
        },
        authorities: AUTHORITIES,
        genesisId: GENESIS_ID,
        store: {
          isKept: (number) => number <= HEAD && number > 2,
          blockNumber: (id) => {
            lookups++;
            return numbers.get(id);
          },
          blockBytes: (number) => ({
            block: ours(number).wire,
            certificate: certificate(ours(number), [0, 1, 2]),
          }),
        },
        evidence: {
          add: async (evidence) => {
            kept.push(evidence);
            return true;
          },
        },
        log: (level, fields, text) => {
          expect(level).toBe('error');
          said.push({ fields, text });
        },
      },
      {
        send: (to, message: Message) => {
          expect(message).toMatchObject({ type: 'RBL', request_id: SPLIT_REQUEST_ID, count: 1 });
          if (message.type === 'RBL') sent.push({ to, number: message.start_from_block });
        },
        offend: (_, detail) => offences.push(detail),
      },
    );
  });

  function head(block: Block): MessageOf<'BLH'> {
    return { type: 'BLH', request_id: 0, block_number: block.header.number, block_id: block.id };
  }

  /** As the node does it. */
  async function give(peer: string, block: Uint8Array, certificate: Uint8Array | null): Promise<void> {
    const answer: MessageOf<'ABL'> = {
      type: 'ABL',
      request_id: SPLIT_REQUEST_ID,
      blocks: [[block, certificate]],
    };
    expect(watch.awaits(peer, answer)).toBe(true);
    await watch.answered(peer, answer);
  }

  async function meet(peer: string, block: Block, signers = [1, 2, 3], round = 0): Promise<void> {
    watch.heard(peer, head(block));
    await give(peer, block.wire, certificate(block, signers, round));
  }

  it('asks nobody who names our blocks, one beyond our head, one not kept, or genesis', () => {
    for (const number of [3, 17, HEAD]) watch.heard(PEER, head(ours(number)));
    for (const number of [1, 2, HEAD + 1]) watch.heard(PEER, head(theirs(number)));
    watch.heard(PEER, { type: 'BLK', block: ours(HEAD).wire, certificate: new Uint8Array(0) });
    watch.heard(PEER, { type: 'BLK', block: Uint8Array.of(1, 2), certificate: new Uint8Array(0) });
    expect(sent).toEqual([]);
  });

  it('looks a block up once that all peers name', () => {
    for (const peer of [PEER, OTHER, PEER]) watch.heard(peer, head(ours(HEAD)));
    expect(lookups).toBe(1);
  });

  it.each(['BLH', 'BLK'] as const)('asks for the block that a %s names', (type) => {
    const block = theirs(9);
    watch.heard(
      PEER,
      type === 'BLH' ? head(block) : { type, block: block.wire, certificate: new Uint8Array(0) },
    );
    expect(sent).toEqual([{ to: PEER, number: 9 }]);
  });

  it('says who signed both, and keeps their two precommits', async () => {
    await meet(PEER, theirs(9));
    const twice = [1, 2].map((index) => KEYS[index]?.address ?? '');
    expect(said).toHaveLength(1);
    expect(said[0]?.fields).toMatchObject({ height: 9, ids: [ours(9).id, theirs(9).id], authorities: twice });
    for (const part of ['height 9', ours(9).id, theirs(9).id, ...twice])
      expect(said[0]?.text).toContain(part);
    expect(kept.map(({ authority, height, round, type }) => [authority, height, round, type])).toEqual(
      twice.map((address) => [address, 9, 0, 'precommit']),
    );
    for (const { authority, messages } of kept) {
      const votes = messages.map(decodeVote);
      expect(votes.map(({ blockId }) => blockId)).toEqual([ours(9).id, theirs(9).id]);
      for (const vote of votes) {
        const { publicKey, address } = AUTHORITIES.list[vote.authority] ?? {};
        const message = voteBytes(vote, fromHex(GENESIS_ID));
        expect(address).toBe(authority);
        expect(publicKey && verify({ publicKey, message, signature: vote.signature })).toBe(true);
      }
    }
    expect(offences).toEqual([]);
  });

  it('keeps nothing against anybody for two rounds, and says so', async () => {
    await meet(PEER, theirs(9), [1, 2, 3], 4);
    expect(said[0]?.text).toMatch(/in rounds 0 and 4, which alone proves nothing/);
    expect(kept).toEqual([]);
  });

  it('says it once for a height', async () => {
    await meet(PEER, theirs(9));
    watch.heard(OTHER, head(theirs(9)));
    await clock.advance(ASK_EVERY_MS);
    watch.heard(PEER, head(theirs(9)));
    expect([sent.length, said.length]).toEqual([1, 1]);
  });

  it('asks a peer one thing at a time, and no sooner than after a while, whatever it names', async () => {
    watch.heard(PEER, head(theirs(9)));
    await clock.advance(10 * ASK_EVERY_MS);
    watch.heard(PEER, head(theirs(10)));
    expect(sent).toHaveLength(1);
    await give(PEER, ours(9).wire, certificate(ours(9), [0, 1, 2]));
    for (let number = 10; number < 20; number++) watch.heard(PEER, head(theirs(number)));
    expect(sent.map(({ number }) => number)).toEqual([9, 10]);
    await give(PEER, ours(10).wire, null);
    watch.heard(PEER, head(theirs(11)));
    expect(sent).toHaveLength(2);
    await clock.advance(ASK_EVERY_MS);
    watch.heard(PEER, head(theirs(11)));
    expect(sent).toHaveLength(3);
    expect([checked, offences, said]).toEqual([0, [], []]);
  });

  it('checks one certificate at a time', async () => {
    held = [];
    watch.heard(PEER, head(theirs(9)));
    watch.heard(OTHER, head(theirs(10)));
    const first = give(PEER, theirs(9).wire, certificate(theirs(9), [1, 2, 3]));
    await give(OTHER, theirs(10).wire, certificate(theirs(10), [1, 2, 3]));
    expect(checked).toBe(3);
    for (const release of held) release();
    held = undefined;
    await first;
    expect(said).toHaveLength(1);
    await clock.advance(ASK_EVERY_MS);
    await meet(OTHER, theirs(10));
    expect(said).toHaveLength(2);
  });

  it('has enough of it after so many heights', async () => {
    for (let number = 3; number < 3 + MAX_SPLITS_TOLD; number++) {
      await meet(PEER, theirs(number));
      await clock.advance(ASK_EVERY_MS);
    }
    watch.heard(PEER, head(theirs(HEAD)));
    expect([sent.length, said.length]).toEqual([MAX_SPLITS_TOLD, MAX_SPLITS_TOLD]);
  });

  it('takes no answer that it did not ask for, or from a peer that left meanwhile', () => {
    const answer: MessageOf<'ABL'> = { type: 'ABL', request_id: SPLIT_REQUEST_ID, blocks: [] };
    expect(watch.awaits(PEER, answer)).toBe(false);
    watch.heard(PEER, head(theirs(9)));
    expect(watch.awaits(OTHER, answer)).toBe(false);
    expect(watch.awaits(PEER, { ...answer, request_id: 1 })).toBe(false);
    watch.forget(PEER);
    expect(watch.awaits(PEER, answer)).toBe(false);
  });

  it('holds nothing against a peer that keeps the block no longer', async () => {
    watch.heard(PEER, head(theirs(9)));
    await watch.answered(PEER, { type: 'ABL', request_id: SPLIT_REQUEST_ID, blocks: [], base: 20 });
    expect([offences, said]).toEqual([[], []]);
  });

  it.each([
    ['signed by too few', theirs(9).wire, certificate(theirs(9), [1, 2]), /BAD_CERTIFICATE/],
    ['signed for another block', theirs(9).wire, certificate(ours(9), [1, 2, 3]), /BAD_CERTIFICATE/],
    ['of prevotes', theirs(9).wire, certificate(theirs(9), [1, 2, 3], 0, PREVOTE), /BAD_CERTIFICATE/],
    ['that is none', theirs(9).wire, null, /MALFORMED/],
    ['of another height', theirs(10).wire, certificate(theirs(10), [1, 2, 3]), /BAD_BLOCK/],
    ['of no block', Uint8Array.of(1), certificate(theirs(9), [1, 2, 3]), /MALFORMED/],
  ])('blames a peer for a certificate %s', async (_, block, wire, offence) => {
    watch.heard(PEER, head(theirs(9)));
    await give(PEER, block, wire);
    expect(offences).toEqual([expect.stringMatching(offence)]);
    expect([said, kept]).toEqual([[], []]);
  });
});

describe('a certified block that is invalid here', () => {
  const [v, w] = [ours(3), theirs(3)];
  const next = fakeBlock(4, KEYS[0]?.address ?? '', 'next', w.id);

  it('on another branch is named as what it is', () => {
    expect(brokenBy(next, v).message).toMatch(
      new RegExp(`the network has split: block ${next.id} of height 4 .* ${w.id}, but ${v.id} .* height 3`),
    );
  });

  it('on our own is something else', () => {
    expect(brokenBy(next, w).message).toMatch(/is certified by a quorum, but invalid here$/);
  });
});
