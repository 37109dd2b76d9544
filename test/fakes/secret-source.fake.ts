// A secrets manager in memory that fails, delays, hides and forgets on request, and counts what it is asked.

import { PsiError } from '../../src/core/error.ts';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import type { Clock } from '../../src/core/clock.ts';
import { momentOf, type Fetched } from '../../src/core/fetched.ts';
import { SecretValue } from '../../src/core/secret-value.ts';
import type { ListedSecret, ListOptions, Place, SecretRef, SecretSource } from '../../src/provider/secret-source.ts';

export class FakeSecretSource implements SecretSource {
  /** project → path → key → value; null: listed, but its value may not be read. */
  readonly projects = new Map<string, Map<string, Map<string, string | null>>>();
  readonly calls: string[] = [];
  readonly #failures: (PsiError | undefined)[] = [];
  readonly #clock: Clock;
  #gate: Promise<unknown> = Promise.resolve();

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  set(project: string, path: string, key: string, value: string | null): void {
    this.addFolder(project, path).set(key, value);
  }

  addFolder(project: string, path: string): Map<string, string | null> {
    const paths = this.projects.get(project) ?? new Map<string, Map<string, string | null>>();
    const keys = paths.get(path) ?? new Map<string, string | null>();
    this.projects.set(project, paths.set(path, keys));
    return keys;
  }

  failNext(...errors: readonly PsiError[]): void {
    this.#failures.push(...errors);
  }

  /** The calls before them work. */
  failNextAfter(calls: number, ...errors: readonly PsiError[]): void {
    this.#failures.push(...Array.from({ length: calls }, () => undefined), ...errors);
  }

  /** Calls wait until the returned function is called, or their signal aborts. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#gate = promise;
    return () => {
      resolve(undefined);
    };
  }

  async list(place: Place, options: ListOptions): Promise<readonly ListedSecret[]> {
    await this.#call(`list ${place.project}:${place.path}`, options.signal);
    const paths = this.projects.get(place.project);
    if (!paths?.has(place.path)) throw noFolder(place.path);
    const below = place.path === '/' ? '/' : `${place.path}/`;
    return [...paths]
      .filter(([path]) => path === place.path || (options.recursive && path.startsWith(below)))
      .flatMap(([path, keys]) =>
        [...keys].map(([key, value]) => {
          return { key, path, fetched: value === null || !options.values ? undefined : this.#fetched(value) };
        }),
      );
  }

  async get(ref: SecretRef, signal: AbortSignal): Promise<Fetched> {
    await this.#call(`get ${ref.project}:${ref.path} ${ref.key}`, signal);
    const folder = this.projects.get(ref.project)?.get(ref.path);
    if (!folder) throw noFolder(ref.path);
    const value = folder.get(ref.key);
    if (value === undefined) throw new PsiError('NOT_FOUND', `no secret ${ref.key}`);
    if (value === null) throw new PsiError('VALUE_HIDDEN', `the value of ${ref.key} is hidden`);
    return this.#fetched(value);
  }

  async folders(place: Place, signal: AbortSignal): Promise<readonly string[]> {
    await this.#call(`folders ${place.project}:${place.path}`, signal);
    return foldersIn(place.path, this.projects.get(place.project)?.keys() ?? []);
  }

  #fetched(value: string): Fetched {
    return { ...momentOf(this.#clock), value: SecretValue.fromText(value), version: undefined };
  }

  async #call(what: string, signal: AbortSignal): Promise<void> {
    this.calls.push(what);
    const failure = this.#failures.shift();
    if (failure) throw failure;
    const aborted = Promise.withResolvers<never>();
    const abort = (): void => {
      aborted.reject(signal.reason instanceof PsiError ? signal.reason : new PsiError('DEADLINE', 'aborted'));
    };
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    try {
      await Promise.race([this.#gate, aborted.promise]);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }
}

/** Of these paths, with the folders on the way to them. */
export function foldersIn(parent: string, paths: Iterable<string>): readonly string[] {
  const below = parent === '/' ? '/' : `${parent}/`;
  const names = [...paths].flatMap((path) => (path.startsWith(below) ? [path.slice(below.length).split('/')[0]] : []));
  return [...new Set(names.flatMap((name) => (name === undefined || name === '' ? [] : [name])))];
}

function noFolder(path: string): PsiError {
  return new PsiError('PLACE_NOT_FOUND', `no folder ${path}`, { details: { missing: 'folder' } });
}
