/** `ccoin status`: how a node and its network are. */
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import type { StatusJson } from '../src/client/index.js';
import { type NodeArguments, nodeClient, withNodeOptions } from './lib/node.js';
import { printJson, printRows } from './lib/print.js';

/** A block that was due for so long means trouble, not just a slow round. */
const STANDS_STILL_MS = 10_000;

const status: CommandModule<object, NodeArguments> = {
  command: 'status',
  describe: 'show how a node and its network are',
  builder,
  handler,
};

export default status;

function builder(yargs: Argv<object>): Argv<NodeArguments> {
  return withNodeOptions(yargs)
    .example('$0 status -c ccoin.json', 'the node of this configuration')
    .example('$0 status --node http://127.0.0.1:8080 --json', 'any node, for programs');
}

async function handler(argv: ArgumentsCamelCase<NodeArguments>): Promise<void> {
  const answer = await (await nodeClient(argv)).status();
  if (argv.json) return printJson(answer);
  printRows(statusRows(answer, Date.now()));
  const trouble = troubleOf(answer);
  if (trouble !== undefined) console.log(`\n${trouble}`);
}

function statusRows(status: StatusJson, nowMs: number): [string, string | number][] {
  const { head, consensus, pool } = status;
  const ageSeconds = Math.max(0, Math.round(nowMs / 1000 - head.time));
  const { authorities, authorities_present: present, quorum } = consensus;
  return [
    ['node', `${status.address}, ${status.role}, ${status.phase}, ${status.agent}`],
    ['network', `${status.network_id}, genesis ${status.genesis_id}`],
    ['peers', status.peers],
    ['head', `block ${head.number}, ${ageSeconds} s old, id ${head.id}`],
    ['best known', `block ${status.best_known_height}`],
    ['round', `${consensus.round} of height ${consensus.height}, step ${consensus.step}`],
    ['leader', consensus.leader],
    ['quorum', `${quorum} of ${authorities} authorities, ${present.length} present`],
    ['pool', `${pool.ready} ready, ${pool.waiting} waiting, ${pool.bytes} bytes`],
    ['supply', status.supply],
  ];
}

/** Why the network does not go on, and who is missing; undefined if all is well. */
export function troubleOf({ consensus }: StatusJson): string | undefined {
  const { quorum, authorities, stalled_ms } = consensus;
  const { authorities_present: present, authorities_missing: missing } = consensus;
  const noQuorum = present.length < quorum;
  if (!noQuorum && stalled_ms < STANDS_STILL_MS) return undefined;
  const lines = [
    noQuorum
      ? `The network as this node sees it stands still: ${present.length} of ${authorities} authorities are present, and ${quorum} are needed.`
      : `The network stands still: a block is due for ${Math.round(stalled_ms / 1000)} s, although enough authorities are present.`,
  ];
  if (missing.length > 0) lines.push('Missing authorities:', ...missing.map((address) => `  ${address}`));
  return lines.join('\n');
}
