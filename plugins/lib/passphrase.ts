/**
 * Where a passphrase comes from: a file, the environment, or somebody at a terminal. Never from an argument, which every
 * user of the machine can read.
 */
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';

export const PASSPHRASE_VARIABLE = 'CCOIN_PASSPHRASE';
const MAX_PASSPHRASE_BYTES = 1024;

/**
 * The passphrase in a file: its text without the line break at the end.
 * @throws Error if there is none in it
 */
export async function passphraseFromFile(path: string): Promise<string> {
  const text = (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
  if (text === '' || text.length > MAX_PASSPHRASE_BYTES || /[\r\n]/.test(text)) {
    throw new Error(`${path} must hold one line, the passphrase`);
  }
  return text;
}

/**
 * The passphrase of a key that is there: from `file`, else from CCOIN_PASSPHRASE, else asked for.
 * @throws Error if there is nobody to ask
 */
export async function passphraseForKey(file: string | undefined): Promise<string> {
  if (file !== undefined) return passphraseFromFile(file);
  const given = process.env[PASSPHRASE_VARIABLE];
  if (given !== undefined && given !== '') return given;
  return ask('Passphrase of the key: ');
}

/** The passphrase of a new key, asked for twice. */
export async function newPassphrase(): Promise<string> {
  const first = await ask('Passphrase for the new key: ');
  if (first === '') throw new Error('an empty passphrase protects nothing');
  if ((await ask('Once more: ')) !== first) throw new Error('the two passphrases differ');
  return first;
}

async function ask(question: string): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new Error(
      `the key needs a passphrase: give --passphrase-file or ${PASSPHRASE_VARIABLE}, as there is no terminal to ask at`,
    );
  }
  process.stderr.write(question);
  // What is typed is not shown.
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return await lines.question('');
  } finally {
    lines.close();
    process.stderr.write('\n');
  }
}
