/** What a process costs the machine, as Linux tells it under /proc; without /proc nothing here works. */
import { readdir, readFile } from 'node:fs/promises';

export interface ProcessFigures {
  /** Resident in all: `anonymousBytes`, and the pages of files that it has mapped, which the system can take back. */
  readonly residentBytes: number;
  /** The process's own memory: what a leak would show in. LevelDB maps its tables, so the rest follows the chain. */
  readonly anonymousBytes: number;
  readonly openFiles: number;
  /** Processor time since it started, of all its threads, in user mode and in the kernel. */
  readonly processorMs: number;
}

const KIB = 1024;
/** USER_HZ, which Linux fixes for what it shows to programs. */
const MS_PER_CLOCK_TICK = 10;

/** Undefined if there is no such process (any more). */
export async function processFigures(pid: number): Promise<ProcessFigures | undefined> {
  try {
    const [status, stat, files] = await Promise.all([
      readFile(`/proc/${pid}/status`, 'utf8'),
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readdir(`/proc/${pid}/fd`),
    ]);
    const bytesOf = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * KIB;
    // After the name, which is in brackets and may hold anything, utime and stime are the 12th and 13th field.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const residentBytes = bytesOf('VmRSS');
    // A process that has ended and was not waited for yet has no memory any more.
    if (Number.isNaN(residentBytes)) return undefined;
    return {
      residentBytes,
      anonymousBytes: bytesOf('RssAnon'),
      openFiles: files.length,
      processorMs: (Number(fields[11]) + Number(fields[12])) * MS_PER_CLOCK_TICK,
    };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}
