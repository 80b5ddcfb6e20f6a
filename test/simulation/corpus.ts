/** Seeds that once failed, each with what it found: corpus.json, read. */
import { readFileSync } from 'node:fs';
import { repositoryFile } from '../support/repository.js';

export interface CorpusSeed {
  readonly seed: number;
  readonly why: string;
}

export const CORPUS: readonly CorpusSeed[] = JSON.parse(
  readFileSync(repositoryFile('test/simulation/corpus.json'), 'utf8'),
);
