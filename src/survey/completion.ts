// From one listing to what a workload may have of it: names tell what exists, values what may be read, and what the listing leaves open is
// read singly. A secret that the workload has keeps its line unless the provider says that this very one is gone.

import type { Fetched } from '../core/fetched.ts';
import type { Mapping } from '../core/mapping.ts';
import { printable } from '../core/naming.ts';
import type { ErrorCode } from '../core/error.ts';
import type { SecretSpec, Workload } from '../core/workload.ts';
import type { ListedSecret } from '../provider/secret-source.ts';
import type { SingleRead } from '../provider/single-reads.ts';
import type { Listing } from './listings.ts';
import {
  covers,
  freshName,
  unplacedKey,
  type HeldNames,
  type KeyPlace,
  type RegisteredKey,
} from './registered-keys.ts';
import type { SurveyReads } from './survey-reads.ts';
import { isBeyondPatterns, wantedBy } from './wanted.ts';

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
  /** Podman's names of those of which the provider says that they are gone. */
  readonly gone: readonly string[];
  /** Keys that `keys` names, and the provider says that it has none of them. */
  readonly absent: readonly string[];
};

/** Secrets that are looked at in one go. */
const SLICE = 5_000;

/** What became of one listed or registered secret. */
type Part = {
  readonly secret?: ListedSecret;
  readonly problem?: SurveyProblem;
  readonly note?: string;
  readonly gone?: string;
  readonly absent?: string;
};

export type SourceInQuestion = {
  readonly workload: Workload;
  readonly spec: SecretSpec;
  /** What the workload has, of whatever source. */
  readonly registered: readonly RegisteredKey[];
  readonly held: HeldNames;
};

export async function complete(source: SourceInQuestion, listing: Listing, reads: SurveyReads): Promise<Completed> {
  const one = new SourceCompletion(source, reads);
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
  for (const key of one.unplacedBeside(listing.secrets)) parts.push(await one.unplaced(key));
  for (const key of one.namedBeside(listing.secrets)) parts.push(await one.named(key));
  const secrets = parts.flatMap(({ secret }) => secret ?? []);
  return {
    secrets,
    problems: parts.flatMap(({ problem }) => problem ?? []),
    notes: [...parts.flatMap(({ note }) => note ?? []), ...literalNote(source.spec, secrets)],
    gone: parts.flatMap(({ gone }) => gone ?? []),
    absent: parts.flatMap(({ absent }) => absent ?? []),
  };
}

class SourceCompletion {
  readonly #workload: Workload;
  readonly #spec: SecretSpec;
  readonly #held: HeldNames;
  readonly #wanted: (key: string) => boolean;
  readonly #reads: SurveyReads;
  readonly #lines: ReadonlyMap<string, Mapping>;
  /** Podman's names of all that the workload has, by whatever place. */
  readonly #names: ReadonlySet<string>;
  /** Keys of what the workload has, and of which nobody knows any more where it is from. */
  readonly #unplaced: ReadonlySet<string>;

