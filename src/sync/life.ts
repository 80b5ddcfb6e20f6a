/**
 * The life of a node (section 9) as a state machine: genesis, boot, ready, stopping, dead. It decides from events alone
 * when the node is caught up; it never acts. Whoever steps it carries out the effects it asks for, and tells it what
 * came of them: there is no clock, promise, actor or socket in here.
 *
 * Caught up (section 8) means: every peer answered that it has nothing beyond our head, or there are no peers, or
 * nobody gave us a further block for `WAIT_MS`. A mere claim of a height moves the node from comparing to downloading,
 * where those `WAIT_MS` already run against it; it never moves a node out of ready.
 */
import { initialTransition, type SnapshotFrom, setup, transition } from 'xstate';

/** Where in its life a node is, as the outside sees it. */
export type Phase = 'genesis' | 'connecting' | 'comparing' | 'downloading' | 'ready' | 'stopping' | 'dead';

/** How long first dials, an answer, or a further block are waited for (section 8). */
export const WAIT_MS = 2_000;
/** A node this close to its peers' heads is racing them, not behind them … */
export const NEAR_BLOCKS = 8;
/** … and after so many races in a row it is caught up: else a chain faster than an answer keeps it out for ever. */
export const MAX_RACES = 3;

export type LifeEvent =
  /** The node has its genesis block. */
  | { readonly type: 'genesisKnown' }
  /** The first dial to every configured peer has ended, well or not. */
  | { readonly type: 'dialsDone' }
  /** `WAIT_MS` have passed since the last `startWaiting`. */
  | { readonly type: 'waited' }
  /**
   * What is known of the peers: `best` is the highest block that a peer in good standing says it has (or that we hold),
   * `unanswered` how many peers may still tell their height.
   */
  | { readonly type: 'assessed'; readonly head: number; readonly best: number; readonly unanswered: number }
  /** A block that we asked a peer for is being applied, was applied, was refused. */
  | { readonly type: 'applying' }
  | { readonly type: 'applied' }
  | { readonly type: 'refused' }
  /** Final blocks beyond our next one were given to us, and checked. */
  | { readonly type: 'fellBehind' }
  | { readonly type: 'stop' }
  | { readonly type: 'stopped' }
  | { readonly type: 'failed'; readonly failure: Error };

/** What the machine asks for; to be carried out in the order given. */
export type LifeEffect =
  | { readonly type: 'enter'; readonly phase: Phase }
  /** Ask every peer for its height. */
  | { readonly type: 'askHeights' }
  /** Send `waited` in `WAIT_MS`; an earlier wait is over. */
  | { readonly type: 'startWaiting' };

interface LifeContext {
  /** How often in a row comparing found the node no more than `NEAR_BLOCKS` behind. */
  readonly races: number;
  /** Why it died; null for an orderly end. */
  readonly failure: Error | null;
}

const lifeSetup = setup({
  types: { context: {} as LifeContext, events: {} as LifeEvent },
  actions: {
    // Empty on purpose: `transition` hands out their names and parameters, which are the effects.
    enter: (_, _params: { readonly phase: Phase }) => {},
    askHeights: () => {},
    startWaiting: () => {},
  },
  guards: {
    worthFetching: ({ context, event }) =>
      event.type === 'assessed' &&
      event.best > event.head &&
      (event.best - event.head > NEAR_BLOCKS || context.races < MAX_RACES),
    atBest: ({ event }) => event.type === 'assessed' && event.best <= event.head,
    allAnswered: ({ event }) => event.type === 'assessed' && event.unanswered === 0,
  },
});

function enter(phase: Phase) {
  return { type: 'enter', params: { phase } } as const;
}

const countRace = lifeSetup.assign(({ context, event }) => {
  const near = event.type === 'assessed' && event.best - event.head <= NEAR_BLOCKS;
  return { races: near ? context.races + 1 : 0 };
});

const keepFailure = lifeSetup.assign(({ event }) =>
  event.type === 'failed' ? { failure: event.failure } : {},
);

const boot = lifeSetup.createStateConfig({
  initial: 'connecting',
  states: {
    connecting: {
      entry: [enter('connecting'), 'startWaiting'],
      on: {
        dialsDone: { target: 'comparing', actions: 'startWaiting' },
        waited: { target: 'comparing', actions: 'startWaiting' },
      },
    },
    comparing: {
      id: 'comparing',
      entry: [enter('comparing'), 'askHeights'],
      on: {
        assessed: [
          { guard: 'worthFetching', target: 'downloading', actions: countRace },
          { guard: 'allAnswered', target: '#ready' },
        ],
        waited: '#ready',
      },
    },
    // Entered without a wait of its own: going to and fro between comparing and downloading wins nobody any time.
    downloading: {
      entry: enter('downloading'),
      initial: 'fetching',
      states: {
        fetching: {
          on: {
            applying: 'applying',
            assessed: { guard: 'atBest', target: '#comparing' },
            waited: '#ready',
          },
        },
        // A block that is being checked was given: `waited` means nothing here.
        applying: {
          on: {
            applied: { target: 'fetching', actions: 'startWaiting' },
            refused: { target: 'fetching', actions: 'startWaiting' },
          },
        },
      },
    },
  },
});

export const lifeMachine = lifeSetup.createMachine({
  context: { races: 0, failure: null },
  initial: 'alive',
  states: {
    alive: {
      initial: 'genesis',
      on: { stop: 'stopping', failed: { target: 'dead', actions: keepFailure } },
      states: {
        genesis: { entry: enter('genesis'), on: { genesisKnown: 'boot' } },
        boot,
        ready: {
          id: 'ready',
          entry: enter('ready'),
          on: { fellBehind: { target: 'boot.downloading', actions: 'startWaiting' } },
        },
      },
    },
    stopping: {
      entry: enter('stopping'),
      on: { stopped: 'dead', failed: { target: 'dead', actions: keepFailure } },
    },
    dead: { entry: enter('dead') },
  },
});

export type Life = SnapshotFrom<typeof lifeMachine>;

/** The life of a node before its genesis is known, and what to do about it. */
export function beginLife(): readonly [Life, readonly LifeEffect[]] {
  const [life, actions] = initialTransition(lifeMachine);
  return [life, actions.map(toEffect)];
}

/** The life after an event, and what to do about it. Events that mean nothing in a state change nothing. */
export function stepLife(life: Life, event: LifeEvent): readonly [Life, readonly LifeEffect[]] {
  const [next, actions] = transition(lifeMachine, life, event);
  return [next, actions.map(toEffect)];
}

export function phaseOf(life: Life): Phase {
  if (life.matches('stopping')) return 'stopping';
  if (life.matches('dead')) return 'dead';
  if (life.matches({ alive: 'genesis' })) return 'genesis';
  if (life.matches({ alive: 'ready' })) return 'ready';
  if (life.matches({ alive: { boot: 'connecting' } })) return 'connecting';
  if (life.matches({ alive: { boot: 'comparing' } })) return 'comparing';
  return 'downloading';
}

/** Whether `assessed` can mean anything there. Most assessments are made in ready, where it does not. */
export function heedsAssessment(phase: Phase): boolean {
  return phase === 'comparing' || phase === 'downloading';
}

function toEffect(action: { readonly type: string; readonly params: unknown }): LifeEffect {
  switch (action.type) {
    case 'enter':
      return { type: 'enter', phase: (action.params as { phase: Phase }).phase };
    case 'askHeights':
    case 'startWaiting':
      return { type: action.type };
    default:
      throw new Error(`the life of a node has no effect ${action.type}`);
  }
}
