// How an import asks the server: each call bounded in time and repeated where a limit asks for it, each batch noted key by key.

import { PsiError, toPsiError } from '../../core/error.ts';
import { withRetries, type RetryRule } from '../../core/retry.ts';
import type { ImportEntry } from './entry.ts';
import type { Clock } from '../../core/clock.ts';
import type { Place, SecretSource } from '../../provider/secret-source.ts';
import type { BatchOutcome, SecretWriter } from '../../provider/secret-writer.ts';
import { withDeadline } from '../../core/deadline.ts';
import type { ProviderWords } from '../../core/provider-words.ts';
import { callBound } from '../call-bound.ts';
import type { ImportEvent } from './report.ts';
import type { ImportResults } from './results.ts';

export type ImportDeps = {
  readonly source: SecretSource;
  readonly writer: SecretWriter;
  readonly words: ProviderWords;
  readonly clock: Clock;
};

/** Only a limit is waited out: of anything else nobody knows whether the server has carried it out. Servers count requests by the minute. */
const LIMIT: RetryRule = {
  pausesMs: Array.from({ length: 5 }, () => 10_000),
  longestAskedMs: 65_000,
  askedWins: true,
  worthIt: ({ code }) => code === 'THROTTLED',
};

/** Folders that are not there hold nothing: they are made. */
export async function namesAt({ source, words, clock }: ImportDeps, place: Place): Promise<ReadonlySet<string>> {
  try {
    const listed = await withDeadline(clock, callBound('listing the folder', words), (signal) =>
      source.list(place, { recursive: false, values: false, imports: false, signal }),
    );
    return new Set(listed.map(({ key }) => key));
  } catch (thrown) {
    if (thrown instanceof PsiError && thrown.code === 'PLACE_NOT_FOUND') return new Set();
    throw thrown;
  }
}

const DONE_AS = { create: 'created', overwrite: 'overwritten' } as const;

/** The writing half of one import: what is done is noted in the results, the first failure that is not one key's own ends it. */
export class ImportRun {
  readonly #deps: ImportDeps;
  readonly #place: Place;
  readonly #results: ImportResults;
  readonly #emit: (event: ImportEvent) => void;
  readonly #total: number;
  readonly #written: ImportEntry[] = [];
  #done = 0;

  constructor(
    deps: ImportDeps,
    place: Place,
    results: ImportResults,
    emit: (event: ImportEvent) => void,
    total: number,
  ) {
    this.#deps = deps;
    this.#place = place;
    this.#results = results;
    this.#emit = emit;
    this.#total = total;
  }

  async write(how: 'create' | 'overwrite', entries: readonly ImportEntry[]): Promise<void> {
    const byKey = new Map(entries.map((entry) => [entry.key, entry]));
    for (const batch of this.#deps.writer.batches(entries)) {
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
    const there = await namesAt(this.#deps, this.#place);
    for (const entry of this.#written) {
      if (there.has(entry.key)) continue;
      const reason = 'the server took it, and does not list it';
      this.#results.set(entry, 'failed', {
        reason,
        hint: `look for it in ${this.#deps.words.name}, under another spelling too; does the identity have the right to describe it?`,
      });
    }
  }

  /** One call, as often as the server's limit asks for. */
  call<T>(what: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { words, clock } = this.#deps;
    const onRetry = ({ message }: PsiError, waitMs: number): void => {
      this.#emit({ event: 'waiting', message, waitMs });
    };
    return withRetries(LIMIT, { clock, onRetry }, () => withDeadline(clock, callBound(what, words), work));
  }

  async #batch(how: 'create' | 'overwrite', batch: readonly ImportEntry[]): Promise<void> {
    let outcome: BatchOutcome;
    try {
      outcome = await this.call(`writing ${String(batch.length)} secrets`, (signal) =>
        this.#deps.writer[how](this.#place, batch, signal),
      );
    } catch (thrown) {
      const error = toPsiError(thrown);
      if (error.code === 'BAD_REQUEST') return this.#halve(how, batch, error);
      for (const entry of batch) this.#results.set(entry, 'failed', failedAs(error));
      throw error;
    }
    for (const entry of batch) this.#note(entry, how, outcome);
  }

  /** One secret that the server does not take fails its whole batch: it is found by halving, and the others are written. */
  async #halve(how: 'create' | 'overwrite', batch: readonly ImportEntry[], error: PsiError): Promise<void> {
    const [only] = batch;
    if (batch.length === 1 && only) {
      this.#results.set(only, 'refused', { reason: error.message, hint: error.hint });
      return;
    }
    const middle = Math.ceil(batch.length / 2);
    await this.#batch(how, batch.slice(0, middle));
    await this.#batch(how, batch.slice(middle));
  }

  #note(entry: ImportEntry, how: 'create' | 'overwrite', outcome: BatchOutcome): void {
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

const AGAIN = 'run the same import again with `--conflict skip`: what is there is left alone';

function failedAs({ code, message }: PsiError): { readonly reason: string; readonly hint: string } {
  const unsure = code === 'DEADLINE' || code === 'PROVIDER_DOWN' || code === 'INTERNAL';
  return { reason: unsure ? `${message}; it may have been written` : message, hint: AGAIN };
}
