/** Lets every write to a database fail, as on a full disk, while the file FAULTS_FULL_DISK exists. */
import { existsSync } from 'node:fs';
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
