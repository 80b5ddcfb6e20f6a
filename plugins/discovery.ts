/** `ccoin discovery`: runs the service by which the nodes of any number of networks find each other. */
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { formatEndpoint } from '../src/config/endpoint.js';
import { explain } from './lib/errors.js';
import { assertPort } from './lib/numbers.js';
import { type PidfileArguments, removePidfile, withPidfileOption, writePidfile } from './lib/pidfile.js';
import { untilSignal } from './lib/signals.js';

interface Arguments extends PidfileArguments {
  readonly port: number;
  readonly host: string;
  readonly data: string;
}

const discovery: CommandModule<object, Arguments> = {
  command: 'discovery',
  describe: 'run a discovery service',
  builder,
  handler,
};

export default discovery;

function builder(yargs: Argv<object>): Argv<Arguments> {
  return withPidfileOption(yargs)
    .option('port', {
      alias: 'p',
      type: 'number',
      requiresArg: true,
      default: 4444,
      describe: 'the port to listen on; 0 takes a free one',
    })
    .option('host', {
      alias: 'h',
      type: 'string',
      requiresArg: true,
      default: '127.0.0.1',
      describe: 'the address to listen on; 0.0.0.0 for all',
    })
    .option('data', {
      type: 'string',
      requiresArg: true,
      default: '.ccoin/discovery',
      describe: 'the directory of its database',
    })
    .check(({ port }) => {
      assertPort('port', port);
      return true;
    })
    .example('$0 discovery -p 4444 -h 0.0.0.0', 'serve everybody who can reach this machine');
}

async function handler(argv: ArgumentsCamelCase<Arguments>): Promise<void> {
  const { port, host, data } = argv;
  const { startDiscoveryService } = await import('../src/node/discovery-service.js');
  const service = await startDiscoveryService({
    host,
    port,
    directory: data,
    onFailure: (error) => console.error(explain(error, true)),
  });
  const stopped = untilSignal();
  console.log(`Discovery service listening on http://${formatEndpoint(host, service.port)}`);
  try {
    await writePidfile(argv);
    await stopped;
  } finally {
    await service.close();
    await removePidfile(argv);
  }
}
