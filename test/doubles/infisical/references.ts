// Replaces ${KEY}, ${env.folder.KEY} and ${@project-slug.env.folder.KEY} inside values, as the server does: not inside out, but reference
// by reference over the whole text. What does not resolve stays as text; what may not be read is a failure that the caller refuses or
// swallows. July 2024: inferred from the current server.
import { allows, isMember } from './access.ts';
import { ApiFailure } from './errors.ts';
import { joinPath } from './paths.ts';
import { folderAt, secretSlot } from './state.ts';
import type { ReferenceWords, Traits } from './generations.ts';
import type { Identity, Place, StoredSecret } from './model.ts';
import type { DoubleState } from './state.ts';

const DEPTH = 10;

/** References to other projects came later than June 2025; its pattern lets them stand as text. */
const PATTERN: Readonly<Record<Traits['references'], RegExp>> = {
  '2025': /\$\{([a-zA-Z0-9-_.]+)\}/g,
  '2026': /\$\{([a-zA-Z0-9-_.@]+)\}/g,
};

/** The value that is to be given out, and where bare names in it are looked for, in turn. */
export interface Subject {
  readonly key: string;
  readonly text: string;
  readonly quotes: boolean;
  readonly places: readonly [Place, ...Place[]];
}

interface Target {
  readonly place: Place;
  readonly key: string;
  readonly secret: StoredSecret | undefined;
}

interface Frame {
  readonly text: string;
  readonly places: readonly [Place, ...Place[]];
  readonly depth: number;
  readonly seen: ReadonlySet<string>;
}

export class References {
  readonly #state: DoubleState;
  readonly #identity: Identity;
  readonly #traits: Traits;

  constructor(state: DoubleState, identity: Identity, traits: Traits) {
    this.#state = state;
    this.#identity = identity;
    this.#traits = traits;
  }

