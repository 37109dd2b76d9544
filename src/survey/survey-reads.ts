// The single reads of one survey, by provider: each secret once however many workloads name it, limits waited out and said.

import { withDeadline } from '../core/deadline.ts';
import { PsiError } from '../core/error.ts';
import type { Fetched } from '../core/fetched.ts';
import { printable } from '../core/naming.ts';
import { withRetries } from '../core/retry.ts';
import type { Workload } from '../core/workload.ts';
import type { SecretRef } from '../provider/secret-source.ts';
import { SingleReads, type SingleRead } from '../provider/single-reads.ts';
import type { ListingDeps } from './listings.ts';
import { LONGEST_ASKED_MS, ONCE, PATIENT, Patience, SETUP_PAUSES_MS } from './waits.ts';

const READ_TIMEOUT_MS = 10_000;

export class SurveyReads {
  readonly #deps: ListingDeps;
  readonly #signal: AbortSignal;
  readonly #byProvider = new Map<string, SingleReads>();
  readonly #patience: Patience;

  constructor(deps: ListingDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
    this.#patience = new Patience(deps.once ? ONCE : PATIENT);
  }

  /** Rejects only with the end of the run. */
  of(workload: Workload, ref: SecretRef): Promise<SingleRead> {
    const { provider } = workload;
    const reads = this.#byProvider.get(provider) ?? new SingleReads(this.#deps);
    this.#byProvider.set(provider, reads);
    return reads.of(ref, () => this.#waitingForLimits(workload, ref));
  }

  /** Lets others have their turn. */
  pause(): Promise<void> {
    return this.#deps.clock.sleep(0);
  }

  async #waitingForLimits(workload: Workload, ref: SecretRef): Promise<Fetched> {
    const { clock, emit } = this.#deps;
    const onRetry = ({ message }: PsiError, waitMs: number): void => {
      emit({ event: 'retrying', workload: workload.name, message, waitMs });
    };
    const rule = {
      pausesMs: SETUP_PAUSES_MS,
      longestAskedMs: LONGEST_ASKED_MS,
      budget: this.#patience.of(workload.provider),
      worthIt: ({ code }: PsiError) => code === 'THROTTLED',
    };
    try {
      return await withRetries(rule, { clock, signal: this.#signal, onRetry }, () => this.#once(workload, ref));
    } catch (thrown) {
      // The run's own end is nothing that a provider said.
      if (this.#signal.aborted) throw new PsiError('INTERNAL', 'the run was ended', { cause: thrown });
      throw thrown;
    }
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
