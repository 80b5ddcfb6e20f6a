/** `ccoin cnode`: runs a node, basic or validator, until it is told to stop. */
import { join } from 'node:path';
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { isLoopback } from '../src/api/hosts.js';
import { type HttpServer, startHttp } from '../src/api/server.js';
import { type Config, ConfigError } from '../src/config/config.js';
import { type Account, accountDirectory } from '../src/keys/account.js';
import { type Daemon, type DaemonOptions, startDaemon } from '../src/node/daemon.js';
import type { Role } from '../src/node/face.js';
import type { Log } from '../src/node/log.js';
import { ProgressBar } from '../src/node/progress-bar.js';
import { openAccount } from './lib/account.js';
import { AGENT } from './lib/agent.js';
import { type ConfigArguments, commandConfig, withConfigOption } from './lib/config.js';
import { tuneEngine } from './lib/engine.js';
import { explain } from './lib/errors.js';
import { createLog } from './lib/logger.js';
import { assertPort } from './lib/numbers.js';
import { type PidfileArguments, removePidfile, withPidfileOption, writePidfile } from './lib/pidfile.js';
import { untilSignal } from './lib/signals.js';

interface CnodeArguments extends ConfigArguments, PidfileArguments {
  readonly port: number | undefined;
  readonly type: Role;
  readonly 'http-port': number | undefined;
  readonly 'passphrase-file': string | undefined;
  readonly 'accept-lost-record': boolean;
  readonly prune: number | undefined;
  readonly snapshot: number | undefined;
  readonly sync: 'full' | 'snapshot' | undefined;
}

const TOKEN_FILE = 'http.token';
const PROGRESS_EVERY_MS = 500;

const cnode: CommandModule<object, CnodeArguments> = {
  command: 'cnode',
  describe: 'run a node',
  builder,
  handler,
};

export default cnode;

function builder(yargs: Argv<object>): Argv<CnodeArguments> {
  return withPidfileOption(withConfigOption(yargs))
    .option('port', {
      alias: 'p',
      type: 'number',
      requiresArg: true,
      describe: 'the port for other nodes; 0 takes a free one [default: p2p.port of the configuration]',
    })
    .option('type', {
      alias: 't',
      requiresArg: true,
      choices: ['basic', 'validator'] as const,
      default: 'basic' as const,
      describe: 'whether to follow the chain only, or to mine and vote too',
    })
    .option('http-port', {
      type: 'number',
      requiresArg: true,
      describe: 'the port of the HTTP API [default: http.port of the configuration, or port + 1]',
    })
    .option('passphrase-file', {
      type: 'string',
      requiresArg: true,
      describe: "a file with the passphrase of the account's key",
    })
    .option('accept-lost-record', {
      type: 'boolean',
      default: false,
      describe: "sign although the signer's record is lost (see docs/operations.md)",
    })
    .option('prune', {
      type: 'number',
      requiresArg: true,
      describe:
        'how many of the newest blocks to keep whole; of older ones headers and certificates stay [default: all]',
    })
    .option('snapshot', {
      type: 'number',
      requiresArg: true,
      describe:
        'how many blocks lie between two snapshots for nodes that join; 0 makes none [default: 10000, or storage.snapshot]',
    })
    .option('sync', {
      requiresArg: true,
      choices: ['full', 'snapshot'] as const,
      describe:
        'how a node without a chain begins: with all blocks, or with the newest snapshot [default: full, or storage.sync]',
    })
    .check(({ port, 'http-port': httpPort }) => {
      assertPort('port', port);
      assertPort('http-port', httpPort);
      return true;
    })
    .example('$0 cnode -c ccoin.json -p 7001 -t validator', 'a validator; HTTP API on port 7002');
}

