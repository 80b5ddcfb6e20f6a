/** docs/security.md shows the limits that the code has. `UPDATE_DOCS=1` writes its tables anew. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../../src/api/limits.js';
import { ENTRY_LIFE_MS } from '../../../src/discovery/messages.js';
import { LIMITS as REGISTRY_LIMITS } from '../../../src/discovery/registry.js';
import { LIMIT_TABLE, QUOTAS } from '../../../src/network/limits.js';
import { OFFENCES } from '../../../src/network/offences.js';
import { MAX_CLOCK_AHEAD_MS } from '../../../src/protocol/block.js';
import { MAX_FRAME_BYTES, MAX_HANDSHAKE_FRAME_BYTES } from '../../../src/protocol/frame.js';

const PATH = join(import.meta.dirname, '../../../docs/security.md');

type Rows = readonly (readonly (string | number)[])[];

const tables: Readonly<Record<string, Rows>> = {
  limits: [
    ['limit', 'value', 'why'],
    ...Object.entries(LIMIT_TABLE).map(([name, [value, why]]) => [`\`${name}\``, value, why]),
  ],
  quotas: [
    ['message', 'counted by', 'a second', 'at once', 'why'],
    ...Object.entries(QUOTAS).map(([type, { per, perSecond, burst, leastBytes, passedOn, why }]) => [
      type,
      leastBytes === undefined ? per : `byte, ${shown(Math.round(leastBytes))} at least`,
      perSecond,
      burst,
      passedOn ? `${why}; passed on` : why,
    ]),
  ],
  offences: [
    ['offence', 'score', 'proven by its signature', 'banned', 'what it is'],
    ...Object.entries(OFFENCES).map(([name, { score, provable, ban, why }]) => [
      `\`${name}\``,
      score,
      provable ? 'yes' : 'no',
      ban ? 'yes' : 'no',
      why,
    ]),
  ],
};

function shown(cell: string | number): string {
  return typeof cell === 'number' ? cell.toLocaleString('en-US', { maximumFractionDigits: 1 }) : cell;
}

function tableText(rows: Rows): string {
  const [head = [], ...rest] = rows.map((row) => `| ${row.map(shown).join(' | ')} |`);
  const line = `|${(rows[0] ?? []).map(() => ' --- |').join('')}`;
  return [head, line, ...rest].join('\n');
}

/** The document with the tables of the code behind their marks. */
function withTables(text: string): string {
  return Object.entries(tables).reduce((document, [name, rows]) => {
    const mark = `<!-- ${name} -->`;
    const [before, after] = document.split(`${mark}\n`);
    if (before === undefined || after === undefined) throw new Error(`there is no one place ${mark}`);
    return `${before}${mark}\n\n${tableText(rows)}\n\n${after.replace(/^\n*(?:\|[^\n]*\n)*\n*/, '')}`;
  }, text);
}

const text = readFileSync(PATH, 'utf8');
if (process.env.UPDATE_DOCS === '1') writeFileSync(PATH, withTables(text));

describe('docs/security.md', () => {
  it('has the tables of the code', () => {
    expect(readFileSync(PATH, 'utf8')).toBe(withTables(text));
  });

  it('has the numbers of the code in its sentences', () => {
    const prose = text.replace(/\s+/g, ' ');
    const { requestsPerSecond, requestBurst, jsonDepth, bodyBytes, batchBodyBytes } = DEFAULT_LIMITS;
    const { perNetwork, perSource, entries } = REGISTRY_LIMITS;
    for (const sentence of [
      `${shown(requestsPerSecond)} requests a second of one address, ${shown(requestBurst)} at once`,
      `at most ${bodyBytes / 1024} KiB (\`POST /txns\` ${batchBodyBytes / 1024 / 1024} MiB), ${jsonDepth} levels`,
      `${shown(perNetwork)} of one network, ${perSource} of one source`,
      `${shown(entries)} in all`,
      `expire after ${ENTRY_LIFE_MS / 60_000 === 2 ? 'two' : '?'} minutes`,
      `at most ${MAX_CLOCK_AHEAD_MS / 1000} s ahead`,
      `at most ${shown(MAX_FRAME_BYTES)} bytes (${shown(MAX_HANDSHAKE_FRAME_BYTES)} before the handshake)`,
    ])
      expect(prose).toContain(sentence);
  });

  it('names files that are there', () => {
    for (const [, path = ''] of text.matchAll(/`((?:src|test)\/[\w./-]+)`/g))
      expect(existsSync(path), path).toBe(true);
  });
});
