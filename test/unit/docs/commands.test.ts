/** Every `npm run …` that a document or the head of a program names is one of package.json. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
const all = (folder: string) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path));

const SPEAKERS = [
  'README.md',
  '.ci/run',
  ...all('docs').filter((path) => path.endsWith('.md')),
  ...['bench', 'test']
    .flatMap(all)
    .filter((path) => /\.(ts|md)$/.test(path) && !path.includes('node_modules')),
];

test('names only scripts that there are', () => {
  const named = SPEAKERS.flatMap((path) =>
    [...read(path).matchAll(/npm run (?:-s )?([a-z][a-z:]*)/g)].map(([, name = '']) => ({ path, name })),
  );
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter(({ name }) => scripts[name] === undefined)).toEqual([]);
});
