// The patterns of `include` and `exclude`: picomatch says what one means, as a regular expression; how long it takes is not left to it.

import picomatch from 'picomatch';
import { linearMatcher } from './linear-regexp.ts';

/** Does one of the patterns take the whole key? */
export function matcherOf(patterns: readonly string[]): (key: string) => boolean {
  const matchers = patterns.map(matcherOfOne);
  return (key) => matchers.some((matches) => matches(key));
}

function matcherOfOne(pattern: string): (key: string) => boolean {
  // `dot`: a key that begins with a dot is matched like any other. Keys hold no path, so slashes have no meaning here.
  const matches = linearMatcher(picomatch.makeRe(pattern, { dot: true, bash: true }));
  // Text with brackets in it may be meant as it stands. A key without a name is no key to any pattern.
  return (key) => key !== '' && (key === pattern || matches(key));
}
