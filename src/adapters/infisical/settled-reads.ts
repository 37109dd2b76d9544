// One secret, read by itself. The server resolves `${…}` in values and leaves as text what it does not find, and on some routes also what
// it may not show; so a text that still holds `${…}` is looked into until it is known to be the value, or a refusal.

import { PsiError } from '../../core/error.ts';
import type { Fetched } from '../../core/fetched.ts';
import type { Origin } from '../../provider/secret-source.ts';
import type { ServerAnswer } from './api.ts';
import { namingAnswer } from '../../provider/answers-in-flight.ts';
import { decodeListing, decodeSingle, type Item } from './codec.ts';
import type { Connection } from './connection.ts';
import { hiddenValue, missingSecret, noAnswer, refusedCall } from './errors.ts';
import { lostReference, refusedReference, tooManyReferences } from './reference-errors.ts';
import type { Subject } from './subject.ts';
import type { Fault, FaultKind } from './fault.ts';
import type { Literals } from './literals.ts';
import { fetchedOf, isDoubtful, isShared } from './merge.ts';
import { referencesIn, type Reference } from './references.ts';
import { getRequest, isAddressable, listRequest, type Reading } from './requests.ts';
import { oneLine } from './words.ts';

/** A secret that is asked for by its key. */
export type Wanted = Subject & { readonly key: string };

/** Imports of imports: servers follow two levels, those of 2024 ten. */
const DEEPEST = 10;

/** No value refers to more than this in earnest, and each may cost a call. */
const MOST_REFERENCES = 20;

const REFUSED: readonly FaultKind[] = ['permission', 'hidden', 'reference'];

export class SettledReads {
  readonly #connection: Connection;
  readonly #literals: Literals;

  constructor(connection: Connection, literals: Literals) {
    this.#connection = connection;
    this.#literals = literals;
  }

  /** `from`: where it lives, if a listing has just said so: then what was found out before is asked anew. */
  async read(wanted: Wanted, from: Origin | undefined, signal: AbortSignal): Promise<Fetched> {
    const item = await this.#item(wanted, signal);
    const fetched = fetchedOf(item, this.#connection.moment());
    if (!fetched) throw hiddenValue(wanted);
    if (!isDoubtful(item)) return fetched;
    const text = item.secretValue ?? '';
    if (from === undefined && this.#literals.has(wanted, text, fetched.version)) return { ...fetched, literal: true };
    const origin = from ?? (await this.#originOf(wanted, signal));
    const resolved = isAt(wanted, origin) ? undefined : await this.#resolvedAt(origin, wanted, text, signal);
    if (resolved) return resolved;
    this.#literals.add(wanted, text, fetched.version);
    return { ...fetched, literal: true };
  }

  /** An imported text stays as it is whatever its references are, so it is read where it lives; undefined: the text is the value. */
  async #resolvedAt(origin: Origin, wanted: Wanted, text: string, signal: AbortSignal): Promise<Fetched | undefined> {
    let place = origin;
    for (let depth = 0; depth < DEEPEST; depth += 1) {
      const there = { ...wanted, ...place };
      const item = await this.#itemIfThere(there, signal);
      if (!item) break;
      const fetched = fetchedOf(item, this.#connection.moment());
      if (!fetched) throw hiddenValue(there);
      if (!isDoubtful(item)) return fetched;
      const deeper = await this.#originOf(there, signal);
      if (isAt(there, deeper)) break;
      place = deeper;
    }
    // Servers of 2026 look for bare names in the importing folder first, and say nothing of one there that may not be read.
    for (const { key, place: named } of referencesOf(wanted, text)) {
      if (named === undefined) await this.#mustNotBeRefused({ ...wanted, key }, wanted, signal);
    }
    return undefined;
  }

  async #itemIfThere(wanted: Wanted, signal: AbortSignal): Promise<Item | undefined> {
    try {
      return await this.#item(wanted, signal);
    } catch (thrown) {
      const gone = thrown instanceof PsiError && (thrown.code === 'NOT_FOUND' || thrown.code === 'PLACE_NOT_FOUND');
      if (gone) return undefined;
      throw thrown;
    }
  }

  async #mustNotBeRefused(target: Wanted, by: Wanted, signal: AbortSignal): Promise<void> {
    if (!isAddressable(target.key)) return;
    const answer = await this.#ask(target, 'value', signal);
    if (!('kind' in answer) || answer.kind === 'missing') return;
    throw REFUSED.includes(answer.kind) ? refusedReference(by, target) : this.#refusal(answer, target);
  }

  async #item(wanted: Wanted, signal: AbortSignal): Promise<Item> {
    const answer = await this.#ask(wanted, 'value', signal);
    if (!('kind' in answer)) return this.#decoded(wanted, answer);
    if (!isBlunder(answer)) throw this.#refusal(answer, wanted);
    return (await this.#storedWithoutReference(wanted, signal)) ?? Promise.reject(this.#refusal(answer, wanted));
  }

  /**
   * June 2025 fails as a whole on a value that names a folder which is not there: then the value is what is stored, if nothing else in it
   * refers to anything either. undefined: the failure has another reason.
   */
  async #storedWithoutReference(wanted: Wanted, signal: AbortSignal): Promise<Item | undefined> {
    const answer = await this.#ask(wanted, 'stored', signal);
    if ('kind' in answer) return undefined;
    const item = this.#decoded(wanted, answer);
    if (!isDoubtful(item)) return undefined;
    const references = referencesOf(wanted, item.secretValue ?? '');
    const found: Reference[] = [];
    for (const reference of references) if (await this.#isThere(reference, wanted, signal)) found.push(reference);
    if (found.length === 0) return item;
    const lost = references.find((reference) => !found.includes(reference));
    if (lost) throw lostReference(wanted, lost);
    return undefined;
  }

  async #isThere({ key, place }: Reference, by: Wanted, signal: AbortSignal): Promise<boolean> {
    if (!isAddressable(key)) return false;
    const target = { ...by, ...place, key };
    const answer = await this.#ask(target, 'name', signal);
    if (!('kind' in answer)) return true;
    if (answer.kind === 'missing') return false;
    throw REFUSED.includes(answer.kind) ? refusedReference(by, target) : this.#refusal(answer, target);
  }

