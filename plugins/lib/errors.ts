/** Errors as the command line shows them. */

/** The command was called wrongly: exit code 2, not 1. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** One sentence for a person; with `verbose` the stack, and those of the causes. */
export function explain(error: unknown, verbose = false): string {
  if (!(error instanceof Error)) return String(error);
  if (!verbose) return sentence(error);
  const stacks: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause) stacks.push(at.stack ?? at.message);
  return stacks.join('\ncaused by ');
}

interface SystemError extends Error {
  readonly code?: string;
  readonly syscall?: string;
  readonly path?: string;
  readonly address?: string;
  readonly port?: number;
}

/** What the operating system says in its own words, said in ours. */
function sentence(error: Error): string {
  const { code, syscall, path, address, port, message } = error as SystemError;
  if (syscall === 'listen' || syscall === 'bind') {
    if (code === 'EADDRINUSE') return `port ${port} of ${address} is taken by another program`;
    if (code === 'EADDRNOTAVAIL') return `${address} is no address of this machine`;
    if (code === 'EACCES') return `port ${port} of ${address} is not for us to take: try one above 1023`;
  }
  if (syscall === 'getaddrinfo') return `the name of the host cannot be resolved (${code})`;
  if (path !== undefined && code !== undefined) {
    return code === 'ENOENT' ? `there is no ${path}` : `${path} cannot be used (${code})`;
  }
  return message.replace(/\s*\n\s*/g, ' ');
}
