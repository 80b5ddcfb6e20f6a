/** `--pidfile`: by which a supervisor, or a shell, finds the process to signal. */
import { rm, writeFile } from 'node:fs/promises';
import type { Argv } from 'yargs';

export interface PidfileArguments {
  readonly pidfile: string | undefined;
}

/** Adds `--pidfile`. */
export function withPidfileOption<T>(yargs: Argv<T>): Argv<T & PidfileArguments> {
  return yargs.option('pidfile', {
    type: 'string',
    requiresArg: true,
    describe: 'a file to hold the process id from when all is up until it stops',
  }) as Argv<T & PidfileArguments>;
}

export async function writePidfile({ pidfile }: PidfileArguments): Promise<void> {
  if (pidfile !== undefined) await writeFile(pidfile, `${process.pid}\n`);
}

export async function removePidfile({ pidfile }: PidfileArguments): Promise<void> {
  if (pidfile !== undefined) await rm(pidfile, { force: true });
}
