/** A network of one: it has nobody to say its word to, and must keep it all the same. */
import type { Scenario, Story } from './scenario.js';
import { type Stage, until } from './stage.js';

/** It ends as its proposal, its prevote and its precommit have just reached the disk, one after the other. */
function* threeEnds(stage: Stage): Story {
  const alone = stage.leader(0);
  const synced = `synced ${alone.record.name}`;
  stage.endsAt(alone, synced, synced, synced);
  yield until('it has ended three times', () => stage.hasEnded(alone));
  yield until('the block is final', () => stage.isFinal(alone));
}

export const LONE: readonly Scenario[] = [
  {
    name: 'lone-authority',
    what: 'an authority that is alone crashes after each word, and keeps all three',
    authorities: 1,
    tell: threeEnds,
    parts: {
      'a restart takes its own word in': {
        file: 'src/consensus/consensus.ts',
        from: 'if (record !== null) this.#restore(record);',
        to: '',
        noticed: /after it said/,
      },
    },
  },
];
