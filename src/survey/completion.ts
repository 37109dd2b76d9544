// From one listing to what a workload may have of it: names tell what exists, values what may be read, and what the listing leaves open is
// read singly. A secret that the workload has keeps its line unless the provider says that this very one is gone.

import type { Fetched } from '../core/fetched.ts';
import type { Mapping } from '../core/mapping.ts';
import { printable, secretName } from '../core/naming.ts';
import type { ErrorCode } from '../core/error.ts';
import type { SecretSpec, Workload } from '../core/workload.ts';
import type { ListedSecret } from '../provider/secret-source.ts';
import type { SingleRead } from '../provider/single-reads.ts';
import type { Listing } from './listings.ts';
import { isBeyondPatterns, wantedBy } from './selection.ts';
import type { SurveyReads } from './survey-reads.ts';

/** A secret that is registered. `name`: Podman's; undefined where it is not known. */
export type RegisteredKey = { readonly name: string | undefined; readonly mapping: Mapping };

/** What was not as it should be with one secret, or with a whole source; `name` is Podman's name of it, or the place. */
export type SurveyProblem = {
  readonly workload: string;
  readonly name: string;
  readonly code: ErrorCode;
  readonly reason: string;
  readonly hint: string;
};

export type Completed = {
  readonly secrets: readonly ListedSecret[];
  readonly problems: readonly SurveyProblem[];
  readonly notes: readonly string[];
};

/** Secrets that are looked at in one go. */
const SLICE = 5_000;

/** What became of one listed or registered secret. */
type Part = { readonly secret?: ListedSecret; readonly problem?: SurveyProblem; readonly note?: string };

/** `registered`: what the workload has from this source. */
export async function complete(
  source: { readonly workload: Workload; readonly spec: SecretSpec; readonly registered: readonly RegisteredKey[] },
  listing: Listing,
  reads: SurveyReads,
): Promise<Completed> {
  const one = new SourceCompletion(source.workload, source.spec, source.registered, reads);
  const parts: Part[] = [];
  // Servers of 2025 list in no order, and what is said of two keys should not change places from run to run.
  const inOrder = listing.secrets
    .map((secret) => ({ secret, slot: slotOf(secret) }))
    .sort((a, b) => (a.slot < b.slot ? -1 : 1));
  for (const [index, { secret }] of inOrder.entries()) {
    parts.push(await one.listed(secret, listing.namesOnly !== undefined));
    // Lookups go on meanwhile.
    if (index % SLICE === SLICE - 1) await reads.pause();
  }
  for (const mapping of one.missingFrom(listing.secrets)) parts.push(await one.missing(mapping));
  const secrets = parts.flatMap(({ secret }) => secret ?? []);
  return {
    secrets,
    problems: parts.flatMap(({ problem }) => problem ?? []),
    notes: [...parts.flatMap(({ note }) => note ?? []), ...literalNote(source.spec, secrets)],
  };
}

class SourceCompletion {
  readonly #workload: Workload;
  readonly #spec: SecretSpec;
  readonly #wanted: (key: string) => boolean;
  readonly #reads: SurveyReads;
  readonly #lines: ReadonlyMap<string, Mapping>;

