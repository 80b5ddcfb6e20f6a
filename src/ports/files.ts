/** Whole files that a node makes for itself beside its databases. Each can be made again: none is missed. */
export interface Files {
  names(): Promise<string[]>;
  /** Makes the file, or takes the place of the one of that name: all of it or nothing, on the disk when it resolves. */
  write(name: string, pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void>;
  /** Undefined if there is none. */
  open(name: string): Promise<OpenFile | undefined>;
  remove(name: string): Promise<void>;
}

export interface OpenFile {
  readonly sizeBytes: number;
  /** Exactly so many bytes, in memory of their own. @throws RangeError if the file ends before */
  read(at: number, lengthBytes: number): Promise<Uint8Array>;
  /** Fills `target`. @throws RangeError if the file ends before */
  readInto(at: number, target: Uint8Array): Promise<void>;
  close(): Promise<void>;
}
