/** Final blocks as JSON text. A final block never changes, so it is written once and kept while there is room. */
import type { FinalBlock, NodeFace } from '../node/face.js';
import type { Hash } from '../protocol/bytes.js';
import { accountStateView, blockView } from './views.js';

export interface BlockText {
  readonly id: Hash;
  readonly text: string;
}

/** How many characters of accounts are handed on at once when all of them are streamed. */
const CHUNK_CHARS = 16_384;

export class BlockTexts {
  readonly #face: NodeFace;
  readonly #maxChars: number;
  /** By number, least recently used first. */
  readonly #kept = new Map<number, BlockText>();
  #chars = 0;

  constructor(face: NodeFace, maxChars: number) {
    this.#face = face;
    this.#maxChars = maxChars;
  }

  /** The block with the accounts it touched; undefined if there is none. */
  async get(reference: number | Hash | 'latest'): Promise<BlockText | undefined> {
    const kept = typeof reference === 'number' ? this.#kept.get(reference) : undefined;
    if (kept !== undefined) {
      this.#keep(reference as number, kept);
      return kept;
    }
    const final = await this.#face.block(reference);
    return final && (this.#kept.get(final.block.header.number) ?? this.#write(final));
  }

  /** The block with every account as of it, in pieces that together are one JSON object. */
  async *withAllAccounts(final: FinalBlock): AsyncGenerator<string> {
    const { number } = final.block.header;
    let chunk = `${JSON.stringify(blockView(final, this.#face.authorities())).slice(0, -1)},"state":{`;
    let separator = '';
    for await (const [address, account] of this.#face.accountsAt(number)) {
      chunk += `${separator}"${address}":${JSON.stringify(accountStateView(address, account))}`;
      separator = ',';
      if (chunk.length >= CHUNK_CHARS) {
        yield chunk;
        chunk = '';
      }
    }
    yield `${chunk}}}`;
  }

  async #write(final: FinalBlock): Promise<BlockText> {
    const { id, header } = final.block;
    const touched = await this.#face.touchedAccounts(header.number);
    const state = Object.fromEntries(
      touched.map(([address, account]) => [address, accountStateView(address, account)]),
    );
    const text = JSON.stringify({ ...blockView(final, this.#face.authorities()), state });
    this.#keep(header.number, { id, text });
    return { id, text };
  }

  #keep(number: number, block: BlockText): void {
    this.#drop(number);
    if (block.text.length > this.#maxChars) return;
    this.#kept.set(number, block);
    this.#chars += block.text.length;
    for (const oldest of this.#kept.keys()) {
      if (this.#chars <= this.#maxChars) break;
      this.#drop(oldest);
    }
  }

  #drop(number: number): void {
    this.#chars -= this.#kept.get(number)?.text.length ?? 0;
    this.#kept.delete(number);
  }
}
