// The single reads of one run: what a listing leaves open is asked for by itself, each secret once however many workloads name it. Limits are
// waited out, their number and time are bounded, and a provider that has stopped answering is not asked on.

import type { Clock } from '../core/clock.ts';
import { withDeadline } from '../core/deadline.ts';
import { PsiError, toPsiError } from '../core/error.ts';
import type { Fetched } from '../core/fetched.ts';
import { printable } from '../core/naming.ts';
import { withRetries } from '../core/retry.ts';
import type { Workload } from '../core/workload.ts';
import type { SecretRef } from '../provider/secret-source.ts';
import type { ListingDeps } from './listings.ts';
import { LONGEST_ASKED_MS, SETUP_PAUSES_MS } from './waits.ts';

/**
 * value     as the provider gives it now
 * gone      the provider says that this very secret is not there
 * refused   it is there, or may be, and may not be read
 * unknown   nobody could say: no answer, a limit, too many to ask
 */
export type SingleRead =
  | { readonly kind: 'value'; readonly fetched: Fetched }
  | { readonly kind: 'gone' }
  | { readonly kind: 'refused' | 'unknown'; readonly error: PsiError };

/** In one run: at a limit of one a second this is nine minutes. */
const MOST = 500;
const LONGEST_RUN_MS = 15 * 60_000;
const READ_TIMEOUT_MS = 10_000;

export class SingleReads {
  readonly #deps: ListingDeps;
  readonly #signal: AbortSignal;
  readonly #byRef = new Map<string, Promise<SingleRead>>();
  /** By provider: why it is not asked any more. */
  readonly #ended = new Map<string, PsiError>();
  #left = MOST;
  #until: number | undefined;

  constructor(deps: ListingDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
  }

  /** Never rejects, but for the run's own end. */
  of(workload: Workload, ref: SecretRef): Promise<SingleRead> {
    const { project, path, key } = ref;
    const slot = JSON.stringify([workload.provider, project, path, key]);
    const known = this.#byRef.get(slot);
    if (known) return known;
    const read = this.#read(workload, ref);
    this.#byRef.set(slot, read);
    return read;
  }

  async #read(workload: Workload, ref: SecretRef): Promise<SingleRead> {
    const { clock } = this.#deps;
    this.#until ??= clock.monotonic() + LONGEST_RUN_MS;
    const ended = this.#ended.get(workload.provider) ?? this.#spent(this.#until, clock);
    if (ended) return { kind: 'unknown', error: ended };
    this.#left -= 1;
    try {
      return { kind: 'value', fetched: await this.#waitingForLimits(workload, ref) };
    } catch (thrown) {
      this.#signal.throwIfAborted();
      const error = toPsiError(thrown);
      if (error.code === 'NOT_FOUND') return { kind: 'gone' };
      if (error.code === 'PROVIDER_DENIED' || error.code === 'VALUE_HIDDEN') return { kind: 'refused', error };
      if (error.retry !== 'no') this.#ended.set(workload.provider, error);
      return { kind: 'unknown', error };
    }
  }

  #spent(until: number, clock: Clock): PsiError | undefined {
    if (this.#left > 0 && clock.monotonic() < until) return undefined;
    const bound = this.#left > 0 ? '15 minutes of single reads are' : `${String(MOST)} single reads are`;
    return new PsiError('THROTTLED', `${bound} the most that one run makes`, {
      hint: 'run `podman exec psi psi setup` again',
      retry: 'later',
    });
  }

  #waitingForLimits(workload: Workload, ref: SecretRef): Promise<Fetched> {
    const { clock, emit, pausesMs = SETUP_PAUSES_MS } = this.#deps;
    const onRetry = ({ message }: PsiError, waitMs: number): void => {
      emit({ event: 'retrying', workload: workload.name, message, waitMs });
    };
    const rule = { pausesMs, longestAskedMs: LONGEST_ASKED_MS, worthIt: ({ code }: PsiError) => code === 'THROTTLED' };
    return withRetries(rule, { clock, signal: this.#signal, onRetry }, () => this.#once(workload, ref));
  }

  #once({ provider, name }: Workload, ref: SecretRef): Promise<Fetched> {
    const { clock, emit, sourceOf } = this.#deps;
    const source = sourceOf(provider);
    if (!source) throw new PsiError('CONFIG_INVALID', `the provider ${provider} is not configured`);
    emit({ event: 'listing', workload: name, project: ref.project, path: ref.path });
    const bound = { ms: READ_TIMEOUT_MS, what: `the reading of ${printable(ref.key)}` };
    return withDeadline(clock, bound, (deadline) => source.get(ref, deadline), this.#signal);
  }
}
