/** Holds docs/configuration.md and ccoin.example.json to the table of settings. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/config.js';
import { allSettings, type Setting } from '../../../src/config/settings.js';
import { parseJson } from '../../../src/protocol/strict-json.js';

const ROOT = join(import.meta.dirname, '../../..');

test('ccoin.example.json has every key, and is accepted', async () => {
  const path = join(ROOT, 'ccoin.example.json');
  const sections = parseJson(await readFile(path, 'utf8')) as Record<string, object>;
  const keys = Object.entries(sections).flatMap(([section, value]) =>
    Object.keys(value).map((key) => `${section}.${key}`),
  );
  expect(keys).toEqual(allSettings().map((setting) => setting.path));
  expect((await loadConfig(path, { HOME: '/home/me' })).app.basePath).toBe('/home/me/.ccoin');
});

test('docs/configuration.md has the table', async () => {
  const text = await readFile(join(ROOT, 'docs/configuration.md'), 'utf8');
  const table = text.split('\n').filter((line) => line.startsWith('|'));
  expect(table.map(unpadded)).toEqual(tableOfSettings().map(unpadded));
});

/** How wide columns are made to look is nobody's business but the reader's. */
function unpadded(line: string): string {
  return line.replace(/ +/g, ' ').replace(/-{3,}/g, '---');
}

/** The lines of the table. */
function tableOfSettings(): string[] {
  return [
    '| key | must be | default | why | environment |',
    '| --- | --- | --- | --- | --- |',
    ...allSettings().map(
      ({ path, setting, variable }) =>
        `| \`${path}\` | ${must(setting)} | ${byDefault(setting)} | ${setting.why} | \`${variable}\` |`,
    ),
  ];
}

function must({ expected, unit }: Setting<unknown>): string {
  return unit === undefined ? expected : `${expected} (${unit})`;
}

function byDefault({ fallback, absent, optional }: Setting<unknown>): string {
  if (fallback !== undefined) return `\`${JSON.stringify(fallback)}\``;
  return optional ? `none: ${absent}` : 'none: it must be there';
}
