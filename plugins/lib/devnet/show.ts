/** What a devnet prints, for people or as the JSON lines that programs read. */
import type { BlockLine } from './block-feed.js';
import type { LoadSummary } from './load-book.js';

export interface RunningNode {
  readonly name: string;
  readonly role: string;
  readonly address: string;
  readonly p2p: string;
  readonly http: string;
  readonly pid: number;
}

export interface Running {
  readonly genesisId: string;
  readonly path: string;
  readonly nodes: readonly RunningNode[];
  /** URL of the discovery service. */
  readonly discovery: string;
}

export interface Show {
  /** Progress and trouble; never mixed into what programs read. */
  remark(text: string): void;
  started(running: Running): void;
  block(block: BlockLine): void;
  summary(summary: LoadSummary): void;
}

type Write = (text: string) => void;

export function jsonShow(out: Write, remarks: Write): Show {
  const line = (value: object) => out(`${JSON.stringify(value)}\n`);
  return {
    remark: (text) => remarks(`${text}\n`),
    started: ({ genesisId, nodes, discovery }) => line({ genesis_id: genesisId, nodes, discovery }),
    block: (block) => line({ block }),
    summary: (summary) => remarks(`${JSON.stringify({ load: summary })}\n`),
  };
}

export function textShow(out: Write): Show {
  let names: ReadonlyMap<string, string> = new Map();
  return {
    remark: (text) => out(`${text}\n`),
    started(running) {
      names = new Map(running.nodes.map(({ address, name }) => [address, name]));
      const rows = running.nodes.map(({ name, address, p2p, http }) => [name, address, p2p, http]);
      out(
        `${table([['node', 'address', 'P2P', 'HTTP'], ...rows])}\n` +
          `genesis    ${running.genesisId}\ndiscovery  ${running.discovery}\nfiles      ${running.path}\n\n` +
          'Ctrl-C stops all. The next start goes on with this chain; --reset makes a new one.\n\n',
      );
    },
    block({ number, leader, round, transactions, finality_ms }) {
      out(
        `block ${number}  leader ${names.get(leader) ?? leader}  round ${round}  ` +
          `${transactions} transaction${transactions === 1 ? '' : 's'}  final in ${finality_ms} ms\n`,
      );
    },
    summary({ sent, final, rejected, unfinished, per_second, p50_ms, p99_ms, reasons }) {
      const why = Object.entries(reasons).map(([code, count]) => `${code} ${count}`);
      out(
        `load: ${sent} sent, ${final} final (${per_second}/s), ${rejected} rejected` +
          `${why.length > 0 ? ` (${why.join(', ')})` : ''}, ${unfinished} unfinished; ` +
          `submit to final p50 ${p50_ms ?? '-'} ms, p99 ${p99_ms ?? '-'} ms\n`,
      );
    },
  };
}

/** Rows as lines with aligned columns. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
