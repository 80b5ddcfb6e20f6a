/** docs/api.md says what the code does: the same routes, the same errors, the same limits. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { BlockTexts } from '../../../src/api/block-texts.js';
import { API_ERRORS } from '../../../src/api/errors.js';
import { FinalEvents } from '../../../src/api/final-events.js';
import { FinalWaiters } from '../../../src/api/final-waiters.js';
import { DEFAULT_LIMITS } from '../../../src/api/limits.js';
import { routes } from '../../../src/api/routes/index.js';
import { ERRORS } from '../../../src/protocol/errors.js';
import { FakeFace } from './fake-face.js';

const text = readFileSync('docs/api.md', 'utf8');

function rowsUnder(heading: string): string[][] {
  const section = text.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('| '));
  return rows.slice(2).map((row) =>
    row
      .slice(2, -2)
      .split(' | ')
      .map((cell) => cell.trim()),
  );
}

it('names every route, and no other', () => {
  const face = new FakeFace();
  const never = () => () => {};
  const table = routes({
    face,
    limits: DEFAULT_LIMITS,
    token: undefined,
    waiters: new FinalWaiters(face, 1, never),
    events: new FinalEvents(face, DEFAULT_LIMITS, never),
    blockTexts: new BlockTexts(face, 1),
    onFailure: () => {},
  });
  const documented = rowsUnder('Routes').map(([route]) => route);
  expect(documented).toEqual(table.map(({ method, url }) => `\`${method} ${url}\``));
});

it('names every error with its status and advice', () => {
  const expected = Object.entries({ ...ERRORS, ...API_ERRORS }).map(([code, { status, advice }]) => {
    return [`\`${code}\``, String(status), advice];
  });
  expect(rowsUnder('Errors')).toEqual(expected);
});

it('names every limit', () => {
  const documented = rowsUnder('Limits').map(([, value]) => Number(value?.replaceAll(',', '')));
  expect(documented).toEqual(Object.values(DEFAULT_LIMITS));
});

it('shows JSON that is JSON', () => {
  for (const [, json = ''] of text.matchAll(/```json\n(.*?)```/gs))
    expect(() => JSON.parse(json)).not.toThrow();
});
