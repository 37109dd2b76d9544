// The listings of one run: each place is asked for once, however many workloads name it, and transient failures are waited out.

import type { Clock } from '../core/clock.ts';
import type { Fetched } from '../core/fetched.ts';
import type { Mapping } from '../core/mapping.ts';
import { withDeadline } from '../core/deadline.ts';
import { PsiError } from '../core/error.ts';
import { withRetries } from '../core/retry.ts';
import type { SecretSpec, Workload } from '../core/workload.ts';
import type { ListedSecret, SecretReads } from '../provider/secret-source.ts';
import type { SurveyEvent } from './events.ts';
import { HURRIED, LONGEST_ASKED_MS, ONCE, PATIENT, Patience, SETUP_PAUSES_MS } from './waits.ts';

export type ListingDeps = {
  readonly sourceOf: (provider: string) => SecretReads | undefined;
  readonly clock: Clock;
  readonly emit: (event: SurveyEvent) => void;
  /** What is held of a secret from before, in the cache for one. */
  readonly known: (mapping: Mapping) => Fetched | undefined;
  /** No provider is waited for: what it does not answer now is for the next run. */
  readonly once?: boolean;
};

export type Listing = {
  readonly secrets: readonly ListedSecret[];
  /** Undefined: listed with its values. Else why only the names could be had. */
  readonly namesOnly: string | undefined;
};

/** One listing may take this long: it is no driver request, and nobody's lock is held. */
const LIST_TIMEOUT_MS = 30_000;

export class Listings {
  readonly #deps: ListingDeps;
  readonly #signal: AbortSignal;
  readonly #byPlace = new Map<string, Promise<Listing>>();
  readonly #patient: Patience;
  readonly #hurried: Patience;
  readonly #waitedFor: ReadonlySet<string>;

  /** `waiting`: the workloads that are not served from before; what they name is waited for. */
  constructor(deps: ListingDeps, waiting: readonly Workload[], signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
    this.#patient = new Patience(deps.once ? ONCE : PATIENT);
    this.#hurried = new Patience(deps.once ? ONCE : HURRIED);
    this.#waitedFor = new Set(waiting.flatMap((workload) => workload.secrets.map((spec) => slotOf(workload, spec))));
  }

  /** Rejects for every workload that names the place if it cannot be listed: it is not asked for again in this run. */
  of(workload: Workload, spec: SecretSpec): Promise<Listing> {
    const key = slotOf(workload, spec);
    const known = this.#byPlace.get(key);
    if (known) return known;
    const listing = this.#withRetries(workload, spec);
    this.#byPlace.set(key, listing);
    return listing;
  }

  #withRetries(workload: Workload, spec: SecretSpec): Promise<Listing> {
    const { clock, emit } = this.#deps;
    const onRetry = ({ message }: PsiError, waitMs: number): void => {
      emit({ event: 'retrying', workload: workload.name, message, waitMs });
    };
    const patience = this.#waitedFor.has(slotOf(workload, spec)) ? this.#patient : this.#hurried;
    const rule = {
      pausesMs: SETUP_PAUSES_MS,
      longestAskedMs: LONGEST_ASKED_MS,
      budget: patience.of(workload.provider),
    };
    return withRetries(rule, { clock, signal: this.#signal, onRetry }, () => {
      emit({ event: 'listing', workload: workload.name, project: spec.project, path: spec.path });
      return this.#list(workload, spec);
    });
  }

  async #list(workload: Workload, spec: SecretSpec): Promise<Listing> {
    const source = this.#deps.sourceOf(workload.provider);
    if (!source) throw new PsiError('CONFIG_INVALID', `the provider ${workload.provider} is not configured`);
    try {
      return { secrets: await this.#ask(source, workload, spec, true), namesOnly: undefined };
    } catch (thrown) {
      // Where values may not be read the whole listing is refused: names alone need fewer rights.
      if (!(thrown instanceof PsiError) || thrown.code !== 'PROVIDER_DENIED') throw thrown;
      const secrets = await this.#ask(source, workload, spec, false).catch(() => undefined);
      if (!secrets) throw thrown;
      return { secrets, namesOnly: thrown.message };
    }
  }

  async #ask(
    source: SecretReads,
    { provider }: Workload,
    { project, path, recursive }: SecretSpec,
    values: boolean,
  ): Promise<readonly ListedSecret[]> {
    const known = (key: string, at: string): Fetched | undefined =>
      this.#deps.known({ provider, project, path: at, key });
    const names = values ? ({ everyName: true, known } as const) : {};
    const listed = await withDeadline(
      this.#deps.clock,
      { ms: LIST_TIMEOUT_MS, what: `the listing of ${project}:${path}` },
      (deadline) => source.list({ project, path }, { recursive, values, ...names, signal: deadline }),
      this.#signal,
    );
    // A copy that nobody can change: several workloads share it, and the source may go on using its own.
    return Object.freeze([...listed]);
  }
}

function slotOf({ provider }: Workload, { project, path, recursive }: SecretSpec): string {
  return JSON.stringify([provider, project, path, recursive]);
}
