/**
 * Exchanges that halt a careless implementation for ever, or split its chain, told step by step; each is also played
 * with the part taken out that it is about, and must fail then.
 *
 * Four authorities A, B, C and X, which lies or dies; quorum 3. X leads round 0 of the height, A round 1, B 2, C 3.
 */
import { describe, expect, it } from 'vitest';
import { Consensus } from '../../../src/consensus/consensus.js';
import { isProposal } from '../../../src/consensus/message.js';
import { Bench, type CoreClass, HEIGHT } from './bench.js';
import { authoritySet, fakeBlock, precommits, prevotes, propose } from './fakes.js';
import { type Mutation, withMutant } from './mutants.js';

const H = HEIGHT - 1;
const [A, B, C, X] = [0, 1, 2, 3] as const;
const v = fakeBlock(H, authoritySet(4).list[X]?.address ?? '', 'v');
const w = fakeBlock(H, authoritySet(4).list[A]?.address ?? '', 'w');

/** The three honest ones, and what they say to each other. */
class Table {
  readonly seats: Bench[];
  readonly #told = new Map<Bench, number>();

  constructor(Core: CoreClass) {
    this.seats = [A, B, C].map((self) => new Bench({ self, height: H, core: Core }));
  }

  seat(index: number): Bench {
    const seat = this.seats[index];
    if (seat === undefined) throw new Error(`nobody sits at ${index}`);
    return seat;
  }

  /** Crashes and comes back with what is on its disk. */
  restart(index: number, Core: CoreClass): void {
    const { record } = this.seat(index);
    this.seats[index] = new Bench({ self: index, height: H, record, core: Core });
  }

