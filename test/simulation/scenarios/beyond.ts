/** More liars than a network bears: what they can do, and all that they can do. */
import type { Block } from '../../../src/protocol/block.js';
import { twinOf } from './false-tongue.js';
import type { Scenario, Story } from './scenario.js';
import { HEIGHT, type Stage, until } from './stage.js';

/** X and Y, two of four, make v final with A, and w, its twin, with B: the network has split. Then the halves meet. */
function* twoFaces(stage: Stage): Story {
  const [x, a, b, y] = [stage.leader(0), stage.leader(1), stage.leader(2), stage.leader(3)];
  const { post, genesisId, simulation } = stage;
  simulation.judge.goesOn = simulation.plan.beyond;
  let w: Block | undefined;
  for (const liar of [x, y]) {
    stage.lies(liar, (message, to) => {
      if (message.height !== HEIGHT || to !== b.name) return undefined;
      if ('block' in message) w ??= twinOf(message.block, x.key, genesisId);
      return w;
    });
  }
  stage.separate(a, b);
  yield until('X has proposed two blocks', () => w !== undefined);
  // Of what one of them is told the other hears nothing, through nobody.
  for (const said of ['proposal', 'prevote', 'precommit'] as const) {
    post.lose({ said, block: w?.id ?? null, to: [a] });
    post.lose({ said, butBlock: w?.id ?? null, to: [b] });
  }
  yield until('A and B have made different blocks final', () => stage.isFinal(a, b));
}

export const BEYOND: readonly Scenario[] = [
  {
    name: 'split-beyond-f',
    what: 'two of four make one block final with each of the others',
    authorities: 4,
    splits: true,
    tell: twoFaces,
    parts: {
      'the rules of accounts': {
        file: 'src/ledger/execute.ts',
        from: '  view.mint(coinbase, reward);\n',
        to: '  view.mint(coinbase, reward);\n  view.mint(coinbase, reward);\n',
        noticed: /supply|hash_state|reward/,
      },
    },
  },
];
