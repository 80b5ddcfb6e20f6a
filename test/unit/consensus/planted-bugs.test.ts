/**
 * Bugs planted in the core, one at a time: the simulated network must notice each within some seeds. Those that need a
 * rarer turn of events are held by rules.test.ts and traces.test.ts. `PLANTED_SHOW=1` prints the seed that noticed.
 */
import { describe, expect, it } from 'vitest';
import { type Mutation, withMutant } from './mutants.js';
import { Network } from './network.js';

/** Seeds tried before a planted bug counts as unnoticed. */
const SEEDS = Number(process.env.PLANTED_SEEDS ?? 200);
const CORE = 'consensus.ts';

const BUGS: Readonly<Record<string, Mutation>> = {
  'a leader with a valid block proposes a new one': {
    file: CORE,
    from: 'if (this.#valid !== null) this.#propose(this.#valid.block, this.#valid.round);\n    else this',
    to: 'this',
  },
  'rule 3 does not look at the lock': {
    file: CORE,
    from: 'block.header.coinbase === leader.address && unlocked',
    to: 'block.header.coinbase === leader.address',
  },
  'rule 4 takes a nil lock for one of round infinity': {
    file: CORE,
    from: 'this.#locked === null || this.#locked.round <= validRound || this.#locked.block.id === block.id;',
    to: '(this.#locked?.round as number) <= validRound || this.#locked?.block.id === block.id;',
  },
  'rule 5 never starts its timer': {
    file: CORE,
    from: "    this.#schedule('prevote');\n",
    to: '',
  },
  'rule 6 precommits without locking': {
    file: CORE,
    from: '        this.#locked = this.#valid;\n',
    to: '',
  },
  'rule 6 does not ask whether the block is valid': {
    file: CORE,
    from: 'if (!this.#hasQuorum(this.#round, PREVOTE, block.id) || this.#validity.get(block.id)?.valid !== true)\n        continue;',
    to: 'if (this.#log.votes(this.#round, PREVOTE) === undefined) continue;',
  },
  'rule 7 unlocks': {
    file: CORE,
    from: "    if (this.#step !== 'prevote' || !this.#hasQuorum(this.#round, PREVOTE, null)) return false;\n",
    to: "    if (this.#step !== 'prevote' || !this.#hasQuorum(this.#round, PREVOTE, null)) return false;\n    this.#locked = null;\n",
  },
  'rule 8 never starts its timer': {
    file: CORE,
    from: "    this.#schedule('precommit');\n",
    to: '',
  },
  'rule 9 is content with one less': {
    file: CORE,
    from: 'precommits.count(blockId) < this.#authorities.quorum',
    to: 'precommits.count(blockId) < Math.max(1, this.#authorities.quorum - 1)',
  },
  'rule 9 adds up the rounds': {
    file: CORE,
    from: 'precommits.count(blockId) < this.#authorities.quorum',
    to: 'this.#log.rounds().reduce((sum, r) => sum + (this.#log.votes(r, PRECOMMIT)?.count(blockId) ?? 0), 0) < this.#authorities.quorum',
  },
  'the leader starts no propose timeout': {
    file: CORE,
    from: "    this.#schedule('propose');",
    to: "    if (leaderOf(this.#authorities, this.#height, this.#round).address !== this.#address) this.#schedule('propose');",
  },
  'timers that went by while not acting never start again': {
    file: CORE,
    from: "    this.#once = new Set([...this.#once].filter((key) => !key.startsWith('timeout ')));\n",
    to: '',
  },
  'sent before it is on disk': {
    file: CORE,
    from: "    this.#effects.push({ type: 'persist', state, messages: this.#unstored });\n    this.#unstored = [];\n    this.#effects.push({ type: 'send', message });\n",
    to: "    this.#effects.push({ type: 'send', message });\n    this.#effects.push({ type: 'persist', state, messages: this.#unstored });\n    this.#unstored = [];\n",
  },
  'the lock is not stored': {
    file: CORE,
    from: 'locked: summary(this.#locked),',
    to: 'locked: null,',
  },
  'only the own message is stored': {
    file: CORE,
    from: "this.#effects.push({ type: 'persist', state, messages: this.#unstored });",
    to: "this.#effects.push({ type: 'persist', state, messages: this.#unstored.filter((m) => isProposal(m) || m === message) });",
  },
  'a restart forgets what was signed': {
    file: CORE,
    from: '    this.#slot = record.slot;\n',
    to: '',
  },
  'a restart begins at step propose, with nothing signed in its round': {
    file: CORE,
    from: '    this.#slot = record.slot;\n',
    to: '    this.#slot = record.slot - (record.slot % 3) - 1;\n',
  },
  'ADR carries the own round only': {
    file: CORE,
    from: 'return missingFrom(this.#log, this.#authorities, holds);',
    to: 'return missingFrom(this.#log, this.#authorities, holds).filter(({ round }) => round === this.#round);',
  },
  'ADR carries nothing': {
    file: CORE,
    from: 'return missingFrom(this.#log, this.#authorities, holds);',
    to: 'return missingFrom(this.#log, this.#authorities, holds).filter(() => false);',
  },
};

describe('planted bugs', () => {
  for (const [name, mutation] of Object.entries(BUGS)) {
    it(`is noticed: ${name}`, { timeout: 120_000 }, async () => {
      const noticed = await withMutant(mutation, (Core) => {
        for (let seed = 1; seed <= SEEDS; seed++) {
          try {
            new Network(seed, Core).run();
          } catch (error) {
            return `seed ${seed}: ${error instanceof Error ? error.message : error}`;
          }
        }
        return null;
      });
      if (process.env.PLANTED_SHOW !== undefined) console.log(`${name}: ${noticed}`);
      expect(noticed).not.toBe(null);
    });
  }
});
