// What a value that is to be written refers to, and how a message names it. Pure.

import type { Place } from '../../provider/secret-source.ts';
import { referenceNames, referenceOf } from './references.ts';

/** Where a value is to stand. */
export type Home = { readonly environment: string; readonly path: Place['path'] };

/** Keys beside a value that it refers to. */
export function neighboursIn(text: string, home: Home): readonly string[] {
  return referenceNames(text).flatMap((name) => {
    const { key, place } = referenceOf(name);
    const beside = place === undefined || (place.environment === home.environment && place.path === home.path);
    return beside ? [key] : [];
  });
}

/** Does it lead out of the folder? Then more than a secret can be missing: an environment, a folder. */
export function leadsElsewhere(name: string): boolean {
  return name.includes('.');
}

const MOST_NAMED = 5;
const LONGEST_NAMED = 64;

/** References for a message: names are no values, but a long one may be a part of one. */
export function named(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMED).map((name) => (name.length > LONGEST_NAMED ? '${…}' : `\${${name}}`));
  return names.length > MOST_NAMED ? `${shown.join(', ')}, …` : shown.join(', ');
}
