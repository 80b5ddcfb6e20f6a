/**
 * RFC 8785 (JSON Canonicalization Scheme): one text for one value, so that a configuration has one hash. ECMAScript's
 * own forms of numbers and strings are the ones that the RFC prescribes; what is left is to sort keys by UTF-16 code
 * units, which is how JavaScript compares strings.
 */
import type { Json, JsonObject } from './strict-json.js';

/** @throws TypeError for what has no canonical form: a number that is not finite, a string with a lone surrogate. */
export function canonicalJson(value: Json): string {
  if (typeof value === 'string') return canonicalString(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`${value} has no canonical JSON`);
    return JSON.stringify(value);
  }
  if (value === null || typeof value === 'boolean') return String(value);
  if (isList(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members = Object.keys(value)
    .sort()
    .map((key) => `${canonicalString(key)}:${canonicalJson(value[key] as Json)}`);
  return `{${members.join(',')}}`;
}

function canonicalString(text: string): string {
  if (!text.isWellFormed()) throw new TypeError('a string with a lone surrogate has no canonical JSON');
  return JSON.stringify(text);
}

/** Array.isArray does not narrow a union with a readonly array. */
function isList(value: readonly Json[] | JsonObject): value is readonly Json[] {
  return Array.isArray(value);
}