  constructor({ workload, spec, registered, held }: SourceInQuestion, reads: SurveyReads) {
    this.#workload = workload;
    this.#spec = spec;
    this.#held = held;
    this.#wanted = wantedBy(spec);
    this.#reads = reads;
    const placed = registered.flatMap(({ name, mapping }) => (mapping ? [{ name, mapping }] : []));
    const mine = placed.filter(({ name, mapping }) => this.#covers(mapping) && this.#isName(name, mapping));
    this.#lines = new Map(mine.map(({ mapping }) => [slotOf(mapping), mapping]));
    this.#names = new Set(registered.flatMap(({ name }) => name ?? []));
    this.#unplaced = new Set(registered.flatMap((one) => (one.mapping ? [] : unplacedKey(workload, spec, one.name))));
  }

  missingFrom(listed: readonly ListedSecret[]): readonly Mapping[] {
    const there = new Set(listed.map(slotOf));
    return [...this.#lines].filter(([slot]) => !there.has(slot)).map(([, mapping]) => mapping);
  }

  unplacedBeside(listed: readonly ListedSecret[]): readonly string[] {
    const there = new Set(listed.map(({ key }) => key));
    return [...this.#unplaced].filter((key) => !there.has(key));
  }

  /** Keys that `keys` names, and of which nothing was heard so far. */
  namedBeside(listed: readonly ListedSecret[]): readonly string[] {
    const there = new Set(listed.map(({ key }) => key));
    const had = new Set([...[...this.#lines.values()].map(({ key }) => key), ...this.#unplaced]);
    return (this.#spec.keys ?? []).map(({ key }) => key).filter((key) => !there.has(key) && !had.has(key));
  }

  /** Not listed and named all the same: gone, or listed by a server that leaves out what may not be read. */
  async named(key: string): Promise<Part> {
    const { project, path } = this.#spec;
    const read = await this.#reads.of(this.#workload, { project, path, key });
    if (read.kind === 'gone') return { absent: key };
    const secret = { key, path, fetched: undefined };
    return this.#after(read, secret, this.#lineOf(secret), undefined);
  }

  async listed(secret: ListedSecret, namesOnly: boolean): Promise<Part> {
    const { key, objection, unsettled, fetched, path, from } = secret;
    // What the config does not want, and what can have no line, is for the selection.
    if (objection || isBeyondPatterns(key) || !this.#wanted(key) || (fetched && !unsettled)) return { secret };
    const line = this.#lineOf(secret);
    // Of a list that was refused as a whole nobody knows which of its values may be read.
    if (!unsettled && !namesOnly) {
      const problem = this.#hidden(secret, STAYS[line]);
      return line === 'here' ? { secret, problem } : { problem };
    }
    const read = await this.#reads.of(this.#workload, {
      project: this.#spec.project,
      path,
      key,
      ...(from && { from }),
    });
    return this.#after(read, { key, path, fetched: undefined }, line, fetched);
  }

  /** Registered, and in no list any more: hidden, gone, or listed by a server that leaves out what may not be read. */
  async missing({ project, path, key }: Mapping): Promise<Part> {
    const read = await this.#reads.of(this.#workload, { project, path, key });
    if (read.kind !== 'gone') return this.#after(read, { key, path, fetched: undefined }, 'here', undefined);
    if (this.#spec.keys) return { absent: key };
    const place = `${project}:${printable(path)}`;
    return {
      note: `${this.#nameOf({ path, key })}: ${this.#workload.provider} says that ${place} has no ${printable(key)} any more`,
      gone: this.#held.nameOf(this.#spec, { path, key }),
    };
  }

  /** Its mapping was lost, and no list has it. In one folder it can be asked for; in which of several it was, nobody knows. */
  unplaced(key: string): Promise<Part> {
    const { recursive, path, project } = this.#spec;
    const { provider } = this.#workload;
    if (!recursive) return this.missing({ provider, project, path, key });
    const reason = `its mapping is lost, and ${provider} lists no ${printable(key)} below ${project}:${path}; ${STAYS.here}`;
    const hint =
      'let the machine identity see it, or leave it out with `exclude` if it is gone, then run `podman exec psi psi setup`';
    return Promise.resolve({
      problem: { workload: this.#workload.name, name: this.#nameOf({ path, key }), code: 'NOT_FOUND', reason, hint },
    });
  }

  #after(read: SingleRead, secret: ListedSecret, line: Line, before: Fetched | undefined): Part {
    switch (read.kind) {
      case 'value':
        return { secret: { ...secret, fetched: read.fetched } };
      case 'gone':
        // Between the list and this read.
        return {};
      case 'unknown':
        if (before) return { secret: { ...secret, fetched: before } };
        return this.#unread(secret, read, line, UNSURE);
      case 'refused':
        return this.#unread(secret, read, line, STAYS);
    }
  }

  #unread(
    secret: ListedSecret,
    { error }: Extract<SingleRead, { readonly error: unknown }>,
    line: Line,
    stays: Readonly<Record<Line, string>>,
  ): Part {
    const reason = `${error.message}; ${stays[line]}`;
    const hint = error.hint ?? 'run `podman exec psi psi setup` again';
    const problem = { workload: this.#workload.name, name: this.#nameOf(secret), code: error.code, reason, hint };
    return line === 'here' ? { secret, problem } : { problem };
  }

  #hidden({ key, path }: ListedSecret, what: string): SurveyProblem {
    const { provider, name } = this.#workload;
    const place = `${this.#spec.project}:${printable(path)}`;
    return {
      workload: name,
      name: this.#nameOf({ path, key }),
      code: 'VALUE_HIDDEN',
      reason: `${provider} lists ${printable(key)} in ${place} and hides its value; ${what}`,
      hint: 'give the machine identity the right to read values of this path (of the folder it is imported from, where it is), then run `podman exec psi psi setup`',
    };
  }

  /** `elsewhere`: the config names another place for it than the one that it is registered with. */
  #lineOf(secret: ListedSecret): Line {
    if (this.#lines.has(slotOf(secret)) || this.#unplaced.has(secret.key)) return 'here';
    return this.#names.has(freshName(this.#workload, this.#spec, secret.key)) ? 'elsewhere' : 'none';
  }

  #covers(mapping: Mapping): boolean {
    return covers(this.#spec, mapping) && this.#wanted(mapping.key);
  }

  #nameOf(place: KeyPlace): string {
    return printable(this.#held.nameOf(this.#spec, place));
  }

  #isName(name: string | undefined, mapping: Mapping): boolean {
    return name === undefined || name === this.#held.nameOf(this.#spec, mapping);
  }
}

/** Has the workload a line for it, and is it registered with the place that the config names? */
type Line = 'here' | 'elsewhere' | 'none';

const UNSURE: Readonly<Record<Line, string>> = {
  here: 'its line stays',
  elsewhere: 'its line stays, with what it had',
  none: 'it gets no line',
};
const STAYS = { ...UNSURE, here: 'its line stays, and the next start fails until it may be read' };

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