  /** What was said since the last call reaches everybody, and what they say to it, until all are quiet. */
  talk(): void {
    for (let quiet = false; !quiet; ) {
      quiet = true;
      for (const from of this.seats) {
        const fresh = from.sent.slice(this.#told.get(from) ?? 0);
        this.#told.set(from, from.sent.length);
        for (const to of this.seats) if (to !== from && fresh.length > 0) to.hear(...fresh);
        if (fresh.length > 0) quiet = false;
      }
    }
  }

  /** Everybody asks everybody with LDR, and takes the ADR in. */
  repair(): void {
    for (const asker of this.seats)
      for (const peer of this.seats)
        if (peer !== asker) asker.repair(...peer.core.missing(asker.core.holds()));
  }

  fire(kind: 'propose' | 'prevote' | 'precommit'): void {
    for (const seat of this.seats) {
      // Only a timer that was started can fire.
      if (seat.timers.includes(`${kind} ${seat.core.round}`)) seat.fire(kind, seat.core.round, H);
    }
  }

  /** Rounds of talk, repair and timers, each as generous as a network can be. */
  goOn(rounds: number): void {
    for (let i = 0; i < rounds; i++) {
      this.talk();
      this.repair();
      this.talk();
      for (const kind of ['propose', 'prevote', 'precommit'] as const) {
        this.fire(kind);
        this.talk();
        this.repair();
        this.talk();
      }
    }
  }

  get finals(): (string | undefined)[] {
    return this.seats.map((seat) => seat.of('commit')[0]?.block.id);
  }
}

/** Round 0 up to where A has locked v, and B and C have precommitted nil. `faces`: X also shows nil to B and C. */
function roundZero(Core: CoreClass, faces: boolean): Table {
  const table = new Table(Core);
  const [a, b, c] = [table.seat(A), table.seat(B), table.seat(C)];
  a.hear(propose(H, 0, v, null));
  b.hear(propose(H, 0, v, null));
  c.fire('propose', 0, H);
  expect([a.said, b.said, c.said].map((said) => said.length)).toEqual([1, 1, 1]);
  const [votesOfA, votesOfB, votesOfC] = [a.sent, b.sent, c.sent];
  if (faces) for (const seat of [b, c]) seat.hear(...prevotes(H, 0, null, X));
  b.hear(...votesOfA, ...votesOfC);
  c.hear(...votesOfA, ...votesOfB);
  for (const seat of [b, c]) seat.fire('prevote', 0, H);
  a.hear(...votesOfB, ...prevotes(H, 0, v, X));
  expect(a.core.locked).toEqual({ round: 0, blockId: v.id });
  expect([b.core.locked, c.core.locked]).toEqual([null, null]);
  return table;
}

/** Trace 1: the two-faced vote. */
function twoFacedVote(Core: CoreClass): void {
  const table = roundZero(Core, true);
  for (const seat of [table.seat(B), table.seat(C)]) seat.hear(...prevotes(H, 0, v, X));
  // X is silent from here on.
  table.goOn(9);
  expect(table.finals).toEqual([v.id, v.id, v.id]);
}

/** Trace 1 in full detail: what each says and why. */
function twoFacedVoteInDetail(Core: CoreClass): void {
  const table = roundZero(Core, true);
  const [a, b, c] = [table.seat(A), table.seat(B), table.seat(C)];
  table.talk();
  table.fire('precommit');
  expect(table.seats.map(({ core }) => core.round)).toEqual([1, 1, 1]);
  const proposal = a.sent.find(isProposal);
  expect(proposal).toMatchObject({ round: 1, validRound: 0 });
  table.talk();
  // Neither has X's prevote for v: there is no quorum of round 0 in their eyes.
  expect(b.core.currentStep).toBe('propose');
  expect(c.core.currentStep).toBe('propose');
  for (const seat of [b, c]) {
    const lacking = a.core.missing(seat.core.holds());
    expect(lacking).toContainEqual(prevotes(H, 0, v, X)[0]);
    const effects = seat.repair(...lacking);
    expect(seat.of('evidence', effects)).toHaveLength(1);
    expect(seat.core.currentStep).toBe('prevote');
  }
  table.talk();
  expect(table.finals).toEqual([v.id, v.id, v.id]);
}

/** Trace 2: the lock without its reasons. */
function lockWithoutReasons(Core: CoreClass): void {
  const table = roundZero(Core, false);
  // X is dead from here on; A crashes once its precommit is on disk, before anybody hears it.
  table.restart(A, Core);
  expect(table.seat(A).core).toMatchObject({ round: 0, currentStep: 'precommit' });
  expect(table.seat(A).core.locked).toEqual({ round: 0, blockId: v.id });
  table.goOn(9);
  expect(table.finals).toEqual([v.id, v.id, v.id]);
}

/** X is dead, and the leader of round 1 cannot build its block. */
function failedBuilding(Core: CoreClass): void {
  const table = new Table(Core);
  table.seat(A).building = null;
  table.seat(B).building = w;
  const block = fakeBlock(H, table.seat(B).address(B), 'of B');
  table.seat(B).building = block;
  table.goOn(4);
  expect(table.finals).toEqual([block.id, block.id, block.id]);
}

/** One precommit of round 0 and two of round 1 for v, while w becomes final in round 1 elsewhere. */
function precommitsOfTwoRounds(Core: CoreClass): void {
  const bench = new Bench({ self: C, height: H, core: Core });
  bench.hear(propose(H, 0, v, null), ...precommits(H, 0, v, A, X), ...precommits(H, 1, v, B));
  expect(bench.of('commit')).toEqual([]);
}

/** C slept through rounds 0 to 2, and X is dead: the others need it, and it needs the reasons of round 0. */
function sleeper(Core: CoreClass): void {
  const table = roundZero(Core, true);
  table.talk();
  table.seats[C] = new Bench({ self: C, height: H, core: Core, record: table.seat(C).record });
  for (const seat of [table.seat(A), table.seat(B)]) {
    seat.hear(...precommits(H, 0, null, X));
    seat.fire('precommit', 0, H);
  }
  table.goOn(9);
  expect(table.finals).toEqual([v.id, v.id, v.id]);
}

/** Who never locked prevotes a block proposed again with valid round 0. */
function nilLock(Core: CoreClass): void {
  const bench = new Bench({ self: C, height: H, core: Core });
  bench.hear(...prevotes(H, 1, null, B), ...precommits(H, 1, null, X));
  bench.hear(propose(H, 1, v, 0), ...prevotes(H, 0, v, A, B, X));
  expect(bench.said).toEqual([`1 prevote ${v.id.slice(0, 6)}`]);
}

/** A lock of round 0 is a lock. */
function lockOfRoundZero(Core: CoreClass): void {
  const table = roundZero(Core, false);
  const a = table.seat(A);
  a.hear(...prevotes(H, 2, null, B), ...precommits(H, 2, null, C));
  a.hear(propose(H, 2, fakeBlock(H, a.address(B), 'fresh'), null));
  expect(a.said.at(-1)).toBe('2 prevote nil');
}

/** As in `lockOfRoundZero`, proposed again in a later round: a lock of round 1 is not given up for round 0. */
function lockOfRoundOne(Core: CoreClass): void {
  const bench = new Bench({ self: C, height: H, core: Core });
  bench.hear(...prevotes(H, 1, null, B), ...precommits(H, 1, null, X));
  bench.hear(propose(H, 1, w, null), ...prevotes(H, 1, w, A, X));
  expect(bench.core.locked).toEqual({ round: 1, blockId: w.id });
  bench.hear(...prevotes(H, 0, v, A, B, X), ...prevotes(H, 2, null, A), ...precommits(H, 2, null, X));
  bench.hear(propose(H, 2, v, 0));
  expect(bench.said.at(-1)).toBe('2 prevote nil');
}

const CORE = 'consensus.ts';

/** Each trace, and the parts without which it must fail. */
const TRACES: readonly (readonly [
  name: string,
  play: (Core: CoreClass) => void,
  parts: Readonly<Record<string, Mutation>>,
])[] = [
  [
    'the two-faced vote',
    twoFacedVote,
    {
      'a second vote counts for the value it names': {
        file: 'height-log.ts',
        from: 'return first !== undefined && vote.blockId !== null && !this.#matters(vote.blockId);',
        to: 'return first !== undefined;',
      },
    },
  ],
  [
    'the two-faced vote, in detail',
    twoFacedVoteInDetail,
    {
      'ADR carries what the asker lacks of all rounds': {
        file: CORE,
        from: 'return missingFrom(this.#log, this.#authorities, holds);',
        to: 'return missingFrom(this.#log, this.#authorities, holds).filter(({ round }) => round === this.#round);',
      },
    },
  ],
  [
    'the lock without its reasons',
    lockWithoutReasons,
    {
      'every counted vote is stored with the own word': {
        file: CORE,
        from: "this.#effects.push({ type: 'persist', state, messages: this.#unstored });",
        to: "this.#effects.push({ type: 'persist', state, messages: this.#unstored.filter((m) => isProposal(m) || m === message) });",
      },
      'a restart takes the stored votes in': {
        file: CORE,
        from: 'for (const message of proposalsFirst(record.messages))',
        to: 'for (const message of proposalsFirst(record.messages).filter(isProposal))',
      },
    },
  ],
  [
    'a leader that cannot build',
    failedBuilding,
    {
      'the leader, too, starts the propose timeout': {
        file: CORE,
        from: "    this.#schedule('propose');",
        to: "    if (leaderOf(this.#authorities, this.#height, this.#round).address !== this.#address) this.#schedule('propose');",
      },
    },
  ],
  [
    'precommits of two rounds',
    precommitsOfTwoRounds,
    {
      'they are not added up': {
        file: CORE,
        from: 'precommits.count(blockId) < this.#authorities.quorum',
        to: 'this.#log.rounds().reduce((sum, r) => sum + (this.#log.votes(r, PRECOMMIT)?.count(blockId) ?? 0), 0) < this.#authorities.quorum',
      },
    },
  ],
  [
    'the one who slept',
    sleeper,
    {
      'ADR carries all rounds': {
        file: CORE,
        from: 'return missingFrom(this.#log, this.#authorities, holds);',
        to: 'return missingFrom(this.#log, this.#authorities, holds).filter(({ round }) => round === this.#round);',
      },
    },
  ],
  [
    'nil lock, valid round 0',
    nilLock,
    {
      'a nil lock is its own case': {
        file: CORE,
        from: 'this.#locked === null || this.#locked.round <= validRound || this.#locked.block.id === block.id;',
        to: '(this.#locked?.round as number) <= validRound || this.#locked?.block.id === block.id;',
      },
    },
  ],
  [
    'a lock of round 0',
    lockOfRoundZero,
    {
      'round 0 is not nil': {
        file: CORE,
        from: 'const unlocked = this.#locked === null || this.#locked.block.id === block.id;',
        to: 'const unlocked = !this.#locked?.round || this.#locked.block.id === block.id;',
      },
    },
  ],
  [
    'a lock of a later round than the valid one',
    lockOfRoundOne,
    {
      'the lock is compared with the valid round': {
        file: CORE,
        from: 'return this.#validity.get(block.id)?.valid === true && free;',
        to: 'return this.#validity.get(block.id)?.valid === true || free;',
      },
    },
  ],
];

for (const [name, play, parts] of TRACES) {
  describe(name, () => {
    it('is borne', () => play(Consensus));
    for (const [part, mutation] of Object.entries(parts)) {
      it(`is not, without: ${part}`, async () => {
        await withMutant(mutation, (Core) => expect(() => play(Core)).toThrow());
      });
    }
  });
}
