// Reads query strings and JSON bodies the way the server's zod schemas do: unknown fields are dropped silently,
// wrong ones are collected and answered together by check().
import { ApiFailure } from './errors.ts';
import type { Issue } from './errors.ts';

export class Fields {
  readonly #source: Readonly<Record<string, unknown>>;
  readonly #path: readonly (string | number)[];
  readonly #issues: Issue[];

  /** `path` and `issues` of what this is a part of: one answer names everything that is wrong, with its whole path (row 19). */
  constructor(source: unknown, path: readonly (string | number)[] = [], issues: Issue[] = []) {
    this.#source = isRecord(source) ? source : {};
    this.#path = path;
    this.#issues = issues;
  }

  has(name: string): boolean {
    return this.#source[name] !== undefined;
  }

  optionalText(name: string): string | undefined {
    const value = this.#source[name];
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'string') return value;
    this.#wrongType(name, 'string', value);
    return undefined;
  }

  text(name: string): string {
    const value = this.#source[name];
    if (typeof value === 'string') return value;
    this.#wrongType(name, 'string', value);
    return '';
  }

  /** A query boolean: the literal words only, so `1`, `yes` and `True` are refused. */
  flag(name: string, fallback: boolean): boolean {
    const value = this.#source[name];
    if (value === undefined) return fallback;
    if (value === 'true' || value === 'false') return value === 'true';
    const seen = describe(value);
    this.refuse(name, `Invalid enum value. Expected 'true' | 'false', received '${seen}'`, {
      code: 'invalid_enum_value',
      received: seen,
      options: ['true', 'false'],
    });
    return fallback;
  }

  optionalBoolean(name: string): boolean | undefined {
    const value = this.#source[name];
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'boolean') return value;
    this.#wrongType(name, 'boolean', value);
    return undefined;
  }

  optionalNumber(name: string): number | undefined {
    const value = this.#source[name];
    if (value === undefined || value === null) return undefined;
    const number = Number(value);
    if (Number.isFinite(number)) return number;
    this.#wrongType(name, 'number', value);
    return undefined;
  }

  oneOf<T extends string>(name: string, words: readonly T[], fallback: T): T {
    const value = this.#source[name];
    if (value === undefined) return fallback;
    const found = words.find((word) => word === value);
    if (found !== undefined) return found;
    const expected = words.map((word) => `'${word}'`).join(' | ');
    this.refuse(name, `Invalid enum value. Expected ${expected}, received '${describe(value)}'`, {
      code: 'invalid_enum_value',
      options: words,
    });
    return fallback;
  }

  /** An object as it came; its own fields are the caller's to check. */
  record(name: string): unknown {
    const value = this.#source[name];
    if (value !== undefined && !isRecord(value)) this.#wrongType(name, 'object', value);
    return value;
  }

  /** An array of objects; their issues are issues of this one. */
  items(name: string): readonly Fields[] {
    const value = this.#source[name];
    if (Array.isArray(value)) {
      return value.map((item: unknown, at) => new Fields(item, [...this.#path, name, at], this.#issues));
    }
    this.#wrongType(name, 'array', value);
    return [];
  }

  refuse(name: string, message: string, extra: Readonly<Record<string, unknown>> = {}): void {
    this.#issues.push({ code: 'custom', ...extra, path: [...this.#path, name], message });
  }

  check(): void {
    if (this.#issues.length > 0) throw new ApiFailure('validation', 'validation failed', { issues: this.#issues });
  }

  #wrongType(name: string, expected: string, value: unknown): void {
    const received = value === undefined ? 'undefined' : Array.isArray(value) ? 'array' : typeof value;
    const message = value === undefined ? 'Required' : `Expected ${expected}, received ${received}`;
    this.refuse(name, message, { code: 'invalid_type', expected, received });
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function describe(value: unknown): string {
  return typeof value === 'string' ? value : typeof value;
}
