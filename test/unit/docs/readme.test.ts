/** Holds README.md against the documents that it sums up; its walk-through is replayed by test/e2e/readme.test.ts. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const readme = read('README.md');

test('lists the routes of docs/api.md, which a test holds to the code, in their order', () => {
  const documented = [...read('docs/api.md').matchAll(/^\| `(GET|POST) (\S+)` /gm)].map(
    ([, method, path]) => [method, path],
  );
  const listed = [...readme.matchAll(/^\| (GET|POST) \| `(\S+)` \|/gm)].map(([, method, path]) => [
    method,
    path,
  ]);
  expect(documented.length).toBeGreaterThan(10);
  expect(listed).toEqual(documented);
});

test('shows of quorums what docs/operations.md does', () => {
  const rows = readme.match(/^\| \d+ \| \d+ \| \d+ \| \d+ \|$/gm) ?? [];
  expect(rows.length).toBeGreaterThan(3);
  for (const row of rows) expect(read('docs/operations.md')).toContain(row);
});
