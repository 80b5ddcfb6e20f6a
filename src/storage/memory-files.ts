/** `Files` in memory, for tests and the simulator. */
import type { Files, OpenFile } from '../ports/files.js';

export class MemoryFiles implements Files {
  readonly #files = new Map<string, Uint8Array>();

  async names(): Promise<string[]> {
    return [...this.#files.keys()];
  }

  async write(name: string, pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    const copies: Uint8Array[] = [];
    for await (const piece of pieces) copies.push(piece.slice());
    this.#files.set(name, new Uint8Array(Buffer.concat(copies)));
  }

  async open(name: string): Promise<OpenFile | undefined> {
    const bytes = this.#files.get(name);
    if (bytes === undefined) return undefined;
    const part = (at: number, lengthBytes: number) => {
      if (at + lengthBytes > bytes.length) throw new RangeError(`the file ends at ${bytes.length}`);
      return bytes.slice(at, at + lengthBytes);
    };
    return {
      sizeBytes: bytes.length,
      read: async (at, lengthBytes) => part(at, lengthBytes),
      readInto: async (at, target) => target.set(part(at, target.length)),
      close: async () => {},
    };
  }

  async remove(name: string): Promise<void> {
    this.#files.delete(name);
  }
}
