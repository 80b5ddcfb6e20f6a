/**
 * A small declarative validator for files that people write: genesis.json and ccoin.json. Its worth is in its
 * messages: each names the key's path, what was found, what was expected, and for an unknown key the nearest known one.
 */
import { type Json, type JsonObject, joinPath } from './strict-json.js';

/** What a key's value must be. `expected` completes "… must be". */
export interface Schema<T> {
  readonly kind: 'integer' | 'number' | 'boolean' | 'text' | 'list' | 'object' | 'other';
  readonly expected: string;
  /** The value when the key is missing. */
  readonly fallback?: Json;
  /** Without a fallback: whether the key may be missing all the same. */
  readonly optional?: true;
  /** @throws SchemaError; `path` is the key's path from the top of the file. */
  read(value: Json, path: string): T;
}

export type SchemaValue<S> = S extends Schema<infer T> ? T : never;

export class SchemaError extends Error {
  override readonly name = 'SchemaError';
  readonly path: string;

  constructor(path: string, message: string) {
    super(message);
    this.path = path;
  }
}

/** "path must be …, not …": the one form in which every schema refuses a value. */
export function refusal(path: string, expected: string, found: Json): SchemaError {
  return new SchemaError(path, `${path || 'the file'} must be ${expected}, not ${describe(found)}`);
}

const MAX_SHOWN = 60;

function describe(value: Json): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = JSON.stringify(value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}

export function integer(min = 0, max: number = Number.MAX_SAFE_INTEGER): Schema<number> {
  const expected = `an integer from ${min} to ${max === Number.MAX_SAFE_INTEGER ? '2^53-1' : max}`;
  return {
    kind: 'integer',
    expected,
    read(value, path) {
      if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
        throw refusal(path, expected, value);
      }
      // Turns -0, which has no canonical encoding, into 0.
      return (value as number) + 0;
    },
  };
}

/** A number of at most `decimals` decimals. */
export function decimal(min: number, max: number, decimals: number): Schema<number> {
  const expected = `a number from ${min} to ${max} with at most ${decimals} decimals`;
  return {
    kind: 'number',
    expected,
    read(value, path) {
      const fits = typeof value === 'number' && value >= min && value <= max;
      if (!fits || Number(value.toFixed(decimals)) !== value) throw refusal(path, expected, value);
      return value + 0;
    },
  };
}

export function boolean(): Schema<boolean> {
  return {
    kind: 'boolean',
    expected: 'true or false',
    read(value, path) {
      if (typeof value !== 'boolean') throw refusal(path, 'true or false', value);
      return value;
    },
  };
}

/** A text that `fits`; `expected` says in words what does. */
export function text(expected: string, fits: (value: string) => boolean): Schema<string> {
  return {
    kind: 'text',
    expected,
    read(value, path) {
      if (typeof value !== 'string' || !fits(value)) throw refusal(path, expected, value);
      return value;
    },
  };
}

export function choice<const T extends readonly string[]>(...values: T): Schema<T[number]> {
  const expected = values.map((value) => JSON.stringify(value)).join(' or ');
  return text(expected, (value) => values.includes(value));
}

export function list<T>(item: Schema<T>, min: number, max: number): Schema<readonly T[]> {
  const expected = `a list of ${min} to ${max}, each ${item.expected}`;
  return {
    kind: 'list',
    expected,
    read(value, path) {
      if (!Array.isArray(value)) throw refusal(path, expected, value);
      if (value.length < min || value.length > max) {
        throw new SchemaError(path, `${path} must be ${expected}, not a list of ${value.length}`);
      }
      return value.map((element: Json, i) => item.read(element, joinPath(path, i)));
    },
  };
}

/** An object whose keys are all of one kind and whose values are all of one kind. */
export function dictionary<T>(
  keys: { readonly expected: string; fits(key: string): boolean },
  item: Schema<T>,
): Schema<Readonly<Record<string, T>>> {
  const expected = `an object whose keys are each ${keys.expected}`;
  return {
    kind: 'object',
    expected,
    read(value, path) {
      const object = asObject(value, path, expected);
      return Object.fromEntries(
        Object.entries(object).map(([key, element]) => {
          const at = joinPath(path, key);
          if (!keys.fits(key)) throw new SchemaError(at, `the key of ${at} must be ${keys.expected}`);
          return [key, item.read(element, at)];
        }),
      );
    },
  };
}

/** An object of exactly these keys; those with a fallback may be missing. */
export function object<F extends Readonly<Record<string, Schema<unknown>>>>(
  fields: F,
): Schema<{ readonly [K in keyof F]: SchemaValue<F[K]> }> {
  const names = Object.keys(fields);
  const expected = `an object with the keys ${names.join(', ')}`;
  return {
    kind: 'object',
    expected,
    read(value, path) {
      const given = asObject(value, path, expected);
      for (const key of Object.keys(given))
        if (!Object.hasOwn(fields, key)) throw unknownKey(path, key, names);
      const entries = Object.entries(fields).map(([name, field]) => {
        const at = joinPath(path, name);
        const found = Object.hasOwn(given, name) ? given[name] : field.fallback;
        if (found === undefined) {
          if (field.optional) return [name, undefined];
          throw new SchemaError(at, `${at} is missing: it must be ${field.expected}`);
        }
        return [name, field.read(found, at)];
      });
      return Object.fromEntries(entries) as { readonly [K in keyof F]: SchemaValue<F[K]> };
    },
  };
}

/** The same, but the key may be missing and is `fallback` then. */
export function withDefault<T>(schema: Schema<T>, fallback: Json): Schema<T> {
  return { ...schema, fallback };
}

/** The same, but the key may be missing and is undefined then. */
export function optional<T>(schema: Schema<T>): Schema<T | undefined> {
  return { ...schema, optional: true };
}

function asObject(value: Json, path: string, expected: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refusal(path, expected, value);
  return value as JsonObject;
}

export function unknownKey(path: string, key: string, known: readonly string[]): SchemaError {
  const at = joinPath(path, key);
  const near = nearestName(key, known);
  const hint = near === undefined ? `known are ${known.join(', ')}` : `did you mean ${near}?`;
  return new SchemaError(at, `unknown key ${at}: ${hint}`);
}

/** The known name that `name` is most likely a slip of: at most a third of its letters differ. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    // Names are short; a long key is no slip of one, and comparing it would only cost.
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue;
    const distance = editDistance(name, candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Letters to insert, delete, replace or swap with their neighbour (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, at(beforeLast, j - 2) + 1);
      }
      row.push(cost);
    }
    [beforeLast, last] = [last, row];
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] as number;
}
