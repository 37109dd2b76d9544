// How an import asks the server: each call bounded in time and repeated where a limit asks for it, each batch noted key by key.

import { PsiError, toPsiError, type ErrorCode } from '../../core/error.ts';
import type { ImportEntry } from './entry.ts';
import type { Clock } from '../../core/clock.ts';
import { isMissingFolder, type Place, type SecretSource } from '../../provider/secret-source.ts';
import type { BatchOutcome, SecretWriter } from '../../provider/secret-writer.ts';
import type { ProviderWords } from '../../core/provider-words.ts';
import { patientCalls, type PatientCall } from '../patience.ts';
import { roundsOf } from './order.ts';
import type { Conflict, ImportEvent } from './report.ts';
import type { ImportResults } from './results.ts';

export type ImportDeps = {
  readonly source: SecretSource;
  readonly writer: SecretWriter;
  readonly words: ProviderWords;
  readonly clock: Clock;
};

/** Folders that are not there hold nothing: they are made. */
export async function namesAt(call: PatientCall, source: SecretSource, place: Place): Promise<ReadonlySet<string>> {
  try {
    const listed = await call('listing the folder', (signal) =>
      source.list(place, { recursive: false, values: false, imports: false, signal }),
    );
    return new Set(listed.map(({ key }) => key));
  } catch (thrown) {
    if (isMissingFolder(toPsiError(thrown))) return new Set();
    throw thrown;
  }
}

const DONE_AS = { create: 'created', overwrite: 'overwritten' } as const;

/** The writing half of one import: what is done is noted in the results, the first failure that is not one key's own ends it. */
export class ImportRun {
  readonly #deps: ImportDeps;
  readonly #place: Place;
  readonly #conflict: Conflict;
  readonly #results: ImportResults;
  readonly #call: PatientCall;
  readonly #emit: (event: ImportEvent) => void;
  readonly #total: number;
  readonly #written: ImportEntry[] = [];
  #done = 0;

  constructor(
    deps: ImportDeps,
    { place, conflict }: { readonly place: Place; readonly conflict: Conflict },
    results: ImportResults,
    emit: (event: ImportEvent) => void,
    total: number,
  ) {
    this.#deps = deps;
    this.#place = place;
    this.#conflict = conflict;
    this.#results = results;
    this.#call = patientCalls(deps, emit);
    this.#emit = emit;
    this.#total = total;
  }

  async ensureFolder(): Promise<void> {
    await this.#call('ensuring the folder', (signal) => this.#deps.writer.ensureFolder(this.#place, signal));
  }

