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

async function commandNames(): Promise<string[]> {
  const files = (await readdir(PLUGINS)).filter((file) => file.endsWith('.js'));
  return files.map((file) => file.slice(0, -'.js'.length)).sort();
}

function loadPlugins(names: readonly string[]): Promise<CommandModule<object, object>[]> {
  return Promise.all(names.map(async (name) => (await import(new URL(`${name}.js`, PLUGINS).href)).default));
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
const names = await commandNames();
const asked = names.find((name) => name === argv[0]);
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
  .version('version', 'show the version', await version())
  .help('help', 'show this help')
  .strict()
  .strictCommands(asked === undefined)
  .demandCommand(1, 'Name a command; ccoin --help lists them.')
  .recommendCommands()
  .parserConfiguration({ 'duplicate-arguments-array': false, 'boolean-negation': true })
  .exitProcess(false)
  .wrap(Math.min(110, process.stdout.columns ?? 110))
  .fail((message, error) => {
    const command = asked === undefined ? 'ccoin' : `ccoin ${asked}`;
    const sentence = (message ?? error.message).replace(/\s*\n\s*/g, ' ');
    fail(`${command}: ${sentence}\nSee ${command} --help.`, CALLED_WRONGLY);
  });
// Loading a command takes its time: all are loaded only for an overview.
for (const plugin of await loadPlugins(asked === undefined ? names : [asked]))
  program.command(withErrors(plugin));
await program.parseAsync();