  /** The folder that a key lives in, as the folder that is asked lists it. */
  async #originOf(wanted: Wanted, signal: AbortSignal): Promise<Origin> {
    const folder = { ...wanted, key: undefined };
    const names = { recursive: false, values: false };
    const answer = await this.#connection
      .callVersioned(wanted.project, (version) => listRequest(version, wanted, names), signal)
      .catch((thrown: unknown) => {
        throw namingAnswer(thrown, `the folder ${wanted.project}:${wanted.path}`);
      });
    if ('kind' in answer) throw this.#refusal(answer, folder);
    const listing = await decodeListing(answer.body);
    if (!listing) throw noAnswer(`the listing of ${wanted.project}:${wanted.path}`, answer, this.#connection.context());
    const holds = (items: readonly Item[]): boolean => items.some(({ secretKey }) => secretKey === wanted.key);
    const group = holds(listing.secrets)
      ? undefined
      : (listing.imports ?? []).findLast(({ secrets }) => holds(secrets));
    const { environment, path } = wanted;
    return { environment: group?.environment ?? environment, path: group?.secretPath ?? path };
  }

  #ask(wanted: Wanted, reading: Reading, signal: AbortSignal): Promise<ServerAnswer | Fault> {
    return this.#connection
      .callVersioned(wanted.project, (version) => getRequest(version, wanted, wanted.key, reading), signal)
      .catch((thrown: unknown) => {
        throw namingAnswer(thrown, `the answer about ${oneLine(wanted.key)} in ${wanted.project}:${wanted.path}`);
      });
  }

  #decoded(wanted: Wanted, answer: ServerAnswer): Item {
    const item = decodeSingle(answer.body);
    const what = `the reading of ${wanted.project}:${wanted.path}`;
    if (!item) throw noAnswer(what, answer, this.#connection.context());
    if (!isShared(item)) throw missingSecret(wanted);
    return item;
  }

  #refusal(fault: Fault, subject: Subject): PsiError {
    return refusedCall(fault, subject, this.#connection.context());
  }
}

function referencesOf(wanted: Wanted, text: string): readonly Reference[] {
  const references = referencesIn(text);
  if (references.length > MOST_REFERENCES) throw tooManyReferences(wanted, MOST_REFERENCES);
  return references;
}

/** The server's own failure with a single request, and not that of its database or of something in front of it. */
function isBlunder({ kind, answer, refusal }: Fault): boolean {
  return kind === 'server' && answer.status === 500 && refusal?.error === 'InternalServerError';
}

function isAt({ environment, path }: Origin, other: Origin): boolean {
  return environment === other.environment && path === other.path;
}
