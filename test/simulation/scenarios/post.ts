/** Carries the letters of a scripted network: what is said to whom arrives, is lost, or waits until it is released. */
import type { Hash } from '../../../src/protocol/bytes.js';
import type { Host, SimInternet } from '../internet.js';
import { frameType } from '../internet.js';
import { hostOf, type Machine } from '../machine.js';
import {
  type Kind,
  messagesIn,
  PRECOMMIT,
  PREVOTE,
  PROPOSAL,
  signerIndexOf,
  statementOf,
} from '../spoken.js';

const KINDS: Readonly<Record<'proposal' | 'prevote' | 'precommit', Kind>> = {
  proposal: PROPOSAL,
  prevote: PREVOTE,
  precommit: PRECOMMIT,
};

/** A vote or proposal on its way, whoever passes it on; what is not named may be anything. */
export interface Said {
  readonly said: keyof typeof KINDS;
  readonly round?: number;
  /** Who signed it. */
  readonly by?: Machine;
  readonly to?: readonly Machine[];
  readonly block?: Hash | null;
  readonly butBlock?: Hash | null;
}

export interface Word {
  readonly kind: Kind;
  readonly height: number;
  readonly round: number;
  readonly signer: number;
  readonly blockId: Hash | null;
}

/** Letters that wait. */
export interface Held {
  /** They arrive, in their order, and so do all later ones. */
  release(): void;
}

type Fate = (words: readonly Word[], to: string, carryOn: () => void) => boolean;

export class Post {
  readonly #height: number;
  readonly #genesisId: Uint8Array;
  readonly #authorities: number;
  /** Each says whether it takes charge of a letter. */
  readonly #fates: Fate[] = [];
  #asking = false;

  /** @param height the one that rules are about */
  constructor(internet: SimInternet, height: number, genesisId: Uint8Array, authorities: number) {
    this.#height = height;
    this.#genesisId = genesisId;
    this.#authorities = authorities;
    internet.gate = (frame, from, to, carryOn) => this.#carry(frame, from, to, carryOn);
  }

  /** Never arrives, until `allowAll`. */
  lose(what: Said): void {
    this.#fates.push((words, to) => this.#isAbout(what, words, to));
  }

  hold(what: Said): Held {
    const waiting: (() => void)[] = [];
    let open = false;
    this.#fates.push((words, to, carryOn) => {
      if (open || !this.#isAbout(what, words, to)) return false;
      waiting.push(carryOn);
      return true;
    });
    return {
      release: () => {
        open = true;
        for (const carryOn of waiting.splice(0)) carryOn();
      },
    };
  }

  /** Nobody asks for what it lacks until this is called, and nothing is lost from then on. */
  allowAll(): void {
    this.#fates.length = 0;
    this.#asking = true;
  }

  #carry(frame: Uint8Array, _from: Host, to: string, carryOn: () => void): void {
    const type = frameType(frame);
    if (!this.#asking && (type === 'LDR' || type === 'ADR')) return;
    const words = this.#wordsIn(frame);
    if (words.length > 0 && this.#fates.some((fate) => fate(words, to, carryOn))) return;
    carryOn();
  }

  #wordsIn(frame: Uint8Array): Word[] {
    return messagesIn(frame, this.#genesisId).map((message) => {
      const { kind, height, round, blockId } = statementOf(message);
      return { kind, height, round, blockId, signer: signerIndexOf(message, this.#authorities) };
    });
  }

  #isAbout({ said, round, by, to, block, butBlock }: Said, words: readonly Word[], host: string): boolean {
    if (to !== undefined && !to.some(({ index }) => hostOf(index) === host)) return false;
    return words.some(
      (word) =>
        word.height === this.#height &&
        word.kind === KINDS[said] &&
        (round === undefined || word.round === round) &&
        (by === undefined || word.signer === by.index) &&
        (block === undefined || word.blockId === block) &&
        (butBlock === undefined || word.blockId !== butBlock),
    );
  }
}
