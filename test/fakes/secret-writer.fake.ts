// The writing half of the secrets manager in memory: it fills the source beside it, and refuses, holds back, alters and fails on request.

import { PsiError } from '../../src/core/error.ts';
import type { Place } from '../../src/provider/secret-source.ts';
import type { BatchOutcome, Objection, SecretToWrite, SecretWriter } from '../../src/provider/secret-writer.ts';
import type { FakeSecretSource } from './secret-source.fake.ts';

export class FakeSecretWriter implements SecretWriter {
  readonly calls: string[] = [];
  /** Most secrets in one batch. */
  batchSize = 100;
  /** Keys that the server refuses, together with their whole batch. */
  readonly notTaken = new Set<string>();
  /** Keys of which it keeps another value. */
  readonly altered = new Set<string>();
  /** Keys that it takes and forgets. */
  readonly lost = new Set<string>();
  /** Where what a value refers to has to be there, as servers of 2025 want it. */
  strict = false;
  /** Keys on which it fails without a reason. */
  readonly failsOn = new Set<string>();
  /** The next failure of that kind comes after the write. */
  failsLate = false;
  readonly objections = new Map<string, Objection>();
  /** Every write becomes a change request of this name. */
  approval: string | undefined;
  readonly #source: FakeSecretSource;
  readonly #failures: (PsiError | undefined)[] = [];

  constructor(source: FakeSecretSource) {
    this.#source = source;
  }

  /** undefined: that call works. */
  failNext(...errors: readonly (PsiError | undefined)[]): void {
    this.#failures.push(...errors);
  }

  objection({ key }: SecretToWrite): Objection | undefined {
    return this.objections.get(key);
  }

  references(_place: Place, { value }: SecretToWrite): readonly string[] | undefined {
    const found = [...value.exposeText().matchAll(/\$\{(\w+)\}/g)].map(([, key = '']) => key);
    return found.length === 0 ? undefined : [...new Set(found)];
  }

  batches(secrets: readonly SecretToWrite[]): readonly (readonly SecretToWrite[])[] {
    const count = Math.ceil(secrets.length / this.batchSize);
    return Array.from({ length: count }, (_, at) => secrets.slice(at * this.batchSize, (at + 1) * this.batchSize));
  }

  async ensureFolder(place: Place, signal: AbortSignal): Promise<void> {
    await this.#call(`folder ${place.project}:${place.path}`, signal);
    this.#source.addFolder(place.project, place.path);
  }

  async create(place: Place, batch: readonly SecretToWrite[], signal: AbortSignal): Promise<BatchOutcome> {
    await this.#call(`create ${batch.map(({ key }) => key).join(' ')}`, signal);
    const taken = batch.filter(({ key }) => this.#folder(place).has(key));
    if (taken.length > 0 && this.approval === undefined)
      throw new PsiError('CONFLICT', `${String(taken.length)} exist`);
    return this.#write(place, batch);
  }

  async overwrite(place: Place, batch: readonly SecretToWrite[], signal: AbortSignal): Promise<BatchOutcome> {
    await this.#call(`overwrite ${batch.map(({ key }) => key).join(' ')}`, signal);
    return this.#write(place, batch);
  }

  #write(place: Place, batch: readonly SecretToWrite[]): BatchOutcome {
    this.#folder(place);
    const refused = batch.find(({ key }) => this.notTaken.has(key));
    if (refused) throw new PsiError('BAD_REQUEST', `the server does not take ${refused.key}`, { hint: 'ask it why' });
    const lost = batch.find((each) => !this.#refersToWhatIsThere(place, each));
    if (lost) throw new PsiError('BAD_REQUEST', `${lost.key} refers to nothing`, { hint: 'make it first' });
    const fatal = batch.find(({ key }) => this.failsOn.has(key));
    const failed = fatal && new PsiError('PROVIDER_DOWN', `it failed on ${fatal.key}`, { hint: 'make the folder' });
    if (failed && !this.failsLate) return { kind: 'failed', error: failed };
    if (this.approval !== undefined) return { kind: 'approval', request: this.approval };
    for (const { key, value } of batch) {
      if (!this.lost.has(key)) this.#source.set(place.project, place.path, key, value.exposeText());
    }
    if (failed) return { kind: 'failed', error: failed };
    return { kind: 'written', altered: batch.map(({ key }) => key).filter((key) => this.altered.has(key)) };
  }

  #refersToWhatIsThere(place: Place, secret: SecretToWrite): boolean {
    const folder = this.#folder(place);
    return !this.strict || (this.references(place, secret) ?? []).every((key) => folder.has(key));
  }

  #folder({ project, path }: Place): ReadonlyMap<string, string | null> {
    const folder = this.#source.projects.get(project)?.get(path);
    if (!folder) throw new PsiError('PLACE_NOT_FOUND', `no folder ${path}`);
    return folder;
  }

  #call(what: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.calls.push(what);
    const failure = this.#failures.shift();
    return failure ? Promise.reject(failure) : Promise.resolve();
  }
}
