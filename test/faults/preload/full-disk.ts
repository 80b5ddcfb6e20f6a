/** Lets every write to a database, a journal or another file of the node's fail, as on a full disk, while the file FAULTS_FULL_DISK exists. */
import fs, { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { ClassicLevel } from 'classic-level';

interface Batch {
  _write(options: unknown): Promise<void>;
}

interface Level {
  _chainedBatch(): Batch;
}

const sign = process.env.FAULTS_FULL_DISK ?? '';
const level = ClassicLevel.prototype as unknown as Level;
const makeBatch = level._chainedBatch;

level._chainedBatch = function chainedBatch(this: Level): Batch {
  const batch = makeBatch.call(this);
  const write = batch._write.bind(batch);
  batch._write = async (options) => {
    if (existsSync(sign)) throw new Error('IO error: 000042.log: No space left on device');
    await write(options);
  };
  return batch;
};

/** Only the journal writes at a place; lines of the log have none. */
const isAtPlace = (args: readonly unknown[]) => typeof args[4] === 'number';
const full = () => Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });

const writeSync = fs.writeSync as (...args: unknown[]) => number;
fs.writeSync = ((...args: unknown[]) => {
  if (isAtPlace(args) && existsSync(sign)) throw full();
  return writeSync(...args);
}) as typeof fs.writeSync;
syncBuiltinESMExports();

const probe = await open(process.execPath, 'r');
interface Handle {
  write(...args: unknown[]): Promise<unknown>;
  writeFile(...args: unknown[]): Promise<unknown>;
}
const handles = Object.getPrototypeOf(probe) as Handle;
await probe.close();
const { write, writeFile } = handles;
handles.write = async function (this: unknown, ...args: unknown[]) {
  if (typeof args[3] === 'number' && existsSync(sign)) throw full();
  return write.apply(this, args);
};
handles.writeFile = async function (this: unknown, ...args: unknown[]) {
  if (existsSync(sign)) throw full();
  return writeFile.apply(this, args);
};
