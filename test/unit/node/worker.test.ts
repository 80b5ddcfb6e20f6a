import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { inlineWorker } from '../../../src/node/inline-worker.js';
import { packChecks, unpackChecks } from '../../../src/node/packed-checks.js';
import { ThreadWorker } from '../../../src/node/thread-worker.js';
import type { Worker } from '../../../src/ports/worker.js';
import { type SignatureCheck, sign } from '../../../src/protocol/keys.js';
import { seekNonce } from '../../../src/protocol/proof-of-work.js';

/** Node cannot start a thread from TypeScript: the tests use the compiled entry. */
const THREAD = new URL('../../../dist/src/node/crypto-thread.js', import.meta.url);
const MINING_HASH = 'ab'.repeat(32);

const keys = [0, 1].map(() => generateKeyPairSync('rsa', { modulusLength: 2048 }));
/** Every third one is bad, each time in another way. */
const checks: SignatureCheck[] = Array.from({ length: 60 }, (_, i) => {
  const { privateKey, publicKey } = keys[i % 2] as (typeof keys)[number];
  const message = Buffer.from(`message ${i}`);
  const good = {
    publicKey: publicKey.export({ format: 'der', type: 'pkcs1' }),
    message,
    signature: sign(privateKey, message),
  };
  if (i % 3 !== 0) return good;
  const bad = [
    { message: Buffer.from('another') },
    { signature: Buffer.alloc(0) },
    { signature: Buffer.alloc(256) },
    { publicKey: Buffer.from('no key') },
    { publicKey: Buffer.alloc(0) },
  ];
  return { ...good, ...bad[(i / 3) % bad.length] };
});
const truth = checks.map((_, i) => i % 3 !== 0);

const open: Worker[] = [];
const directory = mkdtempSync(join(tmpdir(), 'ccoin-thread-'));
afterEach(async () => {
  for (const worker of open.splice(0)) await worker.close();
});
afterAll(() => rmSync(directory, { recursive: true }));

function opened<W extends Worker>(worker: W): W {
  open.push(worker);
  return worker;
}

describe.each([
  ['ThreadWorker', () => opened(new ThreadWorker({ verifiers: 2, threadUrl: THREAD }))],
  ['inlineWorker', () => opened(inlineWorker())],
])('%s', (_, start) => {
  it.each([0, 1, 2, 3, 17, 60])('answers %i checks in their order', async (count) => {
    expect(await start().verify(checks.slice(0, count))).toEqual(truth.slice(0, count));
  });

  it('answers calls made at once each for itself', async () => {
    const worker = start();
    const sizes = [1, 5, 0, 20, 2, 32];
    const slices = sizes.map((size, i) => {
      const from = sizes.slice(0, i).reduce((sum, before) => sum + before, 0);
      return [from, from + size] as const;
    });
    const answers = await Promise.all(slices.map(([from, to]) => worker.verify(checks.slice(from, to))));
    expect(answers).toEqual(slices.map(([from, to]) => truth.slice(from, to)));
  });

  it('answers more checks than one part holds', async () => {
    const many = Array.from({ length: 1_000 }, (_, i) => i % 60);
    expect(await start().verify(many.map((i) => checks[i] as SignatureCheck))).toEqual(
      many.map((i) => truth[i]),
    );
  });

  it('finds the lowest nonce, beyond one slice too', async () => {
    const worker = start();
    const { signal } = new AbortController();
    const lowest = seekNonce(MINING_HASH, 3, 0, 1_000_000);
    expect(lowest).toBeGreaterThan(2_000);
    expect(await worker.seekNonce(MINING_HASH, 3, signal)).toBe(lowest);
    expect(await worker.seekNonce(MINING_HASH, 0, signal)).toBe(0);
  });

  it('stops seeking when told to, and can seek again', async () => {
    const worker = start();
    const controller = new AbortController();
    const endless = worker.seekNonce(MINING_HASH, 16, controller.signal);
    setImmediate(() => controller.abort());
    expect(await endless).toBeUndefined();
    expect(await worker.seekNonce(MINING_HASH, 16, AbortSignal.abort())).toBeUndefined();
    expect(await worker.seekNonce(MINING_HASH, 1, new AbortController().signal)).toBeTypeOf('number');
  });
});

