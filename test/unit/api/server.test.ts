import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startHttp } from '../../../src/api/server.js';
import { loadOrCreateToken } from '../../../src/api/token.js';
import { FakeFace, testKey } from './fake-face.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ccoin-api-'));
});
afterEach(() => rm(directory, { recursive: true }));

describe('the token file', () => {
  it('is made once, for its owner only, and then read', async () => {
    const path = join(directory, 'deep', 'token');
    const token = await loadOrCreateToken(path);
    expect(token).toMatch(/^[\w-]{43}$/);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await loadOrCreateToken(path)).toBe(token);
    expect(await readdir(join(directory, 'deep'))).toEqual(['token']);
  });

  it('is the same for all who start at once', async () => {
    const path = join(directory, 'token');
    const tokens = await Promise.all(Array.from({ length: 8 }, () => loadOrCreateToken(path)));
    expect(new Set(tokens).size).toBe(1);
    expect(await readdir(directory)).toEqual(['token']);
  });

  it.skipIf(process.platform === 'win32')('that others may read is refused', async () => {
    const path = join(directory, 'token');
    await loadOrCreateToken(path);
    for (const mode of [0o640, 0o604, 0o622]) {
      await chmod(path, mode);
      await expect(loadOrCreateToken(path)).rejects.toThrow(/open to others \(mode 06/);
    }
  });

  it('that holds no token is left alone and refused in one sentence', async () => {
    const path = join(directory, 'token');
    for (const content of ['', 'short', 'two words of which neither counts']) {
      await writeFile(path, content, { mode: 0o600 });
      await expect(loadOrCreateToken(path)).rejects.toThrow(
        /^cannot use the token file .*token: it must hold/,
      );
      expect(await readFile(path, 'utf8')).toBe(content);
    }
    await expect(loadOrCreateToken(directory)).rejects.toThrow(/^cannot use the token file/);
  });
});

describe('startHttp', () => {
  it('serves until it is closed, with the token of the file', async () => {
    const tokenFile = join(directory, 'token');
    const server = await startHttp(new FakeFace(), { host: '127.0.0.1', port: 0, tokenFile });
    const url = `http://127.0.0.1:${server.port}`;
    expect(await (await fetch(`${url}/blk/cnt`)).text()).toBe('4');
    const response = await fetch(`${url}/txn`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${(await readFile(tokenFile, 'utf8')).trim()}`,
      },
      body: JSON.stringify({ sendto_address: testKey(1).address, amount: 1 }),
    });
    expect(response.status).toBe(202);
    await server.close();
    await expect(fetch(`${url}/blk/cnt`)).rejects.toThrow();
  });

  it('says in one sentence that the port is taken', async () => {
    const first = await startHttp(new FakeFace(), { host: '127.0.0.1', port: 0 });
    await expect(startHttp(new FakeFace(), { host: '127.0.0.1', port: first.port })).rejects.toThrow(
      `the HTTP API cannot listen on 127.0.0.1:${first.port}: the port is taken by another program`,
    );
    await first.close();
  });
});