  resolve(subject: Subject): string {
    if (this.#referencesIn(subject.text).length === 0) return subject.text;
    const resolved = this.#replaceAll(subject);
    // The one place where the API itself applies the hint for multi-line values: wherever there was a reference, resolved or not. Seen on
    // June 2025 (row 36).
    const quoted = subject.quotes && resolved.includes('\n');
    return quoted ? `"${resolved.replaceAll('\n', '\\n')}"` : resolved;
  }

  #replaceAll(subject: Subject): string {
    const [home] = subject.places;
    const first = { text: subject.text, places: subject.places, depth: 0 };
    const frames: Frame[] = [{ ...first, seen: new Set([nameOf(home, subject.key)]) }];
    let result = subject.text;
    for (let frame = frames.pop(); frame !== undefined; frame = frames.pop()) {
      for (const [syntax, reference] of this.#referencesIn(frame.text)) {
        const target = this.#find(reference, frame.places);
        if (target === undefined) continue;
        this.#mustRead(target, syntax, subject);
        const { value } = target.secret ?? { value: '' };
        const next = this.#follow(target, value, frame);
        if (next !== undefined) frames.push(next);
        if (this.#replaces(target)) result = result.replaceAll(syntax, () => value);
      }
    }
    return result;
  }

  /** A reference to an empty secret stays text on June 2025; servers of 2026 put the empty value (row 9). */
  #replaces({ secret }: Target): boolean {
    return secret !== undefined && (this.#traits.references === '2026' || secret.value !== '');
  }

  /** June 2025 ends circles by depth alone (row 10), servers of 2026 at the first secret that comes twice. */
  #follow({ place, key }: Target, value: string, frame: Frame): Frame | undefined {
    const name = nameOf(place, key);
    const circular = this.#traits.references === '2026' && frame.seen.has(name);
    if (circular || frame.depth === DEPTH || this.#referencesIn(value).length === 0) return undefined;
    return { text: value, places: [place], depth: frame.depth + 1, seen: new Set([...frame.seen, name]) };
  }

  #referencesIn(text: string): readonly (readonly [syntax: string, reference: string])[] {
    return [...text.matchAll(PATTERN[this.#traits.references])].map(([syntax, reference = '']) => [syntax, reference]);
  }

  /** The right is asked for before anybody looks whether the secret is there. */
  #mustRead({ place, key }: Target, syntax: string, { key: from, places: [home] }: Subject): void {
    if (!allows(this.#identity, 'readValue', place, key)) {
      throw new ApiFailure('forbidden', SENTENCES[this.#traits.referenceWords]({ place, key, syntax, from, home }));
    }
    // Read in the source of June 2025: the folder is taken for granted, and a value that names another one fails the call.
    if (this.#traits.references === '2025' && folderAt(place) === undefined) {
      throw new ApiFailure('internal', 'Something went wrong');
    }
  }

  #find(reference: string, places: readonly [Place, ...Place[]]): Target | undefined {
    const [home] = places;
    const parts = reference.split('.');
    if (parts.length === 1) {
      const place = places.find((each) => secretAt(each, reference) !== undefined) ?? home;
      return { place, key: reference, secret: secretAt(place, reference) };
    }
    const project = reference.startsWith('@') ? this.#otherProject(parts.shift()) : home.project;
    const environment = parts.shift();
    const key = parts.pop();
    if (project === undefined || environment === undefined || key === undefined) return undefined;
    const place = { project, environment, path: parts.reduce(joinPath, '/') };
    return { place, key, secret: secretAt(place, key) };
  }

  #otherProject(mark: string | undefined): Place['project'] | undefined {
    const project = this.#state.projectBySlug(mark?.slice(1) ?? '');
    return project !== undefined && isMember(this.#identity, project) ? project : undefined;
  }
}

interface Unreadable {
  readonly place: Place;
  readonly key: string;
  readonly syntax: string;
  /** The secret whose value has the reference, and its folder. */
  readonly from: string;
  readonly home: Place;
}

const SENTENCES: Readonly<Record<ReferenceWords, (what: Unreadable) => string>> = {
  brief: ({ syntax }) => `You are not allowed to read the value of ${syntax}`,
  '2025': ({ place: { environment, path }, key }) =>
    `You are attempting to reference secret named ${key} from environment ${environment} in path ${path} which you do not have access to read value on.`,
  '2026': ({ place: { environment, path }, key, from, home }) =>
    `You do not have permission to read secret '${key}' in environment '${environment}' at path '${path}', which is referenced by secret '${from}' in environment '${home.environment}' at path '${home.path}'.`,
};

function nameOf({ environment, path }: Place, key: string): string {
  return `${environment}:${path}:${key}`;
}

function secretAt(place: Place, key: string): StoredSecret | undefined {
  return folderAt(place)?.secrets.get(secretSlot(key, 'shared'));
}

/** Of a write on June 2025: everything that is referred to, and whether it is there before the write (row 11). */
export function requireReferenced(
  texts: readonly string[],
  home: Place,
  describe: (place: Place, key: string) => void,
): void {
  const wanted = texts.flatMap((text) =>
    [...text.matchAll(PATTERN['2025'])].map(([, reference = '']) => wantedBy(reference, home)),
  );
  const lost = wanted.filter(({ place }) => !place.project.environments.has(place.environment));
  if (lost.length > 0) {
    const names = [...new Set(lost.map(({ place }) => place.environment))];
    throw new ApiFailure('bad-request', `Referenced environment not found. Missing ${names.join(',')}`);
  }
  // The server takes the folder for granted here too.
  if (wanted.some(({ place }) => folderAt(place) === undefined))
    throw new ApiFailure('internal', 'Something went wrong');
  const missing = wanted.filter(({ place, key }) => secretAt(place, key) === undefined).map(({ key }) => key);
  if (missing.length > 0) throw new ApiFailure('bad-request', `Referenced secret(s) not found: ${missing.join(',')}`);
  for (const { place, key } of wanted) describe(place, key);
}

function wantedBy(reference: string, home: Place): { readonly place: Place; readonly key: string } {
  const [environment, ...parts] = reference.split('.');
  const key = parts.pop();
  if (environment === undefined || key === undefined) return { place: home, key: reference };
  return { place: { ...home, environment, path: parts.reduce(joinPath, '/') }, key };
}
