/**
 * Which step of taking certified blocks is due: while some blocks are written, the next one is executed, those behind it
 * have their signatures checked, and more wait. Plain data: it carries nothing out, and whoever does says what came of it.
 *
 * A block goes waiting → checking → checked → executing → executed → writing, and leaves. Any number may be in check, but they are
 * executed and written in their order, several in one write. One whose verdict was found on the way ('judged') is told
 * it when all before it have left; if it is bad, all behind it leave without a verdict, as their parent is no block.
 */
import type { ProtocolError } from '../protocol/errors.js';

/** Blocks in the line, and bytes of their wire forms; a single block may be larger. */
export const MAX_LINE_BLOCKS = 64;
export const MAX_LINE_BYTES = 16 * 1024 * 1024;
/** No further check is begun while so much is in check: enough to keep the threads busy while a block is executed. */
export const MAX_CHECKING_BLOCKS = 16;
export const MAX_CHECKING_BYTES = 2_000_000;
/** Of one write: it is prepared on the thread that decides, in one go. */
export const MAX_WRITE_BLOCKS = 8;
export const MAX_WRITE_BYTES = 4_000_000;

export type Stage = 'waiting' | 'checking' | 'checked' | 'executing' | 'executed' | 'writing' | 'judged';

/** A block's place in the line. Its stage is the line's to change. */
export interface Place<T> {
  readonly item: T;
  readonly sizeBytes: number;
  readonly stage: Stage;
  /** Of a judged one: null if there is nothing to do for it, else why it is bad. */
  readonly verdict: ProtocolError | null;
}

export type Step<T> =
  /** `parent` is the block before it in the line that may yet be written; without one it stands on the head. */
  | { readonly kind: 'check'; readonly place: Place<T>; readonly parent: T | undefined }
  | { readonly kind: 'execute'; readonly place: Place<T> }
  | { readonly kind: 'write'; readonly places: readonly Place<T>[] }
  /** It has left; and if its verdict is an error, so have all that were behind it. */
  | { readonly kind: 'tell'; readonly place: Place<T>; readonly behind: readonly Place<T>[] };

type MutablePlace<T> = { -readonly [Key in keyof Place<T>]: Place<T>[Key] };

export class ImportLine<T> {
  readonly #maxWriteBlocks: number;
  #places: MutablePlace<T>[] = [];
  #sizeBytes = 0;
  #held = false;

  constructor(maxWriteBlocks = MAX_WRITE_BLOCKS) {
    this.#maxWriteBlocks = maxWriteBlocks;
  }

  get length(): number {
    return this.#places.length;
  }

  /** Whether anything is under way: begun and not left. */
  get isMoving(): boolean {
    const first = this.#places[0];
    return first !== undefined && first.stage !== 'waiting';
  }

  hasRoom(sizeBytes: number): boolean {
    if (this.#places.length === 0) return true;
    return this.#places.length < MAX_LINE_BLOCKS && this.#sizeBytes + sizeBytes <= MAX_LINE_BYTES;
  }

  /** @throws Error if there is no room */
  add(item: T, sizeBytes: number): void {
    if (!this.hasRoom(sizeBytes)) throw new Error('more blocks are handed in than there is room for');
    this.#places.push({ item, sizeBytes, stage: 'waiting', verdict: null });
    this.#sizeBytes += sizeBytes;
  }

  /** Held, it finishes what is begun and begins no other block. */
  hold(held: boolean): void {
    this.#held = held;
  }

  /** The step to carry out now, which counts as begun; undefined if something must end first. */
  next(): Step<T> | undefined {
    return this.#tell() ?? this.#write() ?? this.#check() ?? this.#execute();
  }

  /** Its signatures are good. */
  checked(place: Place<T>): void {
    this.#move(place, 'checking', 'checked');
  }

  executed(place: Place<T>): void {
    this.#move(place, 'executing', 'executed');
  }

  /** No further step is needed to know its verdict. */
  judged(place: Place<T>, verdict: ProtocolError | null): void {
    const own = this.#own(place);
    own.stage = 'judged';
    own.verdict = verdict;
  }

  /** The write that was begun last is durable: its blocks leave. */
  written(): void {
    this.#leave(this.#writingCount());
  }

  /** All leave, whatever their stage. */
  clear(): Place<T>[] {
    return this.#leave(this.#places.length);
  }

  #tell(): Step<T> | undefined {
    const place = this.#places[0];
    if (place?.stage !== 'judged') return undefined;
    this.#leave(1);
    return { kind: 'tell', place, behind: place.verdict === null ? [] : this.clear() };
  }

  #write(): Step<T> | undefined {
    if (this.#places[0]?.stage !== 'executed') return undefined;
    let count = 0;
    let sizeBytes = 0;
    for (const place of this.#places) {
      sizeBytes += place.sizeBytes;
      if (place.stage !== 'executed' || count === this.#maxWriteBlocks) break;
      if (count > 0 && sizeBytes > MAX_WRITE_BYTES) break;
      count++;
    }
    const places = this.#places.slice(0, count);
    for (const place of places) place.stage = 'writing';
    return { kind: 'write', places };
  }

  #check(): Step<T> | undefined {
    if (this.#held) return undefined;
    let blocks = 0;
    let sizeBytes = 0;
    let parent: T | undefined;
    for (const place of this.#places) {
      if (place.stage === 'judged') {
        if (place.verdict !== null) return undefined;
        continue;
      }
      if (place.stage === 'waiting') {
        if (blocks >= MAX_CHECKING_BLOCKS || sizeBytes >= MAX_CHECKING_BYTES) return undefined;
        place.stage = 'checking';
        return { kind: 'check', place, parent };
      }
      parent = place.item;
      if (place.stage !== 'checking') continue;
      blocks++;
      sizeBytes += place.sizeBytes;
    }
    return undefined;
  }

  #execute(): Step<T> | undefined {
    const place = this.#places.find(({ stage }) => stage !== 'writing' && stage !== 'executed');
    if (place?.stage !== 'checked') return undefined;
    place.stage = 'executing';
    return { kind: 'execute', place };
  }

  #writingCount(): number {
    const count = this.#places.findIndex(({ stage }) => stage !== 'writing');
    return count < 0 ? this.#places.length : count;
  }

  #leave(count: number): MutablePlace<T>[] {
    const places = this.#places.splice(0, count);
    for (const { sizeBytes } of places) this.#sizeBytes -= sizeBytes;
    return places;
  }

  #move(place: Place<T>, from: Stage, to: Stage): void {
    const own = this.#own(place);
    if (own.stage !== from) throw new Error(`a block that is ${own.stage}, not ${from}, cannot be ${to}`);
    own.stage = to;
  }

  #own(place: Place<T>): MutablePlace<T> {
    return place as MutablePlace<T>;
  }
}
