/**
 * Final blocks as JSON, in the bytes that are sent. A final block never changes, so it is written once and kept while
 * there is room.
 */
import type { FinalBlock, NodeFace } from '../node/face.js';
import type { Hash } from '../protocol/bytes.js';
import { accountStateView, blockView } from './views.js';

export interface BlockText {
  readonly id: Hash;
  readonly json: Buffer;
}

/** How many characters of accounts are handed on at once when all of them are streamed. */
const CHUNK_CHARS = 16_384;

export class BlockTexts {
  readonly #face: NodeFace;
  readonly #maxBytes: number;
  /** By number, least recently used first. */
  readonly #kept = new Map<number, BlockText>();
  /** Of those kept. */
  readonly #numbers = new Map<Hash, number>();
  #bytes = 0;

  constructor(face: NodeFace, maxBytes: number) {
    this.#face = face;
    this.#maxBytes = maxBytes;
  }

  /** The block with the accounts it touched; undefined if there is none. */
  async get(reference: number | Hash | 'latest'): Promise<BlockText | undefined> {
    const number = typeof reference === 'number' ? reference : this.#numbers.get(reference);
    const kept = number === undefined ? undefined : this.#kept.get(number);
    if (number !== undefined && kept !== undefined) {
      this.#keep(number, kept);
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
    const json = Buffer.from(JSON.stringify({ ...blockView(final, this.#face.authorities()), state }));
    this.#keep(header.number, { id, json });
    return { id, json };
  }

  #keep(number: number, block: BlockText): void {
    this.#drop(number);
    if (block.json.length > this.#maxBytes) return;
    this.#kept.set(number, block);
    this.#numbers.set(block.id, number);
    this.#bytes += block.json.length;
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#drop(oldest);
    }
  }

  #drop(number: number): void {
    const block = this.#kept.get(number);
    if (block === undefined) return;
    this.#bytes -= block.json.length;
    this.#numbers.delete(block.id);
    this.#kept.delete(number);
  }
}
