/** SHA-256, and the domain tags that keep one kind of signed bytes from being taken for another (section 1). */
import { hash } from 'node:crypto';
import { type Hash, utf8 } from './bytes.js';

/** By way of a string, each character a byte: a third of the time that a buffer of node:crypto's own takes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return Buffer.from(hash('sha256', bytes, 'binary'), 'binary');
}

/** SHA-256 as hex; a string is hashed as its UTF-8 bytes (the proof of work hashes text, section 5). */
export function sha256Hex(input: Uint8Array | string): Hash {
  return hash('sha256', input, 'hex');
}

/** `tag(t)`: the UTF-8 bytes of `t` and one zero byte. */
export function tag(text: string): Uint8Array {
  return utf8(`${text}\0`);
}
