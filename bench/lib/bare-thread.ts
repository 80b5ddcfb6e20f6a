/**
 * A thread that checks signatures and does nothing else: node:crypto alone, none of the node's own code, so that
 * nothing which slows the node down can lower what it is held against.
 */
import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';

/** As bytes; the key in the form of PKCS#1. */
export interface BareCheck {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

export interface BareJob {
  readonly durationMs: number;
}

export interface BareAnswer {
  readonly checksPerSecond: number;
}

const SALT_BYTES = 32;

if (parentPort === null) throw new Error('bare-thread runs in a worker thread only');
const port = parentPort;
const keys = new Map<string, KeyObject>();
const batch = (workerData as readonly BareCheck[]).map(({ publicKey, message, signature }) => ({
  key: keyOf(publicKey),
  message,
  signature,
}));

port.on('message', ({ durationMs }: BareJob) => {
  const startMs = performance.now();
  let checked = 0;
  do {
    checkBatch();
    checked += batch.length;
  } while (performance.now() - startMs < durationMs);
  const checksPerSecond = (checked * 1_000) / (performance.now() - startMs);
  port.postMessage({ checksPerSecond } satisfies BareAnswer);
});

function checkBatch(): void {
  for (const { key, message, signature } of batch) {
    const padding = { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: SALT_BYTES };
    if (!verify('sha256', message, padding, signature)) throw new Error('a good signature was refused');
  }
}

/** One object for all checks by the same key. */
function keyOf(der: Uint8Array): KeyObject {
  const name = Buffer.from(der).toString('latin1');
  const key = keys.get(name) ?? createPublicKey({ key: Buffer.from(der), format: 'der', type: 'pkcs1' });
  keys.set(name, key);
  return key;
}