  constructor(workload: Workload, spec: SecretSpec, registered: readonly RegisteredKey[], reads: SurveyReads) {
    this.#workload = workload;
    this.#spec = spec;
    this.#wanted = wantedBy(spec);
    this.#reads = reads;
    const mine = registered.filter(({ name, mapping: { key } }) => this.#wanted(key) && this.#isName(name, key));
    this.#lines = new Map(mine.map(({ mapping }) => [slotOf(mapping), mapping]));
  }

  missingFrom(listed: readonly ListedSecret[]): readonly Mapping[] {
    const there = new Set(listed.map(slotOf));
    return [...this.#lines].filter(([slot]) => !there.has(slot)).map(([, mapping]) => mapping);
  }

  async listed(secret: ListedSecret, namesOnly: boolean): Promise<Part> {
    const { key, objection, unsettled, fetched, path, from } = secret;
    // What the config does not want, and what can have no line, is for the selection.
    if (objection || isBeyondPatterns(key) || !this.#wanted(key) || (fetched && !unsettled)) return { secret };
    const hasLine = this.#lines.has(slotOf(secret));
    // Of a list that was refused as a whole nobody knows which of its values may be read.
    if (!unsettled && !namesOnly) {
      return hasLine
        ? { secret, problem: this.#hidden(secret, STAYS) }
        : { problem: this.#hidden(secret, 'it gets no line') };
    }
    const read = await this.#reads.of(this.#workload, {
      project: this.#spec.project,
      path,
      key,
      ...(from && { from }),
    });
    return this.#after(read, { key, path, fetched: undefined }, hasLine, fetched);
  }

  /** Registered, and in no list any more: hidden, gone, or listed by a server that leaves out what may not be read. */
  async missing({ project, path, key }: Mapping): Promise<Part> {
    const read = await this.#reads.of(this.#workload, { project, path, key });
    if (read.kind !== 'gone') return this.#after(read, { key, path, fetched: undefined }, true, undefined);
    const place = `${project}:${printable(path)}`;
    return {
      note: `${this.#nameOf(key)}: ${this.#workload.provider} says that ${place} has no ${printable(key)} any more`,
    };
  }

  #after(read: SingleRead, secret: ListedSecret, hasLine: boolean, before: Fetched | undefined): Part {
    switch (read.kind) {
      case 'value':
        return { secret: { ...secret, fetched: read.fetched } };
      case 'gone':
        // Between the list and this read.
        return {};
      case 'unknown':
        if (before) return { secret: { ...secret, fetched: before } };
        return this.#unread(secret, read, hasLine, UNSURE);
      case 'refused':
        return this.#unread(secret, read, hasLine, STAYS);
    }
  }

  #unread(
    secret: ListedSecret,
    { error }: Extract<SingleRead, { readonly error: unknown }>,
    hasLine: boolean,
    stays: string,
  ): Part {
    const reason = `${error.message}; ${hasLine ? stays : 'it gets no line'}`;
    const hint = error.hint ?? 'run `podman exec psi psi setup` again';
    const problem = { workload: this.#workload.name, name: this.#nameOf(secret.key), code: error.code, reason, hint };
    return hasLine ? { secret, problem } : { problem };
  }

  #hidden({ key, path }: ListedSecret, what: string): SurveyProblem {
    const { provider, name } = this.#workload;
    const place = `${this.#spec.project}:${printable(path)}`;
    return {
      workload: name,
      name: this.#nameOf(key),
      code: 'VALUE_HIDDEN',
      reason: `${provider} lists ${printable(key)} in ${place} and hides its value; ${what}`,
      hint: 'give the machine identity the right to read values of this path (of the folder it is imported from, where it is), then run `podman exec psi psi setup`',
    };
  }

  #nameOf(key: string): string {
    return printable(secretName(this.#workload.name, this.#spec.prefix + key));
  }

  #isName(name: string | undefined, key: string): boolean {
    return name === undefined || name === secretName(this.#workload.name, this.#spec.prefix + key);
  }
}

const STAYS = 'its line stays, and the next start fails until it may be read';
const UNSURE = 'its line stays';

/** Names at most so many keys. */
const MOST_NAMED = 10;

function literalNote({ project, path }: SecretSpec, secrets: readonly ListedSecret[]): readonly string[] {
  const keys = secrets.filter(({ fetched }) => fetched?.literal === true).map(({ key }) => printable(key));
  if (keys.length === 0) return [];
  const more = keys.length > MOST_NAMED ? ` and ${String(keys.length - MOST_NAMED)} more` : '';
  const names = `${keys.slice(0, MOST_NAMED).join(', ')}${more}`;
  return [`${project}:${printable(path)}: \`\${…}\` in ${names} refers to nothing: containers get the text as it is`];
}

function slotOf({ path, key }: { readonly path: string; readonly key: string }): string {
  return JSON.stringify([path, key]);
}