describe('the threads of ThreadWorker', () => {
  it('hold up no request of a few checks, whatever they are busy with', async () => {
    const file = join(directory, 'never.mjs');
    writeFileSync(
      file,
      "import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => {});",
    );
    const worker = new ThreadWorker({ verifiers: 1, threadUrl: pathToFileURL(file) });
    const busy = expect(worker.verify(checks)).rejects.toThrow('closed');
    expect(await worker.verify(checks.slice(0, 8))).toEqual(truth.slice(0, 8));
    await worker.close();
    await busy;
  });

  it('fail all that they were asked and will be asked when one dies', async () => {
    const file = join(directory, 'dies.mjs');
    writeFileSync(
      file,
      "import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => { throw new Error('no more'); });",
    );
    const worker = opened(new ThreadWorker({ verifiers: 1, threadUrl: pathToFileURL(file) }));
    await expect(worker.verify(checks)).rejects.toThrow('the thread verify-0 died: no more');
    await expect(worker.verify(checks)).rejects.toThrow('died');
    const { signal } = new AbortController();
    await expect(worker.seekNonce(MINING_HASH, 2, signal)).rejects.toThrow('the thread seek-nonce died');
  });

  it('fail when they end without a word', async () => {
    const file = join(directory, 'ends.mjs');
    writeFileSync(
      file,
      "import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => process.exit(3));",
    );
    const worker = opened(new ThreadWorker({ verifiers: 1, threadUrl: pathToFileURL(file) }));
    await expect(worker.verify(checks)).rejects.toThrow('the thread verify-0 ended with code 3');
  });

  it('fail what is under way when the worker is closed', async () => {
    const worker = new ThreadWorker({ verifiers: 1, threadUrl: THREAD });
    const seeking = worker.seekNonce(MINING_HASH, 16, new AbortController().signal);
    const failed = expect(seeking).rejects.toThrow('closed');
    await worker.close();
    await failed;
    await expect(worker.verify(checks)).rejects.toThrow('closed');
  });

  it('let the process end when they are idle, and not before they have answered', () => {
    const file = join(directory, 'exits.mjs');
    const url = new URL('./thread-worker.js', THREAD).href;
    writeFileSync(
      file,
      `import { ThreadWorker } from ${JSON.stringify(url)};
       const worker = new ThreadWorker();
       const check = { publicKey: new Uint8Array(9), message: new Uint8Array(9), signature: new Uint8Array(9) };
       worker.verify(Array(40).fill(check)).then((answers) => console.log(answers.length));
       worker.seekNonce('${MINING_HASH}', 2, new AbortController().signal).then(console.log);`,
    );
    const { stdout, status } = spawnSync(process.execPath, [file], { encoding: 'utf8', timeout: 30_000 });
    expect(status).toBe(0);
    expect(stdout.trim().split('\n')).toHaveLength(2);
  });
});

describe('packed checks', () => {
  it('are unpacked as they were, whatever they are views into', () => {
    const frame = Buffer.from('a frame of many fields');
    const views = [
      { publicKey: frame.subarray(2, 7), message: frame.subarray(0, 0), signature: frame.subarray(3) },
      { publicKey: Buffer.alloc(0), message: Buffer.alloc(0), signature: Buffer.alloc(0) },
    ];
    const packed = packChecks(views);
    expect(packed.buffer.byteLength).toBe(packed.length);
    expect(unpackChecks(packed).map((check) => Object.values(check).map(String))).toEqual(
      views.map((check) => Object.values(check).map((bytes) => String(new Uint8Array(bytes)))),
    );
    expect(unpackChecks(packChecks([]))).toEqual([]);
  });
});
