/** How commands print what they found: lines of name and value for people. */

/** @param rows name and value; undefined values are left out */
export function printRows(
  rows: readonly (readonly [name: string, value: string | number | undefined])[],
): void {
  const shown = rows.filter(([, value]) => value !== undefined);
  const width = Math.max(...shown.map(([name]) => name.length)) + 2;
  for (const [name, value] of shown) console.log(`${name.padEnd(width)}${value}`);
}

export function printJson(value: unknown): void {
  console.log(JSON.stringify(value));
}
