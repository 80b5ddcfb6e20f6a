/** Tables of cells, the first row being the heads. */

/** Rows of cells as lines of text with aligned columns. */
export function tableText(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}

/** The same in Markdown. */
export function tableMarkdown(rows: readonly (readonly string[])[]): string {
  const [heads = [], ...others] = rows;
  const lines = [heads, heads.map(() => '---'), ...others].map((row) => `| ${row.join(' | ')} |`);
  return `${lines.join('\n')}\n`;
}
