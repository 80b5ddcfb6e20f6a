#!/usr/bin/env node
/**
 * Starts the command line. Each file in plugins/ is one subcommand, named as the file is. Exit codes: 0 done, 1 it
 * failed, 2 it was called wrongly.
 */
import { readdir, readFile } from 'node:fs/promises';
import yargs, { type CommandModule } from 'yargs';
import { explain, UsageError } from '../plugins/lib/errors.js';

const PLUGINS = new URL('../plugins/', import.meta.url);
const FAILED = 1;
const CALLED_WRONGLY = 2;

/** The subcommands to offer: the one that is asked for, as loading all takes its time, or all for an overview. */
async function loadPlugins(asked: string | undefined): Promise<CommandModule<object, object>[]> {
  const files = (await readdir(PLUGINS)).filter((name) => name.endsWith('.js')).sort();
  const wanted = files.filter((name) => name === `${asked}.js`);
  const chosen = wanted.length > 0 ? wanted : files;
  return Promise.all(chosen.map(async (name) => (await import(new URL(name, PLUGINS).href)).default));
}

async function version(): Promise<string> {
  // From dist/bin, where this runs.
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Ends the process: whatever a failed command left open must not keep it running. */
function fail(message: string, code: number): never {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}

/** What a command throws is one sentence for its user; the stack is for who asks. */
function withErrors(plugin: CommandModule<object, object>): CommandModule<object, object> {
  return {
    ...plugin,
    async handler(argv) {
      try {
        await plugin.handler(argv);
      } catch (error) {
        const name = `ccoin ${argv._[0]}`;
        fail(
          `${name}: ${explain(error, argv.verbose === true)}`,
          error instanceof UsageError ? CALLED_WRONGLY : FAILED,
        );
      }
    },
  };
}

const argv = process.argv.slice(2);
const program = yargs(argv)
  .scriptName('ccoin')
  .locale('en')
  .usage('$0 <command>\n\nA permissioned ledger that a few organisations run together.')
  .option('verbose', {
    type: 'boolean',
    default: false,
    global: true,
    describe: 'show the stack of an error',
  })
  .version(await version())
  .help()
  .alias('help', [])
  .strict()
  .demandCommand(1, 'Name a command; ccoin --help lists them.')
  .recommendCommands()
  .parserConfiguration({ 'duplicate-arguments-array': false, 'boolean-negation': true })
  .exitProcess(false)
  .wrap(Math.min(110, process.stdout.columns ?? 110))
  .fail((message, error) => {
    const command = argv[0] === undefined || argv[0].startsWith('-') ? 'ccoin' : `ccoin ${argv[0]}`;
    fail(`${command}: ${message ?? error.message}\nSee ${command} --help.`, CALLED_WRONGLY);
  });
for (const plugin of await loadPlugins(argv[0])) program.command(withErrors(plugin));
await program.parseAsync();
