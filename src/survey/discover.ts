// What the configured sources hold now: each place is listed once per run, transient failures are waited out.

import { PsiError } from '../core/error.ts';
import { withRetries } from '../core/retry.ts';
import { mergeSelections, select, type Overridden, type Selection } from './selection.ts';
import type { SecretSpec, Workload } from '../core/workload.ts';
import type { Clock } from '../core/clock.ts';
import type { ListedSecret, SecretSource } from '../provider/secret-source.ts';
import { withDeadline } from '../core/deadline.ts';
import type { ListedValue } from '../cache/fill.ts';
import type { SetupEvent } from '../registration/setup-events.ts';

export type DiscoverDeps = {
  readonly sourceOf: (provider: string) => SecretSource | undefined;
  readonly clock: Clock;
  readonly emit: (event: SetupEvent) => void;
  /** Secrets already registered for a workload from a source: an empty listing is then an error, not a wish to drop them all. */
  readonly registeredFrom: (workload: Workload, spec: SecretSpec) => number;
  /** Pauses before a listing that failed for a moment is tried again; default: those of setup. */
  readonly pausesMs?: readonly number[];
};

/** Setup's pauses between tries of a listing: about two minutes in all, so that a network or a server that comes up late is met. */
const SETUP_PAUSES_MS: readonly number[] = [5_000, 10_000, 20_000, 40_000, 60_000];

/** A server that wants to be left alone for longer is not waited for: whoever runs setup is told the time. */
const LONGEST_ASKED_MS = 5 * 60_000;

/** One listing may take this long: it is no driver request, and nobody's lock is held. */
const LIST_TIMEOUT_MS = 30_000;

export type Discovery = Selection & {
  readonly overridden: readonly Overridden[];
  readonly notes: readonly string[];
  /** The values of what was selected, where the listing held them. */
  readonly values: readonly ListedValue[];
};

export class Discover {
  readonly #deps: DiscoverDeps;
  readonly #listings = new Map<string, Promise<Listing>>();

  constructor(deps: DiscoverDeps) {
    this.#deps = deps;
  }

  /** Everything a workload should have. Fails as a whole if one of its sources does: half a workload is not registered. */
  async workload(workload: Workload, signal: AbortSignal): Promise<Discovery> {
    const selections: Selection[] = [];
    const notes = new Set<string>();
    const values: ListedValue[] = [];
    for (const spec of workload.secrets) {
      const { secrets, note } = await this.#listOnce(workload, spec, signal);
      if (note !== undefined) notes.add(note);
      const registered = this.#deps.registeredFrom(workload, spec);
      if (secrets.length === 0 && registered > 0) throw suddenlyEmpty(workload, spec, registered);
      const selection = select(workload, spec, secrets);
      selections.push(selection);
      values.push(...valuesOf(selection, secrets));
    }
    return { ...mergeSelections(workload, selections), notes: [...notes], values };
  }

  #listOnce(workload: Workload, spec: SecretSpec, signal: AbortSignal): Promise<Listing> {
    const key = JSON.stringify([workload.provider, spec.project, spec.path, spec.recursive]);
    const known = this.#listings.get(key);
    if (known) return known;
    const listing = this.#listWithRetries(workload, spec, signal);
    this.#listings.set(key, listing);
    return listing;
  }

  #listWithRetries(workload: Workload, spec: SecretSpec, signal: AbortSignal): Promise<Listing> {
    const { clock, emit, pausesMs = SETUP_PAUSES_MS } = this.#deps;
    const onRetry = ({ message }: PsiError, waitMs: number): void => {
      emit({ event: 'retrying', workload: workload.name, message, waitMs });
    };
    return withRetries({ pausesMs, longestAskedMs: LONGEST_ASKED_MS }, { clock, signal, onRetry }, () => {
      emit({ event: 'listing', workload: workload.name, project: spec.project, path: spec.path });
      return this.#list(workload, spec, signal);
    });
  }

  async #list(workload: Workload, spec: SecretSpec, signal: AbortSignal): Promise<Listing> {
    const source = this.#deps.sourceOf(workload.provider);
    if (!source) throw new PsiError('CONFIG_INVALID', `the provider ${workload.provider} is not configured`);
    const place = { project: spec.project, path: spec.path };
    const list = (values: boolean): Promise<readonly ListedSecret[]> =>
      withDeadline(
        this.#deps.clock,
        { ms: LIST_TIMEOUT_MS, what: `the listing of ${spec.project}:${spec.path}` },
        (deadline) => source.list(place, { recursive: spec.recursive, values, signal: deadline }),
        signal,
      );
    try {
      return { secrets: await list(true), note: undefined };
    } catch (thrown) {
      // One unreadable reference or value makes the server refuse the whole listing: names alone need fewer rights.
      if (!(thrown instanceof PsiError) || thrown.code !== 'PROVIDER_DENIED') throw thrown;
      const secrets = await list(false).catch(() => undefined);
      if (!secrets) throw thrown;
      return {
        secrets,
        note: `${spec.project}:${spec.path} could only be listed by name (${thrown.message}): sizes were not checked, lookups may be refused`,
      };
    }
  }
}

type Listing = { readonly secrets: readonly ListedSecret[]; readonly note: string | undefined };

function valuesOf({ secrets }: Selection, listed: readonly ListedSecret[]): readonly ListedValue[] {
  const placeOf = (place: { readonly path: string; readonly key: string }): string =>
    JSON.stringify([place.path, place.key]);
  const byPlace = new Map(listed.map((secret) => [placeOf(secret), secret.fetched]));
  return secrets.flatMap(({ mapping }) => {
    const fetched = byPlace.get(placeOf(mapping));
    return fetched ? [{ mapping, fetched }] : [];
  });
}

function suddenlyEmpty(workload: Workload, spec: SecretSpec, registered: number): PsiError {
  return new PsiError(
    'NOT_FOUND',
    `${workload.provider} lists no secret in ${spec.project}:${spec.path}, where ${String(registered)} are registered: ${workload.name} is left as it was`,
    { hint: 'check the path and what the identity may see; if it is meant, take the source out of the config' },
  );
}
