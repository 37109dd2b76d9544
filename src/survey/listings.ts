// The listings of one run: each place is asked for once, however many workloads name it, and transient failures are waited out.

import type { Clock } from '../core/clock.ts';
import { withDeadline } from '../core/deadline.ts';
import { PsiError } from '../core/error.ts';
import { withRetries } from '../core/retry.ts';
import type { SecretSpec, Workload } from '../core/workload.ts';
import type { ListedSecret, SecretSource } from '../provider/secret-source.ts';
import type { SurveyEvent } from './events.ts';

export type ListingDeps = {
  readonly sourceOf: (provider: string) => SecretSource | undefined;
  readonly clock: Clock;
  readonly emit: (event: SurveyEvent) => void;
  /** Pauses before a listing that failed for a moment is tried again; default: those of setup. */
  readonly pausesMs?: readonly number[];
};

export type Listing = {
  readonly secrets: readonly ListedSecret[];
  /** Undefined: listed with its values. Else why only the names could be had. */
  readonly namesOnly: string | undefined;
};

/** Setup's pauses between tries of a listing: about two minutes in all, so that a network or a server that comes up late is met. */
const SETUP_PAUSES_MS: readonly number[] = [5_000, 10_000, 20_000, 40_000, 60_000];

/** A server that wants to be left alone for longer is not waited for: whoever runs setup is told the time. */
const LONGEST_ASKED_MS = 5 * 60_000;

/** One listing may take this long: it is no driver request, and nobody's lock is held. */
const LIST_TIMEOUT_MS = 30_000;

export class Listings {
  readonly #deps: ListingDeps;
  readonly #signal: AbortSignal;
  readonly #byPlace = new Map<string, Promise<Listing>>();

  constructor(deps: ListingDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
  }

  /** Rejects for every workload that names the place if it cannot be listed: it is not asked for again in this run. */
  of(workload: Workload, spec: SecretSpec): Promise<Listing> {
    const key = JSON.stringify([workload.provider, spec.project, spec.path, spec.recursive]);
    const known = this.#byPlace.get(key);
    if (known) return known;
    const listing = this.#withRetries(workload, spec);
    this.#byPlace.set(key, listing);
    return listing;
  }

  #withRetries(workload: Workload, spec: SecretSpec): Promise<Listing> {
    const { clock, emit, pausesMs = SETUP_PAUSES_MS } = this.#deps;
    const onRetry = ({ message }: PsiError, waitMs: number): void => {
      emit({ event: 'retrying', workload: workload.name, message, waitMs });
    };
    return withRetries({ pausesMs, longestAskedMs: LONGEST_ASKED_MS }, { clock, signal: this.#signal, onRetry }, () => {
      emit({ event: 'listing', workload: workload.name, project: spec.project, path: spec.path });
      return this.#list(workload, spec);
    });
  }

  async #list(workload: Workload, spec: SecretSpec): Promise<Listing> {
    const source = this.#deps.sourceOf(workload.provider);
    if (!source) throw new PsiError('CONFIG_INVALID', `the provider ${workload.provider} is not configured`);
    try {
      return { secrets: await this.#ask(source, spec, true), namesOnly: undefined };
    } catch (thrown) {
      // One unreadable reference or value makes the server refuse the whole listing: names alone need fewer rights.
      if (!(thrown instanceof PsiError) || thrown.code !== 'PROVIDER_DENIED') throw thrown;
      const secrets = await this.#ask(source, spec, false).catch(() => undefined);
      if (!secrets) throw thrown;
      return { secrets, namesOnly: thrown.message };
    }
  }

  async #ask(source: SecretSource, spec: SecretSpec, values: boolean): Promise<readonly ListedSecret[]> {
    const { project, path, recursive } = spec;
    const listed = await withDeadline(
      this.#deps.clock,
      { ms: LIST_TIMEOUT_MS, what: `the listing of ${project}:${path}` },
      (deadline) => source.list({ project, path }, { recursive, values, signal: deadline }),
      this.#signal,
    );
    // A copy that nobody can change: several workloads share it, and the source may go on using its own.
    return Object.freeze([...listed]);
  }
}
