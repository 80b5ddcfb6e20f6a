/** Holds docs/protocol.md against what it describes: its bytes against the vectors, its tables against the code. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ERRORS } from '../../../src/protocol/errors.js';
import { BYE_CODES, MESSAGE_TYPES } from '../../../src/protocol/messages.js';

const ROOT = join(import.meta.dirname, '../../..');
const text = readFileSync(join(ROOT, 'docs/protocol.md'), 'utf8');
const folder = join(ROOT, 'test/vectors');
const vectors = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));

/** The bytes of each ```hex block: lines of bytes and remarks, a paragraph being one run, `…` leaving some out. */
const examples = [...text.matchAll(/^```hex\n(.*?)^```/gms)].flatMap(([, block = '']) =>
  block.split('\n\n').flatMap((paragraph) => {
    const lines = paragraph.split('\n').filter((line) => line !== '');
    return joined(lines.map((line) => line.split(/\s{2,}/)[0] ?? ''));
  }),
);

/** One run of bytes if the vectors hold it as such, else each line by itself. */
function joined(lines: readonly string[]): string[] {
  const whole = lines.join('').split('…');
  return whole.every(held) ? whole : lines.flatMap((line) => line.split('…'));
}

function held(hex: string): boolean {
  return vectors.some((vector) => vector.includes(hex));
}

describe('docs/protocol.md', () => {
  test('has examples', () => expect(examples.length).toBeGreaterThan(20));

  test.each(examples)('shows bytes that the vectors have: %s', (hex) => {
    expect(hex).toMatch(/^[0-9a-f]+$/);
    expect(held(hex)).toBe(true);
  });

  test('names every message and every reason to hang up', () => {
    for (const type of MESSAGE_TYPES) expect(text).toContain(`| ${type} |`);
    for (const code of BYE_CODES) expect(text).toContain(`\`${code}\``);
  });

  test('names the codes of a transaction in the order of the table of errors', () => {
    const codes = Object.keys(ERRORS);
    const inOrder = codes.slice(0, codes.indexOf('INSUFFICIENT_BALANCE') + 1);
    const section = text.slice(text.indexOf('**Checks, in this order,**'), text.indexOf('**Effect.**'));
    const shown = [...section.matchAll(/`([A-Z_]{5,})`/g)].map(([, code]) => code);
    expect(shown).toEqual(inOrder);
  });
});
