/** The bearer token's file: whoever can read it may spend what the node's own account has. */
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

const TOKEN_BYTES = 32;
/** As Authorization headers carry it; long enough that nobody guesses it. */
const TOKEN = /^[A-Za-z0-9._~+/-]{16,512}=*$/;

/**
 * The token in the file at `path`, which is made, readable by its owner only, if it is not there.
 * @throws Error, in one sentence, if it cannot be read or made, is open to others, or holds no token
 */
export async function loadOrCreateToken(path: string): Promise<string> {
  try {
    return await readToken(path).catch(async (error) => {
      if (error.code !== 'ENOENT') throw error;
      await createTokenFile(path);
      // Read back, as another process may have been first.
      return readToken(path);
    });
  } catch (error) {
    throw new Error(`cannot use the token file ${path}: ${(error as Error).message}`, { cause: error });
  }
}

async function readToken(path: string): Promise<string> {
  await assertPrivate(path);
  const token = (await readFile(path, 'utf8')).trim();
  if (!TOKEN.test(token))
    throw new Error('it must hold one word of 16 to 512 letters, digits or any of . _ ~ + / - =');
  return token;
}

async function assertPrivate(path: string): Promise<void> {
  // Windows has no such modes.
  if (process.platform === 'win32') return;
  const { mode } = await stat(path);
  if ((mode & 0o077) === 0) return;
  const shown = (mode & 0o777).toString(8).padStart(4, '0');
  throw new Error(
    `it is open to others (mode ${shown}): if nobody has read it, chmod 600 it, else delete it`,
  );
}

/** Appears whole or not at all, and never replaces a file: written beside, then linked to its name. */
async function createTokenFile(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(`${randomBytes(TOKEN_BYTES).toString('base64url')}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(temporary, path).catch((error) => {
      if (error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(temporary, { force: true });
  }
}
