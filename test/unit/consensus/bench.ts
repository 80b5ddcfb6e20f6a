/** One consensus core on the bench: signs, persists and validates at once, and remembers all that it asked for. */
import { Consensus } from '../../../src/consensus/consensus.js';
import type { Effect, Input, SignerRecord, TimeoutId } from '../../../src/consensus/effects.js';
import type { TimeoutKind } from '../../../src/consensus/leader.js';
import { type ConsensusMessage, isProposal } from '../../../src/consensus/message.js';
import type { AuthoritySet } from '../../../src/protocol/authorities.js';
import type { Block } from '../../../src/protocol/block.js';
import { authoritySet, persisted, signStatement, TIMEOUTS } from './fakes.js';

/** The height that bench tests decide: its leader in round r is authority r (of 4 or fewer, modulo). */
export const HEIGHT = 420;

export type CoreClass = typeof Consensus;

export interface BenchOptions {
  readonly n?: number;
  /** Our index; null for a node that only follows. */
  readonly self?: number | null;
  readonly height?: number;
  readonly record?: SignerRecord | null;
  readonly acting?: boolean;
  readonly due?: boolean;
  readonly core?: CoreClass;
}

export class Bench {
  readonly authorities: AuthoritySet;
  readonly core: Consensus;
  readonly self: number | null;
  /** Everything carried out, in order. */
  readonly effects: Effect[] = [];
  /** What is on disk. */
  record: SignerRecord | null;
  /** The verdict on blocks; undefined leaves a validation unanswered. */
  verdict: (block: Block) => { valid: boolean; timely: boolean } | undefined = () => ({
    valid: true,
    timely: true,
  });
  /** The block to build; null: building fails; undefined: it never ends. */
  building: Block | null | undefined;
  /** While true, `sign` stays unanswered. */
  signingHeld = false;
  readonly #height: number;
  readonly #held: ConsensusMessage[] = [];

  constructor(options: BenchOptions = {}) {
    const { n = 4, self = 0, height = HEIGHT, record = null, acting = true, due = true } = options;
    this.authorities = authoritySet(n);
    this.self = self;
    this.#height = height;
    this.record = record;
    const address = self === null ? null : this.address(self);
    const Core = options.core ?? Consensus;
    this.core = new Core(address, TIMEOUTS, height, this.authorities);
    this.do({ type: 'height', height, authorities: this.authorities, record });
    this.do({ type: 'acting', acting });
    if (due) this.do({ type: 'due', height });
  }

  address(index: number): string {
    return this.authorities.list[index]?.address ?? '';
  }

  /** Takes an input in, and carries out what comes of it, in order, across steps too. Returns what was carried out. */
  do(input: Input): Effect[] {
    const queue = this.core.step(input);
    const from = this.effects.length;
    for (let effect = queue.shift(); effect !== undefined; effect = queue.shift()) {
      this.effects.push(effect);
      queue.push(...this.#carryOut(effect));
    }
    return this.effects.slice(from);
  }

  hear(...messages: readonly ConsensusMessage[]): Effect[] {
    return messages.flatMap((message) => this.do({ type: 'message', message }));
  }

  repair(...messages: readonly ConsensusMessage[]): Effect[] {
    return this.do({ type: 'repair', messages });
  }

  fire(kind: TimeoutKind, round = this.core.round, height = this.#height): Effect[] {
    return this.do({ type: 'timeout', timeout: { kind, height, round } });
  }

  /** Answers the signatures held back so far. */
  releaseSigning(): Effect[] {
    this.signingHeld = false;
    return this.#held.splice(0).flatMap((message) => this.do({ type: 'signed', message }));
  }

  /** The same key started again from what is on its disk. */
  restart(options: BenchOptions = {}): Bench {
    return new Bench({ n: this.authorities.size, self: this.self, record: this.record, ...options });
  }

  of<T extends Effect['type']>(
    type: T,
    effects: readonly Effect[] = this.effects,
  ): Extract<Effect, { type: T }>[] {
    return effects.filter((effect): effect is Extract<Effect, { type: T }> => effect.type === type);
  }

  /** What we said so far, in short. */
  get said(): string[] {
    return this.of('send').map(({ message }) => brief(message));
  }

  get sent(): ConsensusMessage[] {
    return this.of('send').map(({ message }) => message);
  }

  get timers(): string[] {
    return this.of('schedule').map(({ timeout }) => timerName(timeout));
  }

  #carryOut(effect: Effect): Effect[] {
    switch (effect.type) {
      case 'sign': {
        const message = signStatement(effect.statement);
        if (this.signingHeld) {
          this.#held.push(message);
          return [];
        }
        return this.core.step({ type: 'signed', message });
      }
      case 'persist':
        this.record = persisted(this.record, effect);
        return [];
      case 'validate': {
        const verdict = this.verdict(effect.block);
        if (verdict === undefined) return [];
        const height = effect.block.header.number;
        return this.core.step({ type: 'validated', height, blockId: effect.block.id, ...verdict });
      }
      case 'build':
        if (this.building === undefined) return [];
        return this.core.step({ ...effect, type: 'built', block: this.building });
      default:
        return [];
    }
  }
}

/** "0 propose ab12cd", "3 prevote nil", "2 precommit ab12cd". */
export function brief(message: ConsensusMessage): string {
  const id = isProposal(message) ? message.block.id : message.blockId;
  const kind = isProposal(message) ? 'propose' : message.type === 1 ? 'prevote' : 'precommit';
  return `${message.round} ${kind} ${id?.slice(0, 6) ?? 'nil'}`;
}

export function timerName({ kind, round }: TimeoutId): string {
  return `${kind} ${round}`;
}