async function handler(args: ArgumentsCamelCase<CnodeArguments>): Promise<void> {
  tuneEngine();
  const config = await commandConfig(args, {
    'p2p.port': args.port,
    'http.port': args.httpPort,
    'storage.prune': args.prune,
    'storage.snapshot': args.snapshot,
    'storage.sync': args.sync,
  });
  const log = createLog(config.log.level, config.log.pretty);
  const account = await openAccount(config, args.passphraseFile);
  const stopping = untilSignal().then(() => undefined);
  let failed: (error: Error) => void = () => {};
  const failure = new Promise<Error>((resolve) => {
    failed = resolve;
  });

  warnIfExposed(config, log);
  const starting = startDaemon(daemonOptions(config, account, args, log), failed);
  // Waiting for a genesis block may take for ever: a signal ends that too.
  const daemon = await Promise.race([starting, stopping]);
  if (daemon === undefined) process.exit(0);

  let http: HttpServer | undefined;
  let error: Error | undefined;
  try {
    log('info', { event: 'listening', p2p_port: daemon.port }, `ChainNode starting on ${daemon.port}`);
    http = await startHttp(daemon.face, {
      ...httpOptions(config, account, daemon.port),
      onFailure: (cause, request) =>
        log('error', { request, error: explain(cause, true) }, 'the HTTP API failed'),
    });
    // Before the line that says so: whoever waits for that line may read the file.
    await writePidfile(args);
    log(
      'info',
      { event: 'http', http_port: http.port },
      `HTTP API ENDPOINT Started got up and listening on port: ${http.port}`,
    );
    const progress = showProgress(daemon.node);
    error = (await Promise.race([stopping, failure])) ?? undefined;
    clearInterval(progress);
  } finally {
    log('info', { event: 'stopping' }, 'stopping');
    await http?.close();
    await daemon.stop();
    await removePidfile(args);
  }
  if (error !== undefined) throw error;
  log('info', { event: 'stopped' }, 'stopped');
}

function daemonOptions(config: Config, account: Account, args: ArgumentsCamelCase<CnodeArguments>, log: Log) {
  const { p2p, network, storage, discoveryService: discovery } = config;
  return {
    basePath: config.app.basePath,
    account,
    role: args.type,
    agent: AGENT,
    listen: { host: p2p.host, port: p2p.port },
    advertise: advertised(config),
    peers: p2p.peers,
    allow: p2p.allow ?? [],
    tls: p2p.tls,
    maxInbound: p2p.maxInbound,
    discoveryUrl:
      discovery === undefined ? null : `${discovery.proto}://${hostInUrl(discovery.host)}:${discovery.port}/`,
    pinnedGenesisId: network.genesisId ?? null,
    acceptLostRecord: args.acceptLostRecord,
    prune: storage.prune ?? null,
    snapshotEvery: storage.snapshot,
    joinBySnapshot: storage.sync === 'snapshot',
    log,
  };
}

function advertised({ p2p }: Config): DaemonOptions['advertise'] {
  if (p2p.advertise === undefined) return null;
  const port = p2p.advertise.port ?? p2p.port;
  if (port === 0)
    throw new ConfigError('p2p.advertise needs a port, as p2p.port is 0 and any free one is taken');
  return { host: p2p.advertise.host, port };
}

function httpOptions({ app, http, p2p }: Config, account: Account, p2pPort: number) {
  return {
    host: http.host,
    port: http.port ?? (p2p.port === 0 ? 0 : p2pPort + 1),
    tokenFile: http.tokenFile ?? join(accountDirectory(app.basePath, account.address), TOKEN_FILE),
  };
}

function warnIfExposed({ p2p }: Config, log: Log): void {
  if (p2p.tls || isLoopback(p2p.host)) return;
  log('warn', { host: p2p.host }, `other nodes are listened for on ${p2p.host} without TLS (see p2p.tls)`);
}

function hostInUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** A bar while the node syncs, where there is a terminal; the log says it every few seconds anyway. */
function showProgress(node: Daemon['node']): NodeJS.Timeout | undefined {
  if (process.stderr.isTTY !== true) return undefined;
  const bar = new ProgressBar(process.stderr);
  return setInterval(() => bar.show(node.syncProgress), PROGRESS_EVERY_MS);
}