  async write(how: 'create' | 'overwrite', entries: readonly ImportEntry[]): Promise<void> {
    const { writer } = this.#deps;
    const byKey = new Map(entries.map((entry) => [entry.key, entry]));
    const rounds = roundsOf(entries, (entry) => writer.references(this.#place, entry));
    for (const batch of rounds.flatMap((round) => writer.batches(round))) {
      this.#emit({ event: 'writing', done: this.#done, total: this.#total });
      await this.#batch(
        how,
        batch.flatMap(({ key }) => byKey.get(key) ?? []),
      );
      this.#done += batch.length;
    }
  }

  /** What the server took must be in its list: some put names into capitals, or keep them for a later approval without a word. */
  async verify(): Promise<void> {
    if (this.#written.length === 0) return;
    this.#emit({ event: 'verifying' });
    const there = await this.#names().catch((thrown: unknown) => {
      throw unverified(toPsiError(thrown));
    });
    for (const entry of this.#written) {
      if (there.has(entry.key)) continue;
      const reason = 'the server took it, and does not list it';
      this.#results.set(entry, 'failed', {
        reason,
        hint: `look for it in ${this.#deps.words.name}, under another spelling too; does the identity have the right to describe it?`,
      });
    }
  }

  #names(): Promise<ReadonlySet<string>> {
    return namesAt(this.#call, this.#deps.source, this.#place);
  }

  async #batch(how: 'create' | 'overwrite', batch: readonly ImportEntry[]): Promise<void> {
    let outcome: BatchOutcome;
    try {
      outcome = await this.#call(`writing ${String(batch.length)} secrets`, (signal) =>
        this.#deps.writer[how](this.#place, batch, signal),
      );
    } catch (thrown) {
      const error = toPsiError(thrown);
      if (error.code === 'BAD_REQUEST') return this.#halve(how, batch, error);
      throw this.#failed(batch, error);
    }
    if (outcome.kind === 'failed') return this.#lookAndHalve(how, batch, outcome.error);
    for (const entry of batch) this.#note(entry, how, outcome);
  }

  /** One secret that the server does not take fails its whole batch: it is found by halving, and the others are written. */
  async #halve(how: 'create' | 'overwrite', batch: readonly ImportEntry[], error: PsiError): Promise<void> {
    const [only] = batch;
    if (batch.length === 1 && only) {
      this.#results.set(only, 'refused', { reason: error.message, hint: error.hint });
      return;
    }
    await this.#halves(how, batch);
  }

  /** What was written in spite of a failure is listed now; of the rest, the one value that the server fails on is found by halving. */
  async #lookAndHalve(how: 'create' | 'overwrite', batch: readonly ImportEntry[], error: PsiError): Promise<void> {
    // An overwrite may be made twice, and its keys are listed before and after.
    const there =
      how === 'create'
        ? await this.#names().catch((thrown: unknown) => {
            throw this.#failed(batch, toPsiError(thrown), true);
          })
        : new Set<string>();
    for (const entry of batch.filter(({ key }) => there.has(key))) {
      this.#note(entry, how, { kind: 'written', altered: [] });
      this.#results.note(entry, `${error.message}; it is listed now`);
    }
    const left = batch.filter(({ key }) => !there.has(key));
    const [only] = left;
    if (left.length > 1) await this.#halves(how, left);
    else if (only) {
      const reason = how === 'create' ? error.message : `${error.message}; ${UNSURE}`;
      this.#results.set(only, 'failed', { reason, hint: error.hint });
    }
  }

  /** Answers the error, which ends the run. */
  #failed(batch: readonly ImportEntry[], error: PsiError, unsure = LEAVES_OPEN.includes(error.code)): PsiError {
    const reason = unsure ? `${error.message}; ${UNSURE}` : error.message;
    for (const entry of batch) this.#results.set(entry, 'failed', { reason, hint: AGAIN[this.#conflict] });
    return error;
  }

  async #halves(how: 'create' | 'overwrite', batch: readonly ImportEntry[]): Promise<void> {
    const middle = Math.ceil(batch.length / 2);
    await this.#batch(how, batch.slice(0, middle));
    await this.#batch(how, batch.slice(middle));
  }

  #note(
    entry: ImportEntry,
    how: 'create' | 'overwrite',
    outcome: Exclude<BatchOutcome, { readonly kind: 'failed' }>,
  ): void {
    if (outcome.kind === 'approval') {
      const reason = `it waits for approval in ${this.#deps.words.name}: change request ${outcome.request}`;
      this.#results.set(entry, 'approval', { reason });
    } else if (outcome.altered.includes(entry.key)) {
      const reason = 'the server keeps another value than it was given';
      this.#results.set(entry, 'failed', {
        reason,
        hint: `look at it in ${this.#deps.words.name}; base64 passes through unaltered`,
      });
    } else {
      this.#results.set(entry, DONE_AS[how]);
      this.#written.push(entry);
    }
  }
}

/** What says nothing of whether the server has carried out the call. */
const LEAVES_OPEN: readonly ErrorCode[] = ['DEADLINE', 'PROVIDER_DOWN', 'INTERNAL'];
const UNSURE = 'it may have been written';

const SKIP = 'run the same import again with `--conflict skip`: what is there is left alone';
const AGAIN: Readonly<Record<Conflict, string>> = {
  fail: SKIP,
  skip: SKIP,
  overwrite: 'run the same import again: what is written already is given the same values once more',
};

function unverified({ code, message, hint, retry, retryAfterMs }: PsiError): PsiError {
  return new PsiError(code, `the server took it all, and what is there now could not be listed: ${message}`, {
    ...(hint !== undefined && { hint }),
    retry,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}
