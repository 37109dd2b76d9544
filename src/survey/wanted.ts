// Which keys of its place a source asks for.

import type { SecretSpec } from '../core/workload.ts';
import { matcherOf } from './key-pattern.ts';

/** No pattern is held against a longer name: four times what Podman takes, so that what is merely too long can still be left out by one. */
export const MAX_MATCHED_KEY = 1024;

/** Does the source ask for this key? One that is too long to tell is asked for, so that it is refused by name. */
export function wantedBy({ include, exclude, keys }: SecretSpec): (key: string) => boolean {
  if (keys) {
    const names = new Set(keys.map(({ key }) => key));
    return (key) => names.has(key);
  }
  const included = matcherOf(include);
  const excluded = matcherOf(exclude);
  return (key) => isBeyondPatterns(key) || ((include.length === 0 || included(key)) && !excluded(key));
}

/** Is the name too long for any pattern to be held against it, and for Podman? */
export function isBeyondPatterns(key: string): boolean {
  return key.length > MAX_MATCHED_KEY;
}
