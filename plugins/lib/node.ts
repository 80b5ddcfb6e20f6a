/** Which node a command asks: the one of `--node`, or the one that the configuration describes. */
import { isIP } from 'node:net';
import type { Argv } from 'yargs';
import { CcoinClient } from '../../src/client/index.js';
import type { Config } from '../../src/config/config.js';
import { type ConfigArguments, commandConfig, withConfigOption } from './config.js';
import { UsageError } from './errors.js';

export interface NodeArguments extends ConfigArguments {
  readonly node: string | undefined;
  readonly json: boolean;
}

/** Adds `--node`, `-c` and `--json`. */
export function withNodeOptions<T>(yargs: Argv<T>): Argv<T & NodeArguments> {
  return withConfigOption(yargs)
    .option('node', {
      type: 'string',
      requiresArg: true,
      describe: 'HTTP address of the node to ask, such as http://127.0.0.1:8080 [default: as configured]',
    })
    .option('json', { type: 'boolean', default: false, describe: 'print JSON for programs' }) as Argv<
    T & NodeArguments
  >;
}

/**
 * A client of that node. The configuration is read only if it is needed.
 * @throws UsageError if no node is named anywhere
 */
export async function nodeClient(argv: NodeArguments): Promise<CcoinClient> {
  const url = argv.node ?? configuredUrl(await commandConfig(argv));
  try {
    return new CcoinClient(url);
  } catch (error) {
    throw new UsageError(`--node is ${(error as Error).message}`);
  }
}

/** Where a node that runs with this configuration serves its HTTP API. */
export function configuredUrl({ http, p2p }: Config): string {
  const port = http.port ?? (p2p.port === 0 ? 0 : p2p.port + 1);
  if (port === 0) {
    throw new UsageError('name the node with --node URL: the configuration lets it take any free port');
  }
  return `http://${reachable(http.host)}:${port}`;
}

/** A node that listens on every address is found on loopback. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return isIP(host) === 6 ? `[${host}]` : host;
}
