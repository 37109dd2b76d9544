// Expands ${KEY}, ${env.folder.KEY} and ${@project-slug.env.folder.KEY} inside values, ten levels deep.
// What does not resolve stays as text, as on the server; what may not be read is collected for the caller to refuse.
import { allows, isMember } from './access.ts';
import { joinPath } from './paths.ts';
import { folderAt, secretSlot } from './state.ts';
import type { Identity, Place, StoredSecret } from './model.ts';
import type { DoubleState } from './state.ts';

const REFERENCE = /\$\{(@?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)\}/g;
const DEPTH = 10;

interface Target {
  readonly place: Place;
  readonly secret: StoredSecret;
}

export class Expansion {
  /** References that point at something the identity may not read. */
  readonly unreadable = new Set<string>();
  readonly #state: DoubleState;
  readonly #identity: Identity;

  constructor(state: DoubleState, identity: Identity) {
    this.#state = state;
    this.#identity = identity;
  }

  /** Looks for bare names in `places` in turn: for an imported secret the importing folder, then its own. */
  expand(secret: StoredSecret, places: readonly Place[]): string {
    const expanded = this.#expandText(secret.value, places, DEPTH);
    const changed = expanded !== secret.value;
    // The one odd place where the API itself applies the multi-line hint.
    if (changed && secret.skipMultilineEncoding && expanded.includes('\n')) {
      return `"${expanded.replaceAll('\n', '\\n')}"`;
    }
    return expanded;
  }

  #expandText(text: string, places: readonly Place[], depth: number): string {
    if (depth === 0) return text;
    return text.replaceAll(REFERENCE, (whole: string, reference: string) => {
      const target = this.#find(reference, places);
      if (target === undefined) return whole;
      if (!allows(this.#identity, 'readValue', target.place, target.secret.key)) {
        this.unreadable.add(reference);
        return whole;
      }
      return this.#expandText(target.secret.value, [target.place], depth - 1);
    });
  }

  #find(reference: string, places: readonly Place[]): Target | undefined {
    const parts = reference.split('.');
    const [home] = places;
    if (home === undefined) return undefined;
    if (parts.length === 1) {
      for (const place of places) {
        const secret = secretAt(place, reference);
        if (secret !== undefined) return { place, secret };
      }
      return undefined;
    }
    const project = reference.startsWith('@') ? this.#otherProject(parts.shift()) : home.project;
    const environment = parts.shift();
    const key = parts.pop();
    if (project === undefined || environment === undefined || key === undefined) return undefined;
    const place = { project, environment, path: parts.reduce(joinPath, '/') };
    const secret = secretAt(place, key);
    return secret === undefined ? undefined : { place, secret };
  }

  #otherProject(mark: string | undefined): Place['project'] | undefined {
    const project = this.#state.projectBySlug(mark?.slice(1) ?? '');
    return project !== undefined && isMember(this.#identity, project) ? project : undefined;
  }
}

function secretAt(place: Place, key: string): StoredSecret | undefined {
  return folderAt(place)?.secrets.get(secretSlot(key, 'shared'));
}
