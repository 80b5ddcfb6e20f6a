/**
 * JSON as people write it into configuration files: RFC 8259 with `//` comments and nothing else lax. Duplicate keys,
 * trailing commas, ill-formed strings and numbers that would silently change their value are refused, so that a text
 * means one thing to every reader. Bounded in depth: no text exhausts the stack.
 */

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
/** Without a prototype when parsed here, so that a key such as `__proto__` is a key like any other. */
export interface JsonObject {
  readonly [key: string]: Json;
}

const MAX_DEPTH = 32;
/** With so many, no fraction is ever rounded to an integer, nor an integer below 2^53 to another. */
const MAX_SIGNIFICANT_DIGITS = 16;

/** Where and why a text is not the JSON that we read; line and column count from 1. */
export class JsonError extends Error {
  override readonly name = 'JsonError';
  readonly line: number;
  readonly column: number;

  constructor(line: number, column: number, why: string) {
    super(`line ${line}, column ${column}: ${why}`);
    this.line = line;
    this.column = column;
  }
}

/**
 * @param options.comments whether `//` comments may stand between tokens (default true)
 * @throws JsonError
 */
export function parseJson(text: string, options: { readonly comments?: boolean } = {}): Json {
  return new Parser(text, options.comments ?? true).whole();
}

/** `a.b[3]`, with keys that are no plain names quoted. */
export function joinPath(path: string, key: string | number): string {
  if (typeof key === 'number') return `${path}[${key}]`;
  if (!/^\w{1,64}$/.test(key)) return `${path}[${JSON.stringify(key.slice(0, 64))}]`;
  return path === '' ? key : `${path}.${key}`;
}

const SPACE = /[ \t\r\n]*/y;
const COMMENT = /\/\/[^\r\n]*/y;
/** What may stand in a string unescaped: all but quotes, backslashes and U+0000 to U+001F. */
const STRING_PART = /[ !#-[\]-\uffff]*/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const WORD = /\w+/y;

class Parser {
  readonly #text: string;
  readonly #comments: boolean;
  #at = 0;

  constructor(text: string, comments: boolean) {
    this.#text = text;
    this.#comments = comments;
  }

  whole(): Json {
    this.#skip();
    const value = this.#value('', 0);
    this.#skip();
    if (this.#at < this.#text.length) throw this.#unexpected('the end of the text');
    return value;
  }

  #value(path: string, depth: number): Json {
    const first = this.#text[this.#at];
    if (first === '{' || first === '[') {
      if (depth >= MAX_DEPTH) throw this.#error(`nested deeper than ${MAX_DEPTH} levels`);
      return first === '{' ? this.#object(path, depth) : this.#list(path, depth);
    }
    if (first === '"') return this.#string();
    if (first === '-' || (first !== undefined && first >= '0' && first <= '9')) return this.#number(path);
    const start = this.#at;
    const word = this.#match(WORD);
    if (word === 'true') return true;
    if (word === 'false') return false;
    if (word === 'null') return null;
    this.#at = start;
    throw this.#unexpected('a value');
  }

  #object(path: string, depth: number): JsonObject {
    const object: Record<string, Json> = Object.create(null);
    this.#at++;
    this.#skip();
    if (this.#take('}')) return object;
    for (;;) {
      if (this.#text[this.#at] !== '"') throw this.#unexpected('a key in double quotes');
      const start = this.#at;
      const key = this.#string();
      const keyPath = joinPath(path, key);
      if (key in object) throw this.#error(`duplicate key ${keyPath}`, start);
      this.#skip();
      if (!this.#take(':')) throw this.#unexpected(`a colon after the key ${keyPath}`);
      this.#skip();
      object[key] = this.#value(keyPath, depth + 1);
      this.#skip();
      if (this.#take('}')) return object;
      if (!this.#take(',')) throw this.#unexpected('a comma or }');
      this.#skip();
    }
  }

  #list(path: string, depth: number): readonly Json[] {
    const list: Json[] = [];
    this.#at++;
    this.#skip();
    if (this.#take(']')) return list;
    for (;;) {
      list.push(this.#value(joinPath(path, list.length), depth + 1));
      this.#skip();
      if (this.#take(']')) return list;
      if (!this.#take(',')) throw this.#unexpected('a comma or ]');
      this.#skip();
    }
  }

  #string(): string {
    const start = this.#at++;
    do this.#match(STRING_PART);
    while (this.#match(ESCAPE) !== undefined);
    if (!this.#take('"'))
      throw this.#error('a string must end, and may have neither control characters nor unknown escapes');
    const value = JSON.parse(this.#text.slice(start, this.#at)) as string;
    if (!value.isWellFormed()) throw this.#error('a string with half of a surrogate pair', start);
    return value;
  }

  #number(path: string): number {
    const start = this.#at;
    const literal = this.#match(NUMBER);
    if (literal === undefined) throw this.#unexpected('a number');
    const value = Number(literal);
    const mantissa = literal.replace(/[eE].*/, '');
    const digits = mantissa.replace(/[-.]/g, '').replace(/^0+/, '');
    const lost = !Number.isFinite(value) || (value === 0 && digits !== '');
    if (lost || digits.length > MAX_SIGNIFICANT_DIGITS) {
      const where = path === '' ? '' : ` of ${path}`;
      throw this.#error(`the number ${literal.slice(0, 40)}${where} cannot be kept exactly`, start);
    }
    return value;
  }

  #skip(): void {
    this.#match(SPACE);
    while (this.#comments && this.#match(COMMENT)) this.#match(SPACE);
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #unexpected(expected: string): JsonError {
    const found = this.#text.codePointAt(this.#at);
    const shown = found === undefined ? 'the end of the text' : JSON.stringify(String.fromCodePoint(found));
    return this.#error(`expected ${expected}, found ${shown}`);
  }

  #error(why: string, at: number = this.#at): JsonError {
    const lines = this.#text.slice(0, at).split('\n');
    return new JsonError(lines.length, (lines.at(-1) as string).length + 1, why);
  }
}
