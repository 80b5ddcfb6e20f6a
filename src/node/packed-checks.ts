/**
 * Signature checks as one block of bytes, which changes threads without being copied. Sent as they are, each of their
 * fields would drag along a copy of the whole frame that it is a view into.
 *
 * For each check: the lengths of key, message and signature (uint32), then those three.
 */
import type { SignatureCheck } from '../protocol/keys.js';

const LENGTHS_BYTES = 12;

/** Bytes in a buffer of their own, so that they can be transferred. */
export function packChecks(checks: readonly SignatureCheck[]): Uint8Array<ArrayBuffer> {
  const size = checks.reduce(
    (sum, { publicKey, message, signature }) =>
      sum + LENGTHS_BYTES + publicKey.length + message.length + signature.length,
    0,
  );
  const packed = new Uint8Array(size);
  const view = new DataView(packed.buffer);
  let at = 0;
  for (const { publicKey, message, signature } of checks) {
    for (const part of [publicKey, message, signature]) {
      view.setUint32(at, part.length);
      at += LENGTHS_BYTES / 3;
    }
    for (const part of [publicKey, message, signature]) {
      packed.set(part, at);
      at += part.length;
    }
  }
  return packed;
}

/** The checks, as views into `packed`. */
export function unpackChecks(packed: Uint8Array): SignatureCheck[] {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const checks: SignatureCheck[] = [];
  let at = 0;
  while (at < packed.length) {
    const key = at + LENGTHS_BYTES;
    const message = key + view.getUint32(at);
    const signature = message + view.getUint32(at + 4);
    const end = signature + view.getUint32(at + 8);
    checks.push({
      publicKey: packed.subarray(key, message),
      message: packed.subarray(message, signature),
      signature: packed.subarray(signature, end),
    });
    at = end;
  }
  return checks;
}
