import { describe, expect, test } from 'vitest';
import {
  beginLife,
  type Life,
  type LifeEffect,
  type LifeEvent,
  MAX_RACES,
  NEAR_BLOCKS,
  phaseOf,
  stepLife,
} from '../../../src/sync/life.js';

/** Every kind of event; `assessed` in each combination that a guard tells apart. */
const EVENTS = {
  genesisKnown: { type: 'genesisKnown' },
  dialsDone: { type: 'dialsDone' },
  waited: { type: 'waited' },
  behind: { type: 'assessed', head: 5, best: 100, unanswered: 0 },
  behindUnanswered: { type: 'assessed', head: 5, best: 100, unanswered: 1 },
  level: { type: 'assessed', head: 5, best: 5, unanswered: 0 },
  levelUnanswered: { type: 'assessed', head: 5, best: 5, unanswered: 1 },
  applying: { type: 'applying' },
  applied: { type: 'applied' },
  refused: { type: 'refused' },
  fellBehind: { type: 'fellBehind' },
  stop: { type: 'stop' },
  stopped: { type: 'stopped' },
  failed: { type: 'failed', failure: new Error('disk full') },
} as const satisfies Record<string, LifeEvent>;

type EventName = keyof typeof EVENTS;

/** How to get into each state. */
const PATHS = {
  genesis: [],
  connecting: ['genesisKnown'],
  comparing: ['genesisKnown', 'dialsDone'],
  fetching: ['genesisKnown', 'dialsDone', 'behind'],
  applying: ['genesisKnown', 'dialsDone', 'behind', 'applying'],
  ready: ['genesisKnown', 'dialsDone', 'level'],
  stopping: ['genesisKnown', 'stop'],
  dead: ['failed'],
} as const satisfies Record<string, readonly EventName[]>;

type StateName = keyof typeof PATHS;

/** Where each event leads; what is not listed changes nothing. */
const TABLE: Record<StateName, Partial<Record<EventName, StateName>>> = {
  genesis: { genesisKnown: 'connecting', stop: 'stopping', failed: 'dead' },
  connecting: { dialsDone: 'comparing', waited: 'comparing', stop: 'stopping', failed: 'dead' },
  comparing: {
    behind: 'fetching',
    behindUnanswered: 'fetching',
    level: 'ready',
    waited: 'ready',
    stop: 'stopping',
    failed: 'dead',
  },
  fetching: {
    applying: 'applying',
    level: 'comparing',
    levelUnanswered: 'comparing',
    waited: 'ready',
    stop: 'stopping',
    failed: 'dead',
  },
  applying: { applied: 'fetching', refused: 'fetching', stop: 'stopping', failed: 'dead' },
  ready: { fellBehind: 'fetching', stop: 'stopping', failed: 'dead' },
  stopping: { stopped: 'dead', failed: 'dead' },
  dead: {},
};

function live(events: readonly EventName[]): Life {
  return events.reduce<Life>((life, name) => stepLife(life, EVENTS[name])[0], beginLife()[0]);
}

function nameOf(life: Life): StateName {
  const phase = phaseOf(life);
  if (phase !== 'downloading') return phase;
  return life.matches({ alive: { boot: { downloading: 'applying' } } }) ? 'applying' : 'fetching';
}

describe('each state and event', () => {
  for (const state of Object.keys(PATHS) as StateName[]) {
    for (const event of Object.keys(EVENTS) as EventName[]) {
      const target = TABLE[state][event] ?? state;
      test(`${state}: ${event} → ${target}`, () => {
        const before = live(PATHS[state]);
        expect(nameOf(before)).toBe(state);
        const [after, effects] = stepLife(before, EVENTS[event]);
        expect(nameOf(after)).toBe(target);
        const entered = effects.flatMap((effect) => (effect.type === 'enter' ? [effect.phase] : []));
        expect(entered).toEqual(phaseOf(after) === phaseOf(before) ? [] : [phaseOf(after)]);
      });
    }
  }
});

describe('effects', () => {
  const effectsOf = (state: StateName, event: EventName): readonly LifeEffect['type'][] =>
    stepLife(live(PATHS[state]), EVENTS[event])[1].map(({ type }) => type);

  test('comparing asks for heights, and begins a wait only after connecting', () => {
    expect(effectsOf('connecting', 'dialsDone')).toEqual(['startWaiting', 'enter', 'askHeights']);
    expect(effectsOf('fetching', 'level')).toEqual(['enter', 'askHeights']);
  });

  test('a claim wins no time', () => {
    expect(effectsOf('comparing', 'behind')).toEqual(['enter']);
  });

  test('a further block, and falling behind, begin a new wait', () => {
    expect(effectsOf('applying', 'applied')).toEqual(['startWaiting']);
    expect(effectsOf('ready', 'fellBehind')).toEqual(['startWaiting', 'enter']);
  });
});

test('a node that keeps finding itself just behind is ready after some races', () => {
  const near: LifeEvent = { type: 'assessed', head: 5, best: 5 + NEAR_BLOCKS, unanswered: 0 };
  let life = live(PATHS.comparing);
  for (let race = 0; race < MAX_RACES; race++) {
    [life] = stepLife(life, near);
    expect(nameOf(life)).toBe('fetching');
    [life] = stepLife(life, EVENTS.level);
    expect(nameOf(life)).toBe('comparing');
  }
  expect(nameOf(stepLife(life, { ...near, unanswered: 1 })[0])).toBe('comparing');
  expect(nameOf(stepLife(life, { ...near, best: 6 + NEAR_BLOCKS })[0])).toBe('fetching');
  expect(nameOf(stepLife(life, near)[0])).toBe('ready');
});

test('the reason of a death is kept, an orderly end has none', () => {
  expect(live(PATHS.dead).context.failure?.message).toBe('disk full');
  expect(live(['genesisKnown', 'stop', 'stopped']).context.failure).toBeNull();
});
