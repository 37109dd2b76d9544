// Values with their references followed, for one request: when a refused reference refuses the answer, and when it is swallowed.
import { ApiFailure } from './errors.ts';
import { References } from './references.ts';
import type { Traits } from './generations.ts';
import type { ImportGroup } from './imports.ts';
import type { Identity, Place, StoredSecret } from './model.ts';
import type { Subject } from './references.ts';
import type { DoubleState } from './state.ts';

export class Values {
  readonly #references: References;
  readonly #traits: Traits;

  constructor(state: DoubleState, traits: Traits, identity: Identity) {
    this.#references = new References(state, identity, traits);
    this.#traits = traits;
  }

  /** Of the listed folders: June 2025 leaves text where it may not read, a current server refuses the list and names all of them (row 3). */
  ofList(secrets: readonly { readonly secret: StoredSecret; readonly place: Place }[]): readonly string[] {
    const refused: string[] = [];
    const values = secrets.map(({ secret, place }) => this.#orText(subjectOf(secret, [place]), refused));
    if (refused.length === 0 || this.#traits.unreadableReference === 'stays text') return values;
    throw refusedReferences(refused);
  }

  /** A single value is refused in the sentence itself (row 5); the double's words for July 2024 stay what they were. */
  ofOne(secret: StoredSecret, place: Place): string {
    try {
      return this.#references.resolve(subjectOf(secret, [place]));
    } catch (error) {
      const brief = this.#traits.referenceWords === 'brief' && error instanceof ApiFailure;
      throw brief ? refusedReferences([error.message]) : error;
    }
  }

  /** Imported values stay text where they may not be resolved, in lists and singly (row 4). */
  ofImport(secret: StoredSecret, home: Place, { source }: ImportGroup): string {
    const refused: string[] = [];
    // June 2025 knows the folder that is imported alone; a current server looks into the importing one first, as its documentation says.
    const places: Subject['places'] = this.#traits.references === '2025' ? [source] : [home, source];
    const value = this.#orText(subjectOf(secret, places), refused);
    if (refused.length > 0 && this.#traits.unreadableImportedReference === 'refused') throw refusedReferences(refused);
    return value;
  }

  /** The whole value as it is stored, where it cannot be resolved; why is noted. */
  #orText(subject: Subject, refused: string[]): string {
    try {
      return this.#references.resolve(subject);
    } catch (error) {
      if (!(error instanceof ApiFailure)) throw error;
      refused.push(error.message);
      return subject.text;
    }
  }
}

function subjectOf(secret: StoredSecret, places: Subject['places']): Subject {
  return { key: secret.key, text: secret.value, quotes: secret.skipMultilineEncoding, places };
}

function refusedReferences(details: readonly string[]): ApiFailure {
  return new ApiFailure('forbidden', 'Failed to expand one or more secret references', { details });
}
