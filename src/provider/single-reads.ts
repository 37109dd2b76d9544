// The single reads of one run: what a list leaves open is asked for by itself. Their number and their time are bounded, and a provider that
// has stopped answering is not asked on.

import type { Clock } from '../core/clock.ts';
import { PsiError, toPsiError } from '../core/error.ts';
import type { Fetched } from '../core/fetched.ts';
import type { SecretRef } from './secret-source.ts';

/**
 * value     as the provider gives it now
 * gone      the provider says that this very secret is not there
 * refused   it is there, or may be, and may not be read
 * unknown   nobody could say: no answer, a limit, too many to ask
 */
export type SingleRead =
  | { readonly kind: 'value'; readonly fetched: Fetched }
  | { readonly kind: 'gone' | 'refused' | 'unknown'; readonly error: PsiError };

/** At a limit of one a second this is nine minutes. */
const MOST = 500;
const LONGEST_MS = 15 * 60_000;
/** A provider that has not answered so often in a row is not asked for the rest. */
const MOST_IN_VAIN = 3;

export class SingleReads {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #byRef = new Map<string, Promise<SingleRead>>();
  #asked = 0;
  #inVain = 0;
  #until: number | undefined;
  #ended: PsiError | undefined;

  constructor(deps: { readonly clock: Pick<Clock, 'monotonic'> }) {
    this.#clock = deps.clock;
  }

  /**
   * Each secret once. `read` asks for it, bounded in time, and waits for limits as long as its caller can; what it rejects with that is no
   * answer of a provider (INTERNAL, the caller's own end) rejects here too.
   */
  of(ref: SecretRef, read: (ref: SecretRef) => Promise<Fetched>): Promise<SingleRead> {
    const slot = JSON.stringify([ref.project, ref.path, ref.key]);
    const known = this.#byRef.get(slot);
    if (known) return known;
    const reading = this.#read(ref, read);
    this.#byRef.set(slot, reading);
    return reading;
  }

  async #read(ref: SecretRef, read: (ref: SecretRef) => Promise<Fetched>): Promise<SingleRead> {
    this.#ended ??= this.#spent();
    if (this.#ended) return { kind: 'unknown', error: this.#ended };
    this.#asked += 1;
    try {
      const fetched = await read(ref);
      this.#inVain = 0;
      return { kind: 'value', fetched };
    } catch (thrown) {
      if (!(thrown instanceof PsiError) || thrown.code === 'INTERNAL') throw thrown;
      return this.#failed(toPsiError(thrown));
    }
  }

  #spent(): PsiError | undefined {
    this.#until ??= this.#clock.monotonic() + LONGEST_MS;
    const few = this.#asked < MOST;
    if (few && this.#clock.monotonic() < this.#until) return undefined;
    const bound = few ? 'for 15 minutes' : `for ${String(MOST)} secrets`;
    return new PsiError('THROTTLED', `it was not asked for: psi asks singly ${bound} at most in one run`, {
      hint: 'let the machine identity read the whole folder, so that one list answers for all of it, or run it again',
      retry: 'later',
    });
  }

  #failed(error: PsiError): SingleRead {
    const kind = KINDS[error.code] ?? 'unknown';
    this.#inVain = kind === 'unknown' ? this.#inVain + 1 : 0;
    // A limit has been waited out already, as far as anybody could wait.
    if (error.code === 'THROTTLED' || this.#inVain === MOST_IN_VAIN) this.#ended = error;
    return { kind, error };
  }
}

const KINDS: Readonly<Partial<Record<PsiError['code'], Exclude<SingleRead['kind'], 'value'>>>> = {
  NOT_FOUND: 'gone',
  PROVIDER_DENIED: 'refused',
  VALUE_HIDDEN: 'refused',
};
