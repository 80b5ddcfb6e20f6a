/** How commands print what they found: lines of name and value for people. */

/** @param rows name and value; undefined values are left out */
export function printRows(
  rows: readonly (readonly [name: string, value: string | number | undefined])[],
): void {
  const shown = rows.filter(([, value]) => value !== undefined);
  const width = Math.max(...shown.map(([name]) => name.length)) + 2;
  for (const [name, value] of shown) console.log(`${name.padEnd(width)}${value}`);
}

/** @param rows a name and numbers each, under the `titles` */
export function printTable(
  titles: readonly string[],
  rows: readonly (readonly [name: string, ...numbers: number[]])[],
): void {
  const texts = [titles, ...rows.map((row) => row.map((cell) => cell.toLocaleString('en')))];
  const widths = titles.map((_, column) => Math.max(...texts.map((cells) => cells[column]?.length ?? 0)));
  for (const [name = '', ...numbers] of texts) {
    const shown = numbers.map((text, column) => text.padStart(widths[column + 1] ?? 0));
    console.log([name.padEnd(widths[0] ?? 0), ...shown].join('  '));
  }
}

export function printJson(value: unknown): void {
  console.log(JSON.stringify(value));
}
