/** `ccoin status`: how a node and its network are. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { type CcoinClient, CcoinError, type StatusJson } from '../src/client/index.js';
import { type NodeArguments, nodeClient, withNodeOptions } from './lib/node.js';
import { wholeNumber } from './lib/numbers.js';
import { printJson, printRows } from './lib/print.js';

/** A block that was due for so long means trouble, not just a slow round. */
const STANDS_STILL_MS = 10_000;
const DEFAULT_TIMEOUT_SECONDS = '60';
const ASK_EVERY_MS = 200;

interface Arguments extends NodeArguments {
  readonly wait: boolean;
  readonly timeout: string;
}

const status: CommandModule<object, Arguments> = {
  command: 'status',
  describe: 'show how a node and its network are',
  builder,
  handler,
};

export default status;

function builder(yargs: Argv<object>): Argv<Arguments> {
  return withNodeOptions(yargs)
    .option('wait', {
      type: 'boolean',
      default: false,
      describe: 'until the node is up and ready, and a validator has its quorum',
    })
    .option('timeout', {
      type: 'string',
      requiresArg: true,
      default: DEFAULT_TIMEOUT_SECONDS,
      describe: 'how many seconds to wait',
    })
    .example('$0 status -c ccoin.json', 'the node of this configuration')
    .example('$0 status -c ccoin.json --wait', 'the same, once it is ready')
    .example('$0 status --node http://127.0.0.1:8080 --json', 'any node, for programs');
}

async function handler(argv: ArgumentsCamelCase<Arguments>): Promise<void> {
  const timeoutSeconds = wholeNumber('timeout', argv.timeout, 1);
  const client = await nodeClient(argv);
  if (argv.wait) await untilReady(client, timeoutSeconds);
  const answer = await client.status();
  if (argv.json) return printJson(answer);
  printRows(statusRows(answer, Date.now()));
  const trouble = troubleOf(answer);
  if (trouble !== undefined) console.log(`\n${trouble}`);
}

/** @throws Error with the last reason if time is up */
async function untilReady(client: CcoinClient, timeoutSeconds: number): Promise<void> {
  const start = performance.now();
  for (;;) {
    const reason = await whyNotReady(client);
    if (reason === undefined) return;
    if (performance.now() - start >= timeoutSeconds * 1000)
      throw new Error(`not ready after ${timeoutSeconds} s: ${reason}`);
    await sleep(ASK_EVERY_MS);
  }
}

async function whyNotReady(client: CcoinClient): Promise<string | undefined> {
  try {
    const { ready, reason } = await client.readiness();
    return ready ? troubleOf(await client.status()) : reason;
  } catch (error) {
    // It may be on its way up.
    if (error instanceof CcoinError && error.code === 'UNREACHABLE') return error.message;
    throw error;
  }
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
    ['kept', status.base === 0 ? 'everything' : `blocks above ${status.base}, and headers`],
    ['round', `${consensus.round} of height ${consensus.height}, step ${consensus.step}`],
    ['leader', consensus.leader],
    ['quorum', `${quorum} of ${authorities} authorities, ${present.length} present`],
    ['pool', `${pool.ready} ready, ${pool.waiting} waiting, ${pool.bytes} bytes`],
    ['supply', status.supply],
  ];
}

/** Why the network does not go on, and who is missing; undefined if all is well. */
export function troubleOf({ role, consensus }: StatusJson): string | undefined {
  const { quorum, authorities, stalled_ms } = consensus;
  const { authorities_present: present, authorities_missing: missing } = consensus;
  // Validators connect to all authorities; a basic node need not, and knows of a halt only by its blocks.
  const noQuorum = role === 'validator' && present.length < quorum;
  if (!noQuorum && stalled_ms < STANDS_STILL_MS) return undefined;
  const lines = [
    noQuorum
      ? `The network as this node sees it stands still: ${present.length} of ${authorities} authorities are present, and ${quorum} are needed.`
      : `The network stands still: a block has been due for ${Math.round(stalled_ms / 1000)} s.`,
  ];
  if (missing.length > 0) lines.push('Missing authorities:', ...missing.map((address) => `  ${address}`));
  return lines.join('\n');
}
