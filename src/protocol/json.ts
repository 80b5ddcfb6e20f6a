/**
 * How JSON carries bytes that are mostly text: the `data` of blocks and transactions. The HTTP API shows it and takes
 * it in this form, and clients read it back. Everything else in JSON is hex (ids, addresses) or base64 (signatures).
 */
import { fromBase64, toBase64, utf8 } from './bytes.js';

/** Text where the bytes are well-formed UTF-8, base64 where they are not, null for nil. */
export type DataJson = string | { readonly base64: string } | null;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function dataToJson(data: Uint8Array | null): DataJson {
  if (data === null) return null;
  try {
    return decoder.decode(data);
  } catch {
    return { base64: toBase64(data) };
  }
}

/** The bytes of either form (base64 of text too), null for null; undefined if the value is neither. */
export function dataFromJson(value: unknown): Uint8Array | null | undefined {
  if (value === null) return null;
  if (typeof value === 'string') return value.isWellFormed() ? utf8(value) : undefined;
  if (typeof value !== 'object' || Object.keys(value).length !== 1 || !('base64' in value)) return undefined;
  return typeof value.base64 === 'string' ? fromBase64(value.base64) : undefined;
}
